/* tree: after backward, each bucket in one fixed order of additions (fl_comm_sum_fixed): the same
 * bits every run, whatever algorithm the MPI library would pick, and however the buckets are cut.
 */
#include "reduce_internal.h"

static size_t work(const fl_comm *c, int n, const fl_span *buckets) {
    size_t most = 0;
    for (int i = 0; i < n; i++) most = buckets[i].len > most ? buckets[i].len : most;
    if (most > FL_SUM_WORK) most = FL_SUM_WORK;
    return fl_comm_size(c) > 1 ? most : 0;
}

static void begin(fl_reduce *r, int bucket) {
    (void)r, (void)bucket;
}

static void end(fl_reduce *r) {
    for (int i = 0; i < r->begun; i++) {
        size_t n;
        float *v = fl_reduce_enter(r, r->order[i], &n);
        fl_comm_sum_fixed(r->comm, v, n, r->work);
    }
}

const fl_reduce_ops fl_reduce_tree = {
    .name = "tree",
    .help = "After backward, in one fixed order of additions: the same bits every run.",
    .work = work,
    .begin = begin,
    .end = end,
};
