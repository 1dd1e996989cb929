/* cost.h: what a step will take on ranks and hosts that need not be there: the speed of each layer
 * as `frostline bench layers` measured it, the network's latency and rate, and the plan's bytes.
 *
 *     step = data + forward + backward + max(static, what is left of the sums) + update + other
 *
 * Between N nodes a message of b bytes takes α + b/β (Hockney 1994). A node sends s bytes for a
 * bucket, as the plan's traffic has it, in t messages one after the other: 2, there and back; 1 if
 * the bucket is short; 2 log2 N where crews go by halves (fl_network_turns). By reducer:
 *
 *     blocking  after backward, one after the other: the sum of t α + s/β over the buckets
 *     overlap   a bucket takes the wire for s/β once its gradient is there and the one before has
 *               left it, and is there t α later; what backward's end leaves of that is to be
 *               waited for (Li et al., "PyTorch Distributed", VLDB 2020), less the static part
 *     sharded   as overlap, with t/2 and the gradients' part of s; after the update the weights'
 *               part, all buckets at once: t/2 α + their s/β
 *     tree      after backward, piece by piece of 2^20 floats: at each distance p/2, p/4 … 1
 *               between ranks, p the power of two within their number, twice α and the halves that
 *               the busiest node sends there; twice a whole piece for ranks beyond p
 *
 * Beside early sums computing loses σ a byte that the rank sends meanwhile: σ of all bytes, and no
 * more than the share σ β of the time that it then takes.
 *
 * Other is what was measured besides; where ranks waited in it for the slowest of them, as much as
 * they compute of the whole net.
 *
 * To it come the sums within a node, as measured, and log2 N α for the control sums. Flights, a few
 * of which are under way, are taken to fill the wire: that they do if they hold more than α β
 * bytes. Seconds everywhere; nothing here is collective. */
#ifndef FROSTLINE_COST_H
#define FROSTLINE_COST_H

#include "frostline/plan.h"

typedef struct fl_network {
    char name[64];
    int nodes;               /* between which it was measured; 0: none */
    double latency;          /* α: of a message between two nodes */
    double bytes_per_second; /* β: of payload that a node sends while it receives as much */
    double slowdown;         /* σ: seconds that a computing core loses to a byte that is sent */
} fl_network;

/* "1gbit", "25gbit": nominal, with TCP's headers on Ethernet and no slow-down; else a file: what
 * `frostline bench network --json` printed. FL_ERR_INPUT says what is wrong with a file,
 * FL_ERR_CONFIG if it is none, and what is; or_measured: the caller takes that word too. */
fl_status fl_network_open(const char *what, bool or_measured, fl_network *out);
/* Messages one after the other when one rank of each node sums so many floats. */
double fl_network_turns(int nodes, size_t floats);

/* Layers of one net as ranks on one machine ran them all at the same time. */
typedef struct fl_speeds fl_speeds;
/* Reads what `frostline bench layers --json` printed. FL_ERR_INPUT if it does not tell of each
 * layer of `m`. */
fl_status fl_speeds_open(const char *path, const fl_model *m, fl_speeds **out);
/* Whether `m` is the net that they are of: the same layers with the same shapes and parameters. */
bool fl_speeds_fit(const fl_speeds *s, const fl_model *m);
void fl_speeds_close(fl_speeds *s); /* NULL is allowed */

typedef struct fl_cost_conf {  /* where a step runs */
    int nodes;                 /* its ranks are spread evenly over them */
    const fl_network *network; /* NULL: one node */
    const fl_speeds *speeds;   /* of as many ranks at once as a machine has, if it can be */
    double crowd;     /* times as many ranks as in the speeds, on as many cores; at least 1 */
    double at_a_core; /* ranks that take turns on one; at least 1 */
    bool shards, overlaps, by_rank; /* what the reducer does (reduce.h) */
    bool coded;                     /* gradients travel in two bytes a number */
    bool keeps;                     /* features are to be kept (fl_experiment_keeps) */
} fl_cost_conf;

/* Fills in p->cost; its traffic must have been worked out for these nodes. What the plan runs of a
 * layer's backward, of which the whole was measured, is its share of the FLOPs. */
void fl_cost_of(const fl_cost_conf *conf, fl_plan *p);

#endif
