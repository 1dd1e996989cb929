/* The collectives. With one rank each is the identity and MPI is not called. Others of this rank's
 * messages may be under way meanwhile, so each takes the lock. */
#include <string.h>

#include "comm_internal.h"

/* MPI's own algorithms are its own affair: what they send is known for the short all-reduce of each
 * step alone. */
static void count_vector(fl_comm *c, size_t bytes) {
    c->count->mpi_bytes += bytes;
}

static void count_doubling(fl_comm *c, size_t bytes) {
    count_vector(c, bytes);
    for (int d = 1; d < c->size; d *= 2) {
        int partner = c->rank ^ d;
        bool leaves = partner < c->size && c->node_of[partner] != c->node_of[c->rank];
        c->count->sent_bytes += leaves ? bytes : 0;
        c->count->messages += leaves;
    }
}

void fl_comm_barrier(fl_comm *c) {
    if (c->size == 1) return;
    FL_WAITING(c, "a barrier");
    fl_comm_lock(c);
    MPI_Barrier(c->world);
    fl_comm_unlock(c);
}

void fl_comm_bcast(fl_comm *c, void *p, size_t bytes, int root) {
    if (c->size == 1) return;
    FL_WAITING(c, "a broadcast");
    fl_comm_lock(c);
    count_vector(c, bytes);
    for (size_t at = 0; at < bytes; at += FL_COMM_PIECE)
        MPI_Bcast((char *)p + at, fl_comm_piece(bytes - at), MPI_BYTE, root, c->world);
    fl_comm_unlock(c);
}

char *fl_comm_bcast_text(fl_comm *c, const char *mine, int root) {
    uint64_t len = strlen(mine);
    fl_comm_bcast(c, &len, sizeof len, root);
    char *text = fl_alloc(len + 1);
    if (fl_comm_rank(c) == root) memcpy(text, mine, len);
    fl_comm_bcast(c, text, len, root);
    return text;
}

/* Too long for one call: each rank's part is broadcast in turn. */
static void gather_long(fl_comm *c, size_t bytes, char *all) {
    for (int r = 0; r < c->size; r++) fl_comm_bcast(c, all + (size_t)r * bytes, bytes, r);
}

void fl_comm_gather(fl_comm *c, const void *mine, size_t bytes, void *all) {
    if (bytes) memcpy((char *)all + (size_t)c->rank * bytes, mine, bytes);
    if (c->size == 1) return;
    FL_WAITING(c, "an exchange between all ranks");
    if (bytes > FL_COMM_PIECE) {
        gather_long(c, bytes, all);
    } else {
        fl_comm_lock(c);
        count_vector(c, bytes);
        MPI_Allgather(MPI_IN_PLACE, 0, MPI_BYTE, all, (int)bytes, MPI_BYTE, c->world);
        fl_comm_unlock(c);
    }
}

static void all_reduce(fl_comm *c, void *v, size_t n, size_t each, MPI_Datatype type, MPI_Op op) {
    if (c->size == 1) return;
    FL_WAITING(c, "a sum over all ranks");
    fl_comm_lock(c);
    count_doubling(c, n * each);
    for (size_t at = 0; at < n; at += FL_COMM_PIECE)
        MPI_Allreduce(MPI_IN_PLACE, (char *)v + at * each, fl_comm_piece(n - at), type, op,
                      c->world);
    fl_comm_unlock(c);
}

void fl_comm_sum(fl_comm *c, float *v, size_t n) {
    all_reduce(c, v, n, sizeof *v, MPI_FLOAT, MPI_SUM);
}

void fl_comm_sum_double(fl_comm *c, double *v, size_t n) {
    all_reduce(c, v, n, sizeof *v, MPI_DOUBLE, MPI_SUM);
}

void fl_comm_max_double(fl_comm *c, double *v, size_t n) {
    all_reduce(c, v, n, sizeof *v, MPI_DOUBLE, MPI_MAX);
}
