/* The training step by itself, on synthetic rows: what it takes without data, log or checkpoints.
 * The order of the work is that of step.c. */
#include <math.h>
#include <sys/resource.h>

#include "frostline/rng.h"
#include "train/loss.h"
#include "train/session.h"
#include "train/watch.h"

typedef struct bench {
    fl_comm *c;
    const fl_experiment *x;
    fl_session *s;
    fl_share share;
    int outputs;
    float *input, *target; /* of the largest micro-batch of this rank */
    int64_t *sample;
    fl_batch batch; /* the micro-batch under way, or whose static part has run ahead */
    int64_t step;
} bench;

/* Part `i` of n things in `parts` parts begins at: */
static int64_t cut(int64_t n, int64_t parts, int64_t i) {
    return n * i / parts;
}

static void fill(bench *b) {
    size_t rows = (size_t)b->s->plan->rows, n = rows * fl_shape_size(b->s->model->input);
    fl_rng rng = {.seed = (uint64_t)b->x->run.seed, .stream = FL_STREAM_SYNTHETIC};
    rng.sample = (uint64_t)fl_comm_rank(b->c);
    b->input = fl_alloc_pages(n * sizeof(float));
    b->target = fl_alloc(rows * (size_t)b->outputs * sizeof(float));
    b->sample = fl_alloc(rows * sizeof *b->sample);
    for (size_t i = 0; i < n; i++) b->input[i] = (float)(2 * fl_rng_uniform(&rng, i) - 1);
    for (size_t r = 0; r < rows; r++) {
        b->target[r * (size_t)b->outputs + r % (size_t)b->outputs] = 1; /* each row its class */
        b->sample[r] = (int64_t)r;
    }
}

/* What a loader would bring of micro-batch i for this rank's nth part. */
static fl_batch batch_of(const bench *b, int nth, int64_t i) {
    int64_t all = b->x->train.batch_size, micro_batches = b->x->train.accumulation;
    int64_t rows = cut(all, micro_batches, i + 1) - cut(all, micro_batches, i);
    int64_t part = b->share.first + nth, first = cut(rows, b->share.of, part);
    return (fl_batch){
        .step_rows = all,
        .global_rows = rows,
        .nth = nth,
        .first = first,
        .rows = (int)(cut(rows, b->share.of, part + 1) - first),
        .last = i == micro_batches - 1,
        .x = b->input,
        .target = b->target,
        .sample = b->sample,
    };
}

static void forward_backward(bench *b, fl_score *score) {
    int64_t micro_batches = b->x->train.accumulation;
    for (int64_t k = 0; k < b->share.count * micro_batches; k++) {
        b->batch = batch_of(b, (int)(k / micro_batches), k % micro_batches);
        const float *logits = fl_engine_forward(b->s->engine, &b->batch, true, 1);
        fl_loss_batch((fl_loss)b->x->train.loss, &b->batch, logits, b->outputs,
                      fl_engine_logits_gradient(b->s->engine), score);
        fl_engine_backward(b->s->engine, b->batch.last);
    }
}

static void run_ahead(bench *b) {
    if (!fl_reduce_goes_on(b->s->reduce)) return;
    b->batch = batch_of(b, 0, 0);
    fl_engine_run_ahead(b->s->engine, &b->batch);
}

static double clip_scale(const bench *b) {
    double limit = b->x->train.clip_grad_norm;
    double norm = isnan(limit) ? 0 : fl_session_gradient_norm(b->s);
    return norm > limit ? limit / norm : 1;
}

static void update(bench *b, fl_times *time) {
    const fl_optim_conf *o = &b->x->optim;
    double start = fl_clock();
    fl_session_update(b->s, o->ops->learning_rate(o->conf), clip_scale(b), ++b->step);
    time->update = fl_clock() - start;
    fl_session_publish(b->s);
    time->reduce_exposed += fl_reduce_take(b->s->reduce).exposed_seconds;
}

