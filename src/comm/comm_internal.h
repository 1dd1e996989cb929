/* What the files of src/comm share; <mpi.h> comes into the program here and nowhere else. */
#ifndef FROSTLINE_COMM_INTERNAL_H
#define FROSTLINE_COMM_INTERNAL_H

#include <mpi.h>
#include <pthread.h>

#include "comm/courier.h"
#include "comm/watchdog.h"
#include "frostline/comm.h"

struct fl_comm {
    MPI_Comm world, node; /* our own duplicates; MPI_COMM_NULL without MPI */
    bool finalises;       /* fl_comm_open initialised MPI, so fl_comm_close ends it */
    int rank, size, node_rank, node_size, nodes, node_number;
    fl_progress progress;
    fl_watchdog *watchdog; /* NULL: none */
    pthread_mutex_t lock;  /* for calls of MPI while there are couriers (courier.h) */
    int couriers;
    int *node_of;      /* (size): the first rank of each rank's node; NULL without MPI */
    fl_traffic other;  /* what nobody asked to count apart */
    fl_traffic *count; /* where what is begun is counted */
};

/* This rank hands so many bytes to MPI, in so many messages. */
static inline void fl_comm_sends(fl_comm *c, int to, size_t bytes, size_t messages) {
    bool leaves = c->node_of[to] != c->node_of[c->rank];
    c->count->mpi_bytes += bytes;
    c->count->sent_bytes += leaves ? bytes : 0;
    c->count->messages += leaves ? messages : 0;
}

/* MPI counts are ints, so long vectors go in pieces of so many elements. Far below INT_MAX, and far
 * above the length where an all-reduce is paid by latency. */
enum { FL_COMM_PIECE = 1 << 24 };

static inline int fl_comm_piece(size_t left) {
    return left < FL_COMM_PIECE ? (int)left : FL_COMM_PIECE;
}

/* Collective. The text of `root` on every rank; the caller frees it. */
char *fl_comm_bcast_text(fl_comm *c, const char *mine, int root);

#endif
