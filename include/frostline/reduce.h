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
    int allreduce_dtype; /* float32 */
} fl_reduce_conf;
extern const fl_field fl_reduce_fields[]; /* the config's `distributed` section */

typedef struct fl_reduce fl_reduce;

typedef struct fl_ledger {  /* what was really done, since the last fl_reduce_take */
    uint64_t payload_bytes; /* of gradient given to the reduction; with one rank too */
    uint64_t wire_bytes;    /* what a bandwidth-optimal all-reduce of it sends from this rank:
                             * 2 (np-1)/np of a step's payload, rounded down */
    uint64_t calls;         /* sums, one a bucket */
    double seconds;         /* from the first sum of a step until all are complete */
    double exposed_seconds; /* of them, those inside fl_reduce_begin and fl_reduce_end, when nothing
                             * else ran on this rank */
} fl_ledger;

typedef struct fl_reduce_ops {
    const char *name, *help;
    /* Work memory in floats that `begin` and `end` want for these buckets. */
    size_t (*work)(const fl_comm *c, int n, const fl_span *buckets);
    void (*begin)(fl_reduce *r, int bucket); /* its gradient on this rank is complete */
    void (*end)(fl_reduce *r); /* on return every bucket holds the sum over all ranks */
} fl_reduce_ops;
const fl_reduce_ops *const *fl_reducers_all(void);

/* Collective. gradients is borrowed; buckets are copied. FL_ERR_DISAGREE if the ranks do not bring
 * the same buckets. */
fl_status fl_reduce_open(fl_comm *c, const fl_reduce_conf *conf, int n, const fl_span *buckets,
                         float *gradients, fl_reduce **out);
void fl_reduce_close(fl_reduce *r);
size_t fl_reduce_work(const fl_comm *c, const fl_reduce_conf *conf, int n,
                      const fl_span *buckets); /* floats */
/* One step: each bucket is begun once, in the same order on every rank; then the end. Between them
 * fl_comm_progress may be called at any time to let what is begun advance. */
void fl_reduce_begin(fl_reduce *r, int bucket);
void fl_reduce_end(fl_reduce *r);
fl_ledger fl_reduce_take(fl_reduce *r);

#endif
