/* sharded: each rank gets the sum of its share of every bucket, updates that share alone, with the
 * optimizer state of that share alone, and gives the weights to the others (ZeRO stage 1:
 * Rajbhandari et al., SC 2020). */
#include "reduce_internal.h"

static void begin(fl_reduce *r, int bucket) {
    r->ticket[bucket] = fl_window_scatter_begin(r->gradients, fl_reduce_enter(r, bucket));
}

static void end(fl_reduce *r) {
    for (int i = 0; i < r->begun; i++) {
        fl_window_wait(r->gradients, r->ticket[r->order[i]]);
        fl_reduce_leave(r, r->order[i]);
    }
}

static fl_traffic foretell(const fl_seat *at, fl_span s) {
    return fl_foretell(at, FL_WINDOW_SCATTER, s);
}

const fl_reduce_ops fl_reduce_sharded = {
    .name = "sharded",
    .help = "Each rank sums and updates its share of the weights, and keeps optimizer state for "
            "that share alone.",
    .shards = true,
    .begin = begin,
    .end = end,
    .foretell = foretell,
};
