/* overlap: a bucket's sum begins as soon as its gradient is complete, and advances while backward
 * computes the next one's (Li et al., "PyTorch Distributed", VLDB 2020): at each beginning, what
 * all neighbours have brought is added up, and what MPI has under way is pushed on. */
#include "reduce_internal.h"

static void begin(fl_reduce *r, int bucket) {
    r->ticket[bucket] = fl_window_slice_begin(r->gradients, fl_reduce_enter(r, bucket));
}

static void end(fl_reduce *r) {
    for (int i = 0; i < r->begun; i++) {
        fl_window_wait(r->gradients, r->ticket[r->order[i]]);
        fl_reduce_leave(r, r->order[i]);
    }
}

const fl_reduce_ops fl_reduce_overlap = {
    .name = "overlap",
    .help = "Each bucket's sum runs while backward goes on.",
    .begin = begin,
    .end = end,
};
