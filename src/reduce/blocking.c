/* blocking: after backward, one sum a bucket, one after the other. The baseline. */
#include "reduce_internal.h"

static void end(fl_reduce *r) {
    for (int i = 0; i < r->begun; i++) {
        fl_span s = fl_reduce_enter(r, r->order[i]);
        fl_window_wait(r->gradients, fl_window_slice_begin(r->gradients, s));
        fl_reduce_leave(r, r->order[i]);
    }
}

const fl_reduce_ops fl_reduce_blocking = {
    .name = "blocking",
    .help = "One sum a bucket, after backward.",
    .end = end,
};
