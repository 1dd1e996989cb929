/* The fixed-order sum: recursive halving and doubling (Rabenseifner, "Optimization of collective
 * reduction operations", ICCS 2004).
 *
 * With p the largest power of two not above the number of ranks, element i of the result is always
 *
 *     S(r, 0) = v[r] + v[r + p]                      (v[r] alone where there is no rank r + p)
 *     S(r, k) = S(r, k-1) + S(r xor p/2^k, k-1)      for k = 1 … log2 p
 *
 * wherever i lies in the vector: cutting a vector into buckets or pieces differently changes no
 * bit. */
#include "comm/payload.h"
#include "comm/sum.h"
#include "comm_internal.h"

static void exchange(fl_comm *c, int partner, const float *give, size_t n_give, float *take,
                     size_t n_take) {
    fl_comm_sends(c, partner, n_give * sizeof *give);
    MPI_Sendrecv(give, (int)n_give, MPI_FLOAT, partner, 0, take, (int)n_take, MPI_FLOAT, partner, 0,
                 c->world, MPI_STATUS_IGNORE);
}

/* Sums v over the ranks that differ from this one in the bits of `distance` and below. Each of the
 * pair sums one half, the ranks beneath them do the rest of it, and then the halves are swapped. */
static void butterfly(fl_comm *c, int distance, float *v, size_t n, float *work) {
    if (distance == 0) return;
    int partner = c->rank ^ distance;
    size_t low = n / 2, high = n - low;
    bool upper = (c->rank & distance) != 0;
    float *mine = upper ? v + low : v, *theirs = upper ? v : v + low;
    size_t n_mine = upper ? high : low, n_theirs = upper ? low : high;
    exchange(c, partner, theirs, n_theirs, work, n_mine);
    fl_payload_add(mine, work, n_mine);
    butterfly(c, distance / 2, mine, n_mine, work);
    exchange(c, partner, mine, n_mine, theirs, n_theirs);
}

static void send_whole(fl_comm *c, const float *v, int n, int to) {
    fl_comm_sends(c, to, (size_t)n * sizeof *v);
    MPI_Send(v, n, MPI_FLOAT, to, 0, c->world);
}

/* Ranks p and above only lend their numbers to rank - p, and get the sum back from it. */
static void sum_piece(fl_comm *c, float *v, int n, float *work) {
    int p = fl_power_of_two_within(c->size);
    if (c->rank >= p) {
        send_whole(c, v, n, c->rank - p);
        MPI_Recv(v, n, MPI_FLOAT, c->rank - p, 0, c->world, MPI_STATUS_IGNORE);
        return;
    }
    bool lent = c->rank + p < c->size;
    if (lent) {
        MPI_Recv(work, n, MPI_FLOAT, c->rank + p, 0, c->world, MPI_STATUS_IGNORE);
        fl_payload_add(v, work, (size_t)n);
    }
    butterfly(c, p / 2, v, (size_t)n, work);
    if (lent) send_whole(c, v, n, c->rank + p);
}

void fl_comm_sum_fixed(fl_comm *c, float *v, size_t n, float *work) {
    if (c->size == 1) return;
    FL_WAITING(c, "a sum over all ranks");
    fl_comm_lock(c);
    for (size_t at = 0; at < n; at += FL_SUM_WORK)
        sum_piece(c, v + at, n - at < FL_SUM_WORK ? (int)(n - at) : FL_SUM_WORK, work);
    fl_comm_unlock(c);
}
