/* patience.h: waiting for other ranks without keeping a core from them. */
#ifndef FROSTLINE_COMM_PATIENCE_H
#define FROSTLINE_COMM_PATIENCE_H

#include <mpi.h>

/* One round of waiting, between two looks; `round` counts, from 0. The first rounds, `spins` of
 * them, are a breath; in the next ones others are let run; then this thread sleeps for moments:
 * what takes long is not much longer by them. */
void fl_patience(int *round, int spins);
/* As many spins as suit so many ranks on this machine. */
int fl_patience_spins(int ranks);

/* Until all are done; what they were is gone. */
void fl_wait_all(int n, MPI_Request *request);

#endif