/* One step, from barrier to barrier; returns the loss. */
static double run_step(bench *b, fl_bench_sample *out) {
    fl_times *t = &out->time;
    fl_score score = {0};
    *out = (fl_bench_sample){0};
    fl_comm_barrier(b->c);
    double start = fl_clock();
    forward_backward(b, &score);
    run_ahead(b);
    fl_reduce_end(b->s->reduce);
    t->reduce_exposed = fl_reduce_take(b->s->reduce).exposed_seconds;
    fl_comm_sum_double(b->c, (double *)&score, sizeof score / sizeof(double));
    update(b, t);
    fl_comm_barrier(b->c);
    out->seconds = fl_clock() - start;
    fl_engine_take_times(b->s->engine, &t->fixed, &t->forward, &t->backward);
    t->other =
        fmax(0, out->seconds - t->fixed - t->forward - t->backward - t->reduce_exposed - t->update);
    return score.loss / score.rows;
}

static void run_steps(bench *b, const fl_bench_conf *conf, fl_bench_result *out) {
    fl_bench_sample ignored;
    int layers = b->s->model->n_layers;
    out->n = conf->steps;
    out->sample = fl_alloc((size_t)conf->steps * sizeof *out->sample);
    for (int i = 0; i < conf->warmup; i++) run_step(b, &ignored);
    if (conf->layer) fl_watch_open();
    for (int i = 0; i < conf->steps; i++) {
        out->loss = run_step(b, &out->sample[i]);
        if (conf->layer) fl_watch_take(layers, conf->layer + (size_t)i * (size_t)layers);
    }
    if (conf->layer) fl_watch_close();
}

/* From barrier to barrier. The weights stay as they are: what is published again is what was. */
static double time_of_sum(bench *b) {
    fl_comm_barrier(b->c);
    double start = fl_clock();
    for (int i = 0; i < b->s->plan->n_buckets; i++)
        for (int k = 0; k < b->share.count; k++) fl_reduce_begin(b->s->reduce, i);
    fl_reduce_end(b->s->reduce);
    fl_session_publish(b->s);
    fl_comm_barrier(b->c);
    return fl_clock() - start;
}

static double median_of_sums(bench *b, int times) {
    double *t = fl_alloc((size_t)times * sizeof *t);
    for (int i = 0; i < times; i++) t[i] = time_of_sum(b);
    double median = fl_quantile(times, t, sizeof *t, 0.5);
    fl_free(t);
    return median;
}

static void measure_memory(const bench *b, fl_bench_result *out) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    out->peak_rss_bytes = (double)u.ru_maxrss * 1024;
    out->pss_bytes = fl_resident_bytes(b->c);
    fl_comm_max_double(b->c, &out->peak_rss_bytes, 1);
}

static fl_status open_session(bench *b) {
    fl_threads_choose_for(b->c, b->x);
    FL_TRY(fl_comm_agree(b->c, fl_reduce_share(b->c, &b->x->reduce, &b->share)));
    FL_TRY(fl_session_open(b->c, b->x, 0, &b->s));
    FL_TRY(fl_session_fill(b->s, NULL, true, NULL));
    return fl_session_start(b->s);
}

fl_status fl_bench_step(fl_comm *c, const fl_experiment *x, const fl_bench_conf *conf,
                        fl_bench_result *out) {
    const fl_model_layer *last = &x->model->layer[x->model->n_layers - 1];
    bench b = {.c = c, .x = x, .outputs = (int)fl_shape_size(last->shape)};
    *out = (fl_bench_result){0};
    fl_status status = open_session(&b);
    if (status == FL_OK) {
        fill(&b);
        run_steps(&b, conf, out);
        out->sum_seconds = median_of_sums(&b, conf->sums);
        measure_memory(&b, out);
        fl_free_pages(b.input,
                      (size_t)b.s->plan->rows * fl_shape_size(x->model->input) * sizeof(float));
    }
    fl_free(b.target);
    fl_free(b.sample);
    fl_session_close(b.s);
    return status;
}

fl_status fl_bench_plan(const fl_experiment *x, int rows, fl_plan **out) {
    fl_experiment one = *x; /* borrows all that it holds */
    one.train.batch_size = rows;
    one.train.accumulation = 1;
    one.reduce.reproducible = FL_REPRODUCIBLE_OFF;
    return fl_experiment_plan(&one, FL_PHASE_INFERENCE, 1, out);
}
