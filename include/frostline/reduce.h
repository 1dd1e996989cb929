/* reduce.h: summing gradients over the ranks. Sees spans of floats, knows no model. A reducer is
 * one file in src/reduce and one line in reducers.def. */
#ifndef FROSTLINE_REDUCE_H
#define FROSTLINE_REDUCE_H

#include "frostline/comm.h"
#include "frostline/field.h"
#include "frostline/tensor.h"

typedef struct fl_reduce_conf {
    int reducer; /* index into the registry */
    double bucket_mb;
    int allreduce_dtype;    /* fl_wire */
    double timeout;         /* seconds, for fl_comm_watch; 0: none */
    int reproducible;       /* fl_reproducible */
    int64_t virtual_shards; /* a power of two */
} fl_reduce_conf;
typedef enum fl_reproducible { FL_REPRODUCIBLE_OFF, FL_REPRODUCIBLE_RANKS } fl_reproducible;
extern const fl_field fl_reduce_fields[]; /* the config's `distributed` section */

typedef struct fl_reduce fl_reduce;

typedef struct fl_ledger {  /* what was really done, since the last fl_reduce_take */
    uint64_t payload_bytes; /* of gradient given to the reduction; with one rank too */
    uint64_t wire_bytes;    /* what a bandwidth-optimal all-reduce of it sends from this rank:
                             * 2 (np-1)/np of a step's payload, rounded down */
    uint64_t calls;         /* sums, one a bucket */
    double seconds;         /* from the first sum of a step until all are complete */
    double exposed_seconds; /* of them, those inside fl_reduce_begin, fl_reduce_end and
                             * fl_reduce_publish, when nothing else ran on this rank */
} fl_ledger;

typedef struct fl_account { /* of one bucket on this rank, since fl_reduce_clear_accounts */
    uint64_t payload_bytes, calls, publications;
    fl_traffic moved;       /* as it was counted where it was done */
    fl_traffic foretold;    /* as the reducer's formula says, for so many calls and publications */
    double seconds;         /* from its beginning to its sum, and to its publication */
    double exposed_seconds; /* of them, when nothing else ran on this rank */
} fl_account;

typedef struct fl_reduce_ops fl_reduce_ops;
struct fl_reduce_ops {
    const char *name, *help;
    /* NULL, or finds the reducer to be used instead; collective. The rest is then NULL. */
    fl_status (*choose)(fl_comm *c, int n, const fl_span *buckets, const fl_reduce_ops **out);
    bool by_rank; /* adds in the order of the ranks; else within nodes first */
    bool shards;  /* each node updates its share of a bucket, not all of it */
    /* Work memory in floats that `begin` and `end` want for these buckets. */
    size_t (*work)(int ranks, int n, const fl_span *buckets);
    void (*begin)(fl_reduce *r, int bucket); /* its gradient on this rank is complete */
    void (*end)(fl_reduce *r); /* on return each bucket holds the sum, in what this rank owns */
    /* What one sum of a span moves on a rank; NULL: what fl_window_slice_begin does. */
    fl_traffic (*foretell)(const fl_seat *at, fl_span s);
};
const fl_reduce_ops *const *fl_reducers_all(void);

/* Parts first … first + count - 1 of `of` that a micro-batch is cut into. */
typedef struct fl_share {
    int first, count, of;
} fl_share;
/* What this rank works on: one part of as many as there are ranks; or, `reproducible: ranks`, a
 * block of the virtual shards, each for itself, whose gradients are added in one binary tree: 0 +
 * 1, 2 + 3, …, then (0 + 1) + (2 + 3), … At n ranks, n a power of two, each has one subtree of as
 * many shards; between two powers some have half as many. FL_ERR_CONFIG if a rank would have none.
 * Not collective. */
fl_status fl_reduce_share(const fl_comm *c, const fl_reduce_conf *conf, fl_share *out);
/* Parts that a micro-batch is cut into at so many ranks, and the most that one of them has. */
int fl_reduce_parts(const fl_reduce_conf *conf, int ranks);
int fl_reduce_most_parts(const fl_reduce_conf *conf, int ranks);

/* Collective. The gradients are borrowed; buckets are copied. FL_ERR_DISAGREE if the ranks do not
 * bring the same buckets; FL_ERR_CONFIG if this reducer cannot keep the order of the shards here.
 */
fl_status fl_reduce_open(fl_comm *c, const fl_reduce_conf *conf, int n, const fl_span *buckets,
                         fl_window *gradients, fl_reduce **out);
void fl_reduce_close(fl_reduce *r);
size_t fl_reduce_work(int ranks, const fl_reduce_conf *conf, int n,
                      const fl_span *buckets); /* floats */

/* One span a bucket: what this rank is to update of it. The ranks of a node share a bucket out
 * among themselves; every node updates all of it, or, if the reducer shards, its share. Valid until
 * the close. */
const fl_span *fl_reduce_owned(const fl_reduce *r);
/* The same, but every float of a bucket has one rank: to count each once. */
const fl_span *fl_reduce_counted(const fl_reduce *r);
/* Collective. v: as long as the gradients, common to the ranks of a node, with what the owners keep
 * (optimizer state). Gives every node all of it: to save it, or to share it out anew. */
void fl_reduce_gather(fl_reduce *r, fl_window *v);
/* Gives back the memory of what this rank's node does not own. It then reads as 0. */
void fl_reduce_forget(const fl_reduce *r, fl_window *v);

/* One step: each bucket is begun once for each of this rank's parts, in their order, when its
 * gradient from that part alone is complete, in the same order on every rank; then the end; then,
 * once the owners have updated them, the weights are published: they become the same on every rank.
 */
void fl_reduce_begin(fl_reduce *r, int bucket);
void fl_reduce_end(fl_reduce *r);
/* What is begun goes on while this rank computes something else, so that it is worth having some.
 */
bool fl_reduce_goes_on(const fl_reduce *r);
void fl_reduce_publish(fl_reduce *r, fl_window *weights);
fl_ledger fl_reduce_take(fl_reduce *r);

/* One a bucket; with it, what was to be expected. Neither is collective, nor for every step. */
const fl_account *fl_reduce_accounts(fl_reduce *r);
void fl_reduce_clear_accounts(fl_reduce *r);
/* What a step moves on this rank for a bucket of n floats, from its beginning to its publication:
 * for n other than there are, such as with nothing frozen. After the first fl_reduce_publish. */
fl_traffic fl_reduce_foretell(const fl_reduce *r, size_t n);
/* The same before there are ranks: of a bucket, on the rank that stands there, whose node keeps one
 * copy of the weights. `auto`: as `overlap`, for it measures before it chooses. */
fl_traffic fl_reduce_foretell_on(const fl_seat *at, const fl_reduce_conf *conf, fl_span s);

#endif
