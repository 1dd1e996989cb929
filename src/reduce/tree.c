/* tree: after backward, each bucket in one fixed order of additions (fl_comm_sum_fixed): the same
 * bits every run, whatever algorithm the MPI library would pick, wherever the ranks run, and
 * however the buckets are cut. */
#include "reduce_internal.h"

/* Where all ranks share one memory the window adds in just this order. */
static size_t work(int ranks, int n, const fl_span *buckets) {
    size_t most = 0;
    for (int i = 0; i < n; i++) most = buckets[i].len > most ? buckets[i].len : most;
    return ranks == 1 ? 0 : most < FL_SUM_WORK ? most : FL_SUM_WORK;
}

static void sum(fl_reduce *r, fl_span s) {
    if (fl_window_is_whole(r->gradients))
        fl_window_wait(r->gradients, fl_window_slice_begin(r->gradients, s));
    else
        fl_comm_sum_fixed(r->comm, fl_window_floats(r->gradients) + s.off, s.len, r->work);
}

static void end(fl_reduce *r) {
    for (int i = 0; i < r->begun; i++) {
        sum(r, fl_reduce_enter(r, r->order[i]));
        fl_reduce_leave(r, r->order[i]);
    }
}

static fl_traffic foretell(const fl_seat *at, fl_span s) {
    return fl_seat_is_whole(at) ? fl_foretell(at, FL_WINDOW_SLICE, s)
                                : fl_foretell_fixed(at, s.len);
}

const fl_reduce_ops fl_reduce_tree = {
    .name = "tree",
    .help = "After backward, in one fixed order of additions: the same bits every run.",
    .by_rank = true,
    .work = work,
    .end = end,
    .foretell = foretell,
};
