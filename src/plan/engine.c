/* Runs a plan: one call per layer, prepared before step 0; a step only fills in the rows. */
#include <string.h>

#include "frostline/data.h"
#include "plan/schedule.h"

struct fl_engine {
    const fl_plan *p;
    fl_engine_conf conf;
    char *arena;
    fl_layer_call *forward, *backward; /* one per layer of the model */
    double static_seconds, forward_seconds, backward_seconds;
    fl_cache *features; /* NULL: the static part is run for every row */
    float *gathered;    /* (rows, input): of the rows that are not there yet */
    int *missing;       /* (rows) */
    int64_t hits, rows;
};

static void *address(const fl_engine *e, size_t at) {
    return at == FL_NOWHERE ? NULL : e->arena + at;
}

static void bind_params(const fl_engine *e, int l, fl_layer_call *c) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    for (int i = 0; i < layer->n_params; i++) {
        const fl_param *param = &e->p->model->param[layer->first_param + i];
        const fl_place *place = &e->p->place[layer->first_param + i];
        c->param[i] = param->value;
        if (place->region == FL_REGION_STATE) c->buffer[i] = param->writable;
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
        c->in[i] = address(e, e->p->schedule->at[from].out);
        c->din[i] = address(e, e->p->schedule->at[from].dout);
    }
}

static void bind_layer(fl_engine *e, int l) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    const fl_layer_memory *at = &e->p->schedule->at[l];
    fl_layer_call *c = &e->forward[l];
    *c = (fl_layer_call){
        .conf = layer->conf,
        .kernels = e->conf.kernels,
        .out_shape = layer->shape,
        .out = address(e, at->out),
        .dout = address(e, at->dout),
        .saved = address(e, at->saved),
        .work = address(e, at->forward_work),
        .rng = {.seed = e->conf.seed, .stream = FL_STREAM_DROPOUT},
        .salt = (uint64_t)l,
        .sum = e->conf.sum,
        .context = e->conf.context,
    };
    bind_params(e, l, c);
    bind_inputs(e, l, c);
    e->backward[l] = *c;
    e->backward[l].work = address(e, at->backward_work);
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
    *out = e;
    return FL_OK;
}

static size_t input_bytes(const fl_engine *e) {
    return (size_t)e->p->rows * fl_shape_size(e->p->model->input) * sizeof(float);
}

void fl_engine_use_features(fl_engine *e, fl_cache *features) {
    e->features = features;
    if (!features || e->gathered) return;
    e->gathered = fl_alloc_pages(input_bytes(e));
    e->missing = fl_alloc((size_t)e->p->rows * sizeof *e->missing);
}

void fl_engine_take_hits(fl_engine *e, int64_t *hits, int64_t *rows) {
    *hits = e->hits;
    *rows = e->rows;
    e->hits = e->rows = 0;
}

void fl_engine_close(fl_engine *e) {
    if (!e) return;
    fl_free_pages(e->arena, e->p->schedule->arena_bytes);
    fl_free_pages(e->gathered, input_bytes(e));
    fl_free(e->missing);
    fl_free(e->forward);
    fl_free(e->backward);
    fl_free(e);
}

static void set_rows(fl_engine *e, int l, const fl_batch *b, bool training, int64_t epoch) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    fl_layer_call *c = &e->forward[l];
    c->rows = b->rows;
    c->sample = b->sample;
    c->global_rows = b->global_rows;
    c->rng.epoch = (uint32_t)epoch;
    c->training = training && fl_layer_trains(layer);
    c->saved = training ? address(e, e->p->schedule->at[l].saved) : NULL;
    for (int i = 0; i < layer->n_in; i++)
        if (layer->in[i] == FL_MODEL_INPUT) c->in[i] = b->x;
}

static void run_live(fl_engine *e, const fl_batch *b, bool training, int64_t epoch) {
    for (int k = e->p->schedule->n_static; k < e->p->schedule->n; k++) {
        int l = e->p->schedule->order[k];
        set_rows(e, l, b, training, epoch);
        e->p->model->layer[l].ops->forward(&e->forward[l]);
    }
}

/* ---- the static part: inference, a few rows at a time ---- */

/* Row `first` of l's output, which is kept for all rows of the call, or for those of this part
 * alone. */
static float *part_output(const fl_engine *e, int l, int first) {
    float *out = address(e, e->p->schedule->at[l].out);
    return fl_schedule_whole(e->p, l)
               ? out + (size_t)first * fl_shape_size(e->p->model->layer[l].shape)
               : out;
}

static const float *part_input(const fl_engine *e, int from, const fl_batch *part, int first) {
    return from == FL_MODEL_INPUT ? part->x : part_output(e, from, first);
}

static void run_static_layer(fl_engine *e, int l, const fl_batch *part, int first) {
    const struct fl_schedule *s = e->p->schedule;
    const fl_model_layer *layer = &e->p->model->layer[l];
    fl_layer_call *c = &e->forward[l];
    if (s->chain_of[l] >= 0) {
        const fl_chain *chain = &s->chain[s->chain_of[l]];
        fl_chain_run(chain, e->conf.kernels, part->rows, part_input(e, layer->in[0], part, first),
                     e->conf.packed, part_output(e, chain->tail, first), c->work);
        return;
    }
    set_rows(e, l, part, false, 1);
    for (int i = 0; i < layer->n_in; i++) c->in[i] = part_input(e, layer->in[i], part, first);
    c->out = part_output(e, l, first);
    layer->ops->forward(c);
}

