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
#include "comm/patience.h"
#include "comm/payload.h"
#include "comm/sum.h"
#include "comm/work.h"
#include "comm_internal.h"

enum { MESSAGES = FL_SUM_WORK / FL_LONGEST_MESSAGE + 1 }; /* of a piece */

typedef struct exchange { /* with one partner; each message a request */
    int n_in, n_out;
    MPI_Request in[MESSAGES], out[MESSAGES];
} exchange;

static void begin(fl_comm *c, int partner, const float *give, size_t n_give, float *take,
                  size_t n_take, exchange *x) {
    x->n_in = x->n_out = 0;
    for (size_t at = 0, n; at < n_take; at += n) {
        n = fl_payload_message(n_take - at);
        MPI_Irecv(take + at, (int)n, MPI_FLOAT, partner, 0, c->world, &x->in[x->n_in++]);
    }
    for (size_t at = 0, n; at < n_give; at += n) {
        n = fl_payload_message(n_give - at);
        MPI_Isend(give + at, (int)n, MPI_FLOAT, partner, 0, c->world, &x->out[x->n_out++]);
    }
    fl_comm_sends(c, partner, n_give * sizeof *give, fl_messages_of(n_give));
}

static void end(exchange *x) {
    fl_wait_all(x->n_in, x->in);
    fl_wait_all(x->n_out, x->out);
}

static void swap(fl_comm *c, int partner, const float *give, size_t n_give, float *take,
                 size_t n_take) {
    exchange x;
    begin(c, partner, give, n_give, take, n_take, &x);
    end(&x);
}

/* Adds to v each message as it comes, while others are on their way. */
static void swap_and_add(fl_comm *c, int partner, const float *give, size_t n_give, float *v,
                         size_t n, float *work) {
    exchange x;
    begin(c, partner, give, n_give, work, n, &x);
    for (size_t i = 0, at = 0, come; at < n; i++, at += come) {
        come = fl_payload_message(n - at);
        fl_wait_all(1, &x.in[i]);
        fl_payload_add(v + at, work + at, come);
    }
    end(&x);
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
    swap_and_add(c, partner, theirs, n_theirs, mine, n_mine, work);
    butterfly(c, distance / 2, mine, n_mine, work);
    swap(c, partner, mine, n_mine, theirs, n_theirs);
}

/* Ranks p and above only lend their numbers to rank - p, and get the sum back from it. */
static void sum_piece(fl_comm *c, float *v, size_t n, float *work) {
    int p = fl_power_of_two_within(c->size);
    if (c->rank >= p) {
        swap(c, c->rank - p, v, n, NULL, 0);
        swap(c, c->rank - p, NULL, 0, v, n);
        return;
    }
    bool lent = c->rank + p < c->size;
    if (lent) swap_and_add(c, c->rank + p, NULL, 0, v, n, work);
    butterfly(c, p / 2, v, n, work);
    if (lent) swap(c, c->rank + p, v, n, NULL, 0);
}

void fl_comm_sum_fixed(fl_comm *c, float *v, size_t n, float *work) {
    if (c->size == 1) return;
    FL_WAITING(c, "a sum over all ranks");
    fl_comm_lock(c);
    for (size_t at = 0; at < n; at += FL_SUM_WORK)
        sum_piece(c, v + at, n - at < FL_SUM_WORK ? n - at : FL_SUM_WORK, work);
    fl_comm_unlock(c);
}
