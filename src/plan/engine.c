/* Runs a plan: one call per layer, prepared before step 0; a step only fills in the rows. */
#include <string.h>

#include "frostline/trace.h"
#include "plan/engine.h"

static void bind_params(const fl_engine *e, int l, fl_layer_call *c) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    for (int i = 0; i < layer->n_params; i++) {
        const fl_param *param = &e->p->model->param[layer->first_param + i];
        const fl_place *place = &e->p->place[layer->first_param + i];
        c->param[i] = param->value;
        if (place->region == FL_REGION_TRAINABLE) c->grad[i] = e->conf.gradients + place->span.off;
    }
}

static void bind_inputs(const fl_engine *e, int l, fl_layer_call *c) {
    const fl_model *m = e->p->model;
    const fl_model_layer *layer = &m->layer[l];
    c->n_in = layer->n_in;
    for (int i = 0; i < layer->n_in; i++) {
        int from = layer->in[i];
        c->in_shape[i] = from == FL_MODEL_INPUT ? m->input : m->layer[from].shape;
        if (from == FL_MODEL_INPUT) continue; /* set at each step */
        c->in[i] = fl_engine_at(e, e->p->schedule->at[from].out);
        c->din[i] = fl_engine_at(e, e->p->schedule->at[from].dout);
    }
}

static void bind_layer(fl_engine *e, int l) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    const fl_layer_memory *at = &e->p->schedule->at[l];
    fl_layer_call *c = &e->forward[l];
    int behind = e->p->schedule->behind[l];
    const fl_layer_memory *result = &e->p->schedule->at[behind < 0 ? l : behind];
    *c = (fl_layer_call){
        .conf = layer->conf,
        .kernels = e->conf.kernels,
        .conv = &e->p->schedule->conv[l],
        .out_shape = layer->shape,
        .out = fl_engine_at(e, result->out),
        .dout = fl_engine_at(e, result->dout),
        .then = behind < 0 ? FL_ACT_LINEAR : fl_model_fusion(e->p->model, behind).activation,
        .saved = fl_engine_at(e, at->saved),
        .work = fl_engine_at(e, at->forward_work),
        .rng = {.seed = e->conf.seed, .stream = FL_STREAM_DROPOUT},
        .salt = (uint64_t)l,
        .sum = e->conf.sum,
        .context = e->conf.context,
    };
    bind_params(e, l, c);
    bind_inputs(e, l, c);
    e->backward[l] = *c;
    e->backward[l].work = fl_engine_at(e, at->backward_work);
}

fl_status fl_engine_open(const fl_plan *p, const fl_engine_conf *conf, fl_engine **out) {
    size_t n = (size_t)p->model->n_layers;
    fl_engine *e = fl_alloc(sizeof *e);
    e->p = p;
    e->conf = *conf;
    e->arena = fl_alloc_pages(p->schedule->arena_bytes);
    e->forward = fl_alloc(n * sizeof *e->forward);
    e->backward = fl_alloc(n * sizeof *e->backward);
    for (int l = 0; l < p->model->n_layers; l++) bind_layer(e, l);
    for (int l = 0; l < p->model->n_layers; l++)
        if (p->schedule->handed[l] >= 0) e->backward[p->schedule->handed[l]].past_activation = true;
    e->fresh = true;
    *out = e;
    return FL_OK;
}

void fl_engine_close(fl_engine *e) {
    if (!e) return;
    fl_free_pages(e->arena, e->p->schedule->arena_bytes);
    fl_engine_free_features(e);
    fl_free(e->forward);
    fl_free(e->backward);
    fl_free(e);
}

/* Where a rank has several parts of a batch the first alone moves the running statistics: what they
 * come to is then the same wherever the others are worked through. */
static void bind_buffers(const fl_engine *e, int l, bool moves, fl_layer_call *c) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    for (int i = 0; i < layer->n_params; i++)
        if (e->p->place[layer->first_param + i].region == FL_REGION_STATE)
            c->buffer[i] = moves ? e->p->model->param[layer->first_param + i].writable : NULL;
}

void fl_engine_set_rows(fl_engine *e, int l, const fl_batch *b, bool training, int64_t epoch) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    fl_layer_call *c = &e->forward[l];
    c->rows = b->rows;
    c->sample = b->sample;
    c->global_rows = b->global_rows;
    c->rng.epoch = (uint32_t)epoch;
    bind_buffers(e, l, b->nth == 0, c);
    c->training = training && fl_layer_trains(layer);
    c->saved = training ? fl_engine_at(e, e->p->schedule->at[l].saved) : NULL;
    for (int i = 0; i < layer->n_in; i++)
        if (layer->in[i] == FL_MODEL_INPUT) c->in[i] = b->x;
}

static void run_live(fl_engine *e, const fl_batch *b, bool training, int64_t epoch) {
    for (int k = e->p->schedule->n_static; k < e->p->schedule->n; k++) {
        int l = e->p->schedule->order[k];
        uint64_t begun = fl_trace_begin();
        fl_engine_set_rows(e, l, b, training, epoch);
        e->p->model->layer[l].ops->forward(&e->forward[l]);
        fl_trace_end(FL_TRACE_FORWARD, l, begun);
    }
}

