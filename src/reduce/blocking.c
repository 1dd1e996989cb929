/* blocking: after backward, one all-reduce a bucket, one after the other. The baseline. */
#include "reduce_internal.h"

static size_t work(const fl_comm *c, int n, const fl_span *buckets) {
    (void)c, (void)n, (void)buckets;
    return 0;
}

static void begin(fl_reduce *r, int bucket) {
    (void)r, (void)bucket;
}

static void end(fl_reduce *r) {
    for (int i = 0; i < r->begun; i++) {
        size_t n;
        float *v = fl_reduce_enter(r, r->order[i], &n);
        fl_comm_sum(r->comm, v, n);
    }
}

const fl_reduce_ops fl_reduce_blocking = {
    .name = "blocking",
    .help = "One all-reduce a bucket, after backward.",
    .work = work,
    .begin = begin,
    .end = end,
};
