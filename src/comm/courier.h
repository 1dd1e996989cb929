/* courier.h: a thread that pushes on what is under way between nodes while its rank computes: a
 * message of MPI advances only inside calls of MPI, and a socket holds but some milliseconds of
 * what a wire can take.
 *
 * It and its rank call MPI in turns (MPI_THREAD_SERIALIZED): who does so while a courier may be at
 * work holds the lock. */
#ifndef FROSTLINE_COMM_COURIER_H
#define FROSTLINE_COMM_COURIER_H

#include "frostline/comm.h"

typedef struct fl_courier fl_courier;

/* `push` is called with the lock held, now and then, as long as it says that more is under way. */
fl_courier *fl_courier_open(fl_comm *c, bool (*push)(void *what), void *what);
void fl_courier_wake(fl_courier *k);  /* something is under way; with the lock held */
void fl_courier_close(fl_courier *k); /* NULL is allowed */

/* Does nothing where there is no courier. */
void fl_comm_lock(fl_comm *c);
void fl_comm_unlock(fl_comm *c);

#endif
