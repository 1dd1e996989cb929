/* cost.h: what a step will take on ranks and hosts that need not be there: the speed of each layer
 * as `frostline bench layers` measured it, the network's latency and rate, and the plan's bytes.
 *
 *     step = data + forward + backward + max(static, what is left of the sums) + update + other
 *
 * where a bucket of b bytes takes  messages in a row · α + b / β  between nodes (Hockney 1994),
 * begins once its gradient is there and the bucket before has gone, and is left if backward ends
 * before it does (Li et al., "PyTorch Distributed", VLDB 2020). Seconds everywhere; nothing here is
 * collective. */
#ifndef FROSTLINE_COST_H
#define FROSTLINE_COST_H

#include "frostline/plan.h"

typedef struct fl_network {
    char name[64];
    int nodes;               /* between which it was measured; 0: none */
    double latency;          /* α: of a message between two nodes */
    double bytes_per_second; /* β: of payload that a node sends while it receives as much */
    double slowdown;         /* seconds that a computing core loses to a byte that is sent */
} fl_network;

/* "1gbit", "25gbit": nominal, with TCP's headers on Ethernet and no slow-down; else a file: what
 * `frostline bench network --json` printed. FL_ERR_INPUT says what is wrong with a file,
 * FL_ERR_CONFIG if it is none. */
fl_status fl_network_open(const char *what, fl_network *out);

/* Layers of one net as ranks on one machine ran them all at the same time. */
typedef struct fl_speeds fl_speeds;
/* Reads what `frostline bench layers --json` printed. FL_ERR_INPUT if it does not tell of each
 * layer of `m`. */
fl_status fl_speeds_open(const char *path, const fl_model *m, fl_speeds **out);
void fl_speeds_close(fl_speeds *s); /* NULL is allowed */
int fl_speeds_ranks(const fl_speeds *s);

typedef struct fl_cost_conf {  /* where a step runs */
    int nodes;                 /* its ranks are spread evenly over them */
    const fl_network *network; /* NULL: one node */
    const fl_speeds *speeds;   /* of as many ranks at once as a machine has, if it can be */
    double crowd;          /* times as many ranks as in the speeds, on as many cores; at least 1 */
    double at_a_core;      /* ranks that take turns on one; at least 1 */
    bool shards, overlaps; /* what the reducer does (reduce.h) */
} fl_cost_conf;

/* Fills in p->cost; its traffic must have been worked out for these nodes. What the plan runs of a
 * layer's backward, of which the whole was measured, is its share of the FLOPs. */
void fl_cost_of(const fl_cost_conf *conf, fl_plan *p);

#endif