static void run_static_rows(fl_engine *e, const fl_batch *b) {
    const struct fl_schedule *s = e->p->schedule;
    size_t width = fl_shape_size(e->p->model->input);
    for (int first = 0; first < b->rows; first += s->static_rows) {
        fl_batch part = *b;
        int left = b->rows - first;
        part.rows = left < s->static_rows ? left : s->static_rows;
        part.x = b->x + (size_t)first * width;
        for (int k = 0; k < s->n_static; k++) run_static_layer(e, s->order[k], &part, first);
    }
}

/* ---- features: the static part, run once ---- */

typedef enum { STORE, LOAD } direction;

/* Copies one row between the outputs at the frost line, where it is row `at`, and the features. */
static void move_row(fl_engine *e, int at, int64_t sample, direction d) {
    const fl_model *m = e->p->model;
    float *row = fl_cache_row(e->features, sample);
    for (int l = 0; l < m->n_layers; l++) {
        if (!e->p->layer[l].frost_line) continue;
        size_t n = fl_shape_size(m->layer[l].shape);
        float *out = (float *)address(e, e->p->schedule->at[l].out) + (size_t)at * n;
        memcpy(d == STORE ? row : out, d == STORE ? out : row, n * sizeof(float));
        row += n;
    }
}

static int find_missing(fl_engine *e, const fl_batch *b) {
    int n = 0;
    for (int r = 0; r < b->rows; r++)
        if (!fl_cache_has(e->features, b->sample[r])) e->missing[n++] = r;
    e->hits += b->rows - n;
    e->rows += b->rows;
    return n;
}

/* The missing rows, side by side, as a batch of their own. */
static fl_batch gather(fl_engine *e, const fl_batch *b, int n) {
    size_t width = fl_shape_size(e->p->model->input);
    FL_CHECK(b->x, "rows without features came without their input");
    for (int i = 0; i < n; i++)
        memcpy(e->gathered + (size_t)i * width, b->x + (size_t)e->missing[i] * width,
               width * sizeof(float));
    fl_batch part = *b;
    part.rows = n;
    part.x = e->gathered;
    return part;
}

static void run_static(fl_engine *e, const fl_batch *b) {
    int missing = e->features ? find_missing(e, b) : b->rows;
    if (missing > 0) {
        bool all = missing == b->rows;
        fl_batch part = all ? *b : gather(e, b, missing);
        run_static_rows(e, &part);
        for (int i = 0; e->features && i < missing; i++) {
            int64_t sample = b->sample[e->missing[i]];
            move_row(e, i, sample, STORE);
            fl_cache_mark(e->features, sample);
        }
        if (all) return;
    }
    for (int r = 0; r < b->rows; r++) move_row(e, r, b->sample[r], LOAD);
}

const float *fl_engine_forward(fl_engine *e, const fl_batch *b, bool training, int64_t epoch) {
    const struct fl_schedule *s = e->p->schedule;
    FL_CHECK(b->rows <= e->p->rows, "%d rows where %d were planned", b->rows, e->p->rows);
    double start = fl_clock();
    run_static(e, b);
    double middle = fl_clock();
    run_live(e, b, training, epoch);
    e->static_seconds += middle - start;
    e->forward_seconds += fl_clock() - middle;
    return address(e, s->at[e->p->model->n_layers - 1].out);
}

float *fl_engine_logits_gradient(fl_engine *e) {
    return address(e, e->p->schedule->at[e->p->model->n_layers - 1].dout);
}

/* Gradients always add, so each one is cleared just before the first call that adds to it. */
static void clear_gradients(const fl_engine *e, int l, int rows) {
    const fl_model_layer *layer = &e->p->model->layer[l];
    for (int i = 0; i < layer->n_in; i++) {
        int from = layer->in[i];
        if (from == FL_MODEL_INPUT || e->p->schedule->at[from].zeroed_by != l) continue;
        float *gradient = address(e, e->p->schedule->at[from].dout);
        if (gradient)
            memset(gradient, 0,
                   (size_t)rows * fl_shape_size(e->p->model->layer[from].shape) * sizeof(float));
    }
}

static void run_backward(fl_engine *e, int l) {
    const fl_layer_call *f = &e->forward[l];
    fl_layer_call *c = &e->backward[l];
    c->rows = f->rows;
    c->sample = f->sample;
    c->global_rows = f->global_rows;
    c->rng = f->rng;
    c->training = f->training;
    memcpy(c->in, f->in, sizeof c->in);
    clear_gradients(e, l, c->rows);
    e->p->model->layer[l].ops->backward(c);
}

void fl_engine_backward(fl_engine *e, bool last) {
    const struct fl_schedule *s = e->p->schedule;
    double start = fl_clock();
    int bucket = 0;
    for (int k = s->n - 1; k >= s->n_static; k--) {
        if (e->p->model->layer[s->order[k]].wants_gradient) run_backward(e, s->order[k]);
        if (!last || !e->conf.ready) continue;
        while (bucket < e->p->n_buckets && e->p->bucket[bucket].ready >= s->order[k])
            e->conf.ready(e->conf.context, bucket++);
    }
    e->backward_seconds += fl_clock() - start;
}

void fl_engine_take_times(fl_engine *e, double *fixed, double *forward, double *backward) {
    *fixed = e->static_seconds;
    *forward = e->forward_seconds;
    *backward = e->backward_seconds;
    e->static_seconds = e->forward_seconds = e->backward_seconds = 0;
}
