/* The plan of one freeze phase. */
#include "train/session.h"

static void nothing_trains(fl_model *m) {
    for (int l = 0; l < m->n_layers; l++) {
        m->layer[l].trainable = false;
        m->layer[l].wants_gradient = false;
        m->layer[l].is_static = true;
    }
}

fl_span *fl_phase_buckets(const fl_plan *p) {
    fl_span *spans = fl_alloc((size_t)p->n_buckets * sizeof *spans);
    for (int i = 0; i < p->n_buckets; i++) spans[i] = p->bucket[i].span;
    return spans;
}

/* What the reducer changes of the plan's memory. */
static void count_reducer(const fl_experiment *x, fl_plan *p) {
    fl_span *buckets = fl_phase_buckets(p);
    p->memory.reducer =
        fl_reduce_work(p->conf.np, &x->reduce, p->n_buckets, buckets) * sizeof(float);
    fl_free(buckets);
}

fl_status fl_experiment_plan(const fl_experiment *x, int phase, int np, fl_plan **out) {
    const fl_kernels *kernels;
    FL_TRY(fl_kernels_select(&kernels));
    if (fl_reduce_parts(&x->reduce, np) < np)
        return fl_fail(
            FL_ERR_CONFIG,
            "'distributed.virtual_shards: %lld' are fewer than %d ranks; start fewer, or "
            "set it to a larger power of two (which gives other bits)",
            (long long)x->reduce.virtual_shards, np);
    fl_plan_conf conf = {
        .kernels = kernels,
        .conv = x->conv,
        .np = np,
        .batch_size = x->train.batch_size,
        .accumulation = x->train.accumulation,
        .parts = fl_reduce_parts(&x->reduce, np),
        .calls = fl_reduce_most_parts(&x->reduce, np),
        .bucket_bytes = (size_t)(x->reduce.bucket_mb * 1048576.0),
        .optimizer_slots = x->optim.ops->slots,
        .batches = (FL_READ_AHEAD + 1) * (x->data.validation ? 2 : 1),
    };
    if (phase == FL_PHASE_INFERENCE)
        nothing_trains(x->model);
    else
        fl_freeze_apply(x->freeze, phase, x->model);
    FL_TRY(fl_plan_open(x->model, &conf, out));
    count_reducer(x, *out);
    return FL_OK;
}
