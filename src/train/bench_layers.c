/* What each layer takes, frozen and learning: from these any freeze rule's step can be put together
 * (cost.h). */
#include <string.h>

#include "frostline/rng.h"
#include "frostline/trace.h"
#include "train/session.h"
#include "train/watch.h"

/* ---- watching ---- */

static fl_trace_event *seen; /* (FL_TRACE_EVENTS), while something is watched */

void fl_watch_open(void) {
    seen = fl_alloc(FL_TRACE_EVENTS * sizeof *seen);
    fl_trace_open();
    fl_trace_start();
    fl_trace_step(1);
}

static double *place_of(fl_layer_seconds *s, int kind) {
    return kind == FL_TRACE_STATIC     ? &s->fixed
           : kind == FL_TRACE_FORWARD  ? &s->forward
           : kind == FL_TRACE_BACKWARD ? &s->backward
                                       : NULL;
}

void fl_watch_take(int layers, fl_layer_seconds *out) {
    uint64_t lost;
    int n = fl_trace_take(seen, &lost);
    memset(out, 0, (size_t)layers * sizeof *out);
    for (int i = 0; i < n; i++) {
        const fl_trace_event *e = &seen[i];
        double *to = e->index >= 0 && e->index < layers ? place_of(&out[e->index], e->kind) : NULL;
        if (to) *to += (double)(e->end - e->begin) * 1e-9;
    }
}

void fl_watch_close(void) {
    fl_trace_step(0);
    fl_trace_close();
    fl_free(seen);
}

/* ---- inference ---- */

static void infer(fl_session *s, int rows, int steps, fl_layer_seconds *out) {
    size_t n = (size_t)rows * fl_shape_size(s->model->input);
    float *x = fl_alloc_pages(n * sizeof *x);
    fl_rng rng = {.seed = (uint64_t)s->x->run.seed, .stream = FL_STREAM_SYNTHETIC};
    fl_batch b = {.rows = rows, .global_rows = rows, .step_rows = rows, .x = x};
    for (size_t i = 0; i < n; i++) x[i] = (float)(2 * fl_rng_uniform(&rng, i) - 1);
    fl_engine_forward(s->engine, &b, false, 1);
    fl_watch_open();
    for (int i = 0; i < steps; i++) {
        fl_comm_barrier(s->comm);
        fl_engine_forward(s->engine, &b, false, 1);
        fl_watch_take(s->model->n_layers, out + (size_t)i * (size_t)s->model->n_layers);
    }
    fl_watch_close();
    fl_free_pages(x, n * sizeof *x);
}

static fl_status time_inference(fl_comm *c, const fl_experiment *x, int rows, int steps,
                                fl_layer_seconds *out) {
    fl_session *s = NULL;
    fl_threads_choose_for(c, x);
    fl_status status = fl_session_open(c, x, FL_PHASE_INFERENCE, &s);
    if (status == FL_OK) status = fl_session_fill(s, NULL, true, NULL);
    if (status == FL_OK) status = fl_session_start(s);
    if (status == FL_OK) infer(s, rows, steps, out);
    fl_session_close(s);
    return status;
}

/* ---- both ---- */

static void keep_medians(int layers, int steps, const fl_layer_seconds *fixed,
                         const fl_layer_seconds *live, fl_layer_seconds *out) {
    size_t stride = (size_t)layers * sizeof *live;
    for (int l = 0; l < layers; l++)
        out[l] = (fl_layer_seconds){
            .fixed = fl_quantile(steps, &fixed[l].fixed, stride, 0.5),
            .forward = fl_quantile(steps, &live[l].forward, stride, 0.5),
            .backward = fl_quantile(steps, &live[l].backward, stride, 0.5),
        };
}

/* One that sums when nothing is computed: neither then disturbs the other. */
static int blocking_reducer(void) {
    int i = 0;
    while (fl_reducers_all()[i]->begin || fl_reducers_all()[i]->choose) i++;
    return i;
}

fl_status fl_bench_layers(fl_comm *c, const fl_experiment *x, int rows, int steps,
                          fl_layer_seconds *layer, fl_bench_result *live) {
    size_t n = (size_t)steps * (size_t)x->model->n_layers;
    fl_layer_seconds *fixed = fl_alloc(n * sizeof *fixed), *moving = fl_alloc(n * sizeof *moving);
    fl_experiment one = *x; /* borrows all that it holds */
    one.train.batch_size = (int64_t)rows * fl_comm_size(c);
    one.train.accumulation = 1;
    one.reduce.reproducible = FL_REPRODUCIBLE_OFF;
    one.reduce.reducer = blocking_reducer();
    fl_bench_conf conf = {.warmup = 1, .steps = steps, .sums = steps, .layer = moving};
    *live = (fl_bench_result){0};
    fl_status status = time_inference(c, &one, rows, steps, fixed);
    if (status == FL_OK) status = fl_bench_step(c, &one, &conf, live);
    if (status == FL_OK) keep_medians(x->model->n_layers, steps, fixed, moving, layer);
    fl_free(fixed);
    fl_free(moving);
    return status;
}
