/* sums.h: what the sums of a step's gradients take between nodes. */
#ifndef FROSTLINE_COST_SUMS_H
#define FROSTLINE_COST_SUMS_H

#include "frostline/cost.h"

typedef struct fl_crossing { /* of one bucket, in seconds */
    double wire;             /* for which each node's link is busy */
    double latency;          /* of its messages in a row */
} fl_crossing;

typedef struct fl_sums {
    int n;                      /* buckets */
    bool early;                 /* they set out during backward, else one by one after it */
    fl_crossing *sum, *weights; /* (n): before the update, and after it; owned */
} fl_sums;

fl_sums fl_sums_of(const fl_cost_conf *conf, const fl_plan *p);
void fl_sums_close(fl_sums *s);

/* When the last has crossed, if each sets out at `ready` (NULL: 0) and takes the wire once those
 * before have left it. Their latencies pass at the same time. */
double fl_sums_last(int n, const fl_crossing *c, const double *ready);
/* The same if each sets out only when the one before has arrived. */
double fl_sums_in_turn(int n, const fl_crossing *c);

#endif
