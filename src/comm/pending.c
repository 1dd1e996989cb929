/* All-reduces that are begun now and waited for later. */
#include "comm_internal.h"

enum { DONE = -1 }; /* the handle of a sum that is complete already, and the end of a chain */

void fl_comm_pending_init(fl_comm *c) {
    for (int i = 0; i < FL_MAX_PENDING; i++) {
        c->request[i] = MPI_REQUEST_NULL;
        c->next[i] = i + 1 < FL_MAX_PENDING ? i + 1 : DONE;
    }
    c->free_slot = 0;
}

static int take_slot(fl_comm *c) {
    int slot = c->free_slot;
    c->free_slot = c->next[slot];
    c->n_taken++;
    if (c->high <= slot) c->high = slot + 1;
    return slot;
}

static void give_slot(fl_comm *c, int slot) {
    c->next[slot] = c->free_slot;
    c->free_slot = slot;
    if (--c->n_taken == 0) c->high = 0;
}

/* A full table is no error: what does not fit is summed at once. Every rank's table is equally
 * full, so every rank does the same. */
static int begin_piece(fl_comm *c, float *v, int n, int chain) {
    if (c->free_slot == DONE) {
        MPI_Allreduce(MPI_IN_PLACE, v, n, MPI_FLOAT, MPI_SUM, c->world);
        return chain;
    }
    int slot = take_slot(c);
    MPI_Iallreduce(MPI_IN_PLACE, v, n, MPI_FLOAT, MPI_SUM, c->world, &c->request[slot]);
    c->next[slot] = chain;
    return slot;
}

int fl_comm_sum_begin(fl_comm *c, float *v, size_t n) {
    int chain = DONE;
    if (c->size == 1) return chain;
    for (size_t at = 0; at < n; at += FL_COMM_PIECE)
        chain = begin_piece(c, v + at, fl_comm_piece(n - at), chain);
    return chain;
}

void fl_comm_progress(fl_comm *c) {
    int done, index[FL_MAX_PENDING];
    if (c->n_taken) MPI_Testsome(c->high, c->request, &done, index, MPI_STATUSES_IGNORE);
}

void fl_comm_wait(fl_comm *c, int handle) {
    while (handle != DONE) {
        int next = c->next[handle];
        MPI_Wait(&c->request[handle], MPI_STATUS_IGNORE);
        give_slot(c, handle);
        handle = next;
    }
}
