/* overlap: a bucket's all-reduce begins as soon as its gradient is complete, and runs while
 * backward computes the next one's (Li et al., "PyTorch Distributed", VLDB 2020). Non-blocking
 * collectives advance only inside MPI calls, so each beginning also pushes the earlier ones. */
#include "reduce_internal.h"

static size_t work(const fl_comm *c, int n, const fl_span *buckets) {
    (void)c, (void)n, (void)buckets;
    return 0;
}

static void begin(fl_reduce *r, int bucket) {
    size_t n;
    float *v = fl_reduce_enter(r, bucket, &n);
    fl_comm_progress(r->comm);
    r->handle[bucket] = fl_comm_sum_begin(r->comm, v, n);
}

static void end(fl_reduce *r) {
    for (int i = 0; i < r->begun; i++) fl_comm_wait(r->comm, r->handle[r->order[i]]);
}

const fl_reduce_ops fl_reduce_overlap = {
    .name = "overlap",
    .help = "Each bucket's all-reduce runs while backward goes on.",
    .work = work,
    .begin = begin,
    .end = end,
};
