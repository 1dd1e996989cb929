/* What a reducer sees of an fl_reduce. */
#ifndef FROSTLINE_REDUCE_INTERNAL_H
#define FROSTLINE_REDUCE_INTERNAL_H

#include "frostline/reduce.h"

struct fl_reduce {
    fl_comm *comm;            /* borrowed */
    const fl_reduce_ops *ops; /* what sums */
    int n;
    fl_span *bucket;  /* (n) */
    float *gradients; /* borrowed */
    float *work;      /* ops->work floats */
    int *handle;      /* (n) of pending sums, for a reducer that has them */

    int begun;   /* buckets of this step so far */
    int *order;  /* (begun): as they came */
    bool *given; /* (n): which they are */
    fl_ledger ledger;
    uint64_t step_payload; /* bytes summed in this step */
    double started;        /* the first of this step's sums, by fl_clock; 0: not yet */
};

/* The floats of a bucket, entered in the ledger: call it where they really are summed, and only
 * there. */
float *fl_reduce_enter(fl_reduce *r, int bucket, size_t *n);

#endif