void fl_engine_run_ahead(fl_engine *e, const fl_batch *b) {
    FL_CHECK(b->rows <= e->p->rows, "%d rows where %d were planned", b->rows, e->p->rows);
    double start = fl_clock();
    uint64_t begun = fl_trace_begin();
    fl_engine_run_static(e, b);
    fl_trace_end(FL_TRACE_STATIC, -1, begun);
    e->static_seconds += fl_clock() - start;
    e->ahead = b;
}

const float *fl_engine_forward(fl_engine *e, const fl_batch *b, bool training, int64_t epoch) {
    const struct fl_schedule *s = e->p->schedule;
    if (e->ahead != b) fl_engine_run_ahead(e, b);
    e->ahead = NULL;
    double start = fl_clock();
    uint64_t begun = fl_trace_begin();
    run_live(e, b, training, epoch);
    fl_trace_end(FL_TRACE_FORWARD, -1, begun);
    e->forward_seconds += fl_clock() - start;
    return fl_engine_at(e, s->at[e->p->model->n_layers - 1].out);
}

float *fl_engine_logits_gradient(fl_engine *e) {
    return fl_engine_at(e, e->p->schedule->at[e->p->model->n_layers - 1].dout);
}

/* Gradients always add, so each one is cleared just before the first call that adds to it; a layer
 * that can write rather than add is told so instead. */
static void begin_gradients(const fl_engine *e, int l) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    fl_layer_call *c = &e->backward[l];
    for (int i = 0; i < layer->n_in; i++) {
        int from = layer->in[i];
        bool first = from != FL_MODEL_INPUT && e->p->schedule->at[from].zeroed_by == l;
        for (int k = 0; k < i; k++) first = first && layer->in[k] != from;
        c->fresh[i] = first && layer->ops->writes_din;
        if (first && !c->fresh[i] && c->din[i])
            memset(c->din[i], 0, (size_t)c->rows * fl_shape_size(c->in_shape[i]) * sizeof(float));
    }
}

/* So are those of the parameters, each step anew; who can write rather than add is told so instead.
 */
static void begin_parameters(const fl_engine *e, int l) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    fl_layer_call *c = &e->backward[l];
    c->first = e->fresh;
    for (int i = 0; i < layer->n_params && e->fresh && !layer->ops->writes_first; i++)
        if (c->grad[i])
            memset(c->grad[i], 0, e->p->model->param[layer->first_param + i].len * sizeof(float));
}

/* Max pooling in place of the layer before it: see fl_activation_before. */
static void take_activation_back(fl_engine *e, int l) {
    const fl_model *m = e->p->model;
    const fl_layer_call *c = &e->backward[l];
    int from = e->p->schedule->handed[l];
    if (from < 0) return;
    fl_activation a = *fl_layer_activation(m->layer[from].ops, m->layer[from].conf);
    size_t channels = (size_t)c->out_shape.d[2];
    fl_kernels_each(c->kernels)
        ->activate_back(a, (size_t)c->rows * fl_shape_size(c->out_shape) / channels, channels,
                        c->out, NULL, c->dout, NULL);
}

static void run_backward(fl_engine *e, int l) {
    const fl_layer_call *f = &e->forward[l];
    fl_layer_call *c = &e->backward[l];
    uint64_t begun = fl_trace_begin();
    c->rows = f->rows;
    c->sample = f->sample;
    c->global_rows = f->global_rows;
    c->rng = f->rng;
    c->training = f->training;
    memcpy(c->in, f->in, sizeof c->in);
    begin_gradients(e, l);
    begin_parameters(e, l);
    take_activation_back(e, l);
    e->p->model->layer[l].ops->backward(c);
    fl_trace_end(FL_TRACE_BACKWARD, l, begun);
}

void fl_engine_backward(fl_engine *e, bool last) {
    const struct fl_schedule *s = e->p->schedule;
    double start = fl_clock();
    uint64_t begun = fl_trace_begin();
    int bucket = 0;
    for (int k = s->n - 1; k >= s->n_static; k--) {
        if (e->p->model->layer[s->order[k]].wants_gradient) run_backward(e, s->order[k]);
        if (!last || !e->conf.ready) continue;
        while (bucket < e->p->n_buckets && e->p->bucket[bucket].ready >= s->order[k])
            e->conf.ready(e->conf.context, bucket++);
    }
    e->fresh = last;
    e->backward_seconds += fl_clock() - start;
    fl_trace_end(FL_TRACE_BACKWARD, -1, begun);
}

void fl_engine_take_times(fl_engine *e, double *fixed, double *forward, double *backward) {
    *fixed = e->static_seconds;
    *forward = e->forward_seconds;
    *backward = e->backward_seconds;
    e->static_seconds = e->forward_seconds = e->backward_seconds = 0;
}
