/* What a reducer sees of an fl_reduce. */
#ifndef FROSTLINE_REDUCE_INTERNAL_H
#define FROSTLINE_REDUCE_INTERNAL_H

#include "frostline/reduce.h"

typedef struct fl_stopwatch { /* of one bucket, in ticks */
    uint64_t begun;           /* in the last step: when */
    uint64_t spent, exposed;  /* since the accounts were cleared */
} fl_stopwatch;

struct fl_reduce {
    fl_comm *comm;            /* borrowed */
    const fl_reduce_ops *ops; /* what sums */
    int n;
    fl_span *bucket;      /* (n) */
    fl_span *owned;       /* (n) */
    fl_span *counted;     /* (n) */
    fl_window *gradients; /* borrowed */
    float *work;          /* ops->work floats */
    fl_share share;
    int *done;        /* (n): parts of this step that a bucket has the gradient of */
    float *partial;   /* (levels, floats): sums of subtrees that wait for their neighbours */
    size_t floats;    /* that the buckets reach over */
    uint64_t *ticket; /* (n) of what is under way */

    int begun;   /* buckets of this step so far */
    int *order;  /* (begun): as they came */
    bool *given; /* (n): which they are */
    fl_ledger ledger;
    fl_account *account;     /* (n); its seconds are filled in when it is read: */
    fl_stopwatch *watch;     /* (n) */
    fl_window *weights;      /* what was last published; or NULL */
    uint64_t now;            /* ticks, when they were last read */
    uint64_t spent, exposed; /* ticks since fl_reduce_take */
    uint64_t step_payload;   /* bytes summed in this step */
    uint64_t started;        /* ticks at the first of this step's sums; 0: not yet */
};

/* Adds the gradient of one part to those before it. True if it was the last: the bucket then holds
 * the sum of all this rank's parts. */
bool fl_parts_add(fl_reduce *r, int bucket);
size_t fl_parts_work(const fl_share *s, size_t floats); /* floats of `partial` */
size_t fl_parts_floats(int n, const fl_span *buckets);

/* A bucket's span, entered in the ledger: call it where it really is summed, and only there. */
fl_span fl_reduce_enter(fl_reduce *r, int bucket);
/* Its sum is there: call it as soon as that is known. */
void fl_reduce_leave(fl_reduce *r, int bucket);
/* Since the clock was last read this rank has done nothing but reduce this bucket. */
void fl_reduce_spend(fl_reduce *r, int bucket);
void fl_reduce_close_step(fl_reduce *r);

/* What the sum of a bucket, and the publication of its weights, move on this rank. */
fl_traffic fl_foretell_sum(const fl_reduce_ops *ops, const fl_seat *gradients, fl_span s);
fl_traffic fl_foretell_publishing(const fl_reduce *r, fl_span s);

#endif
