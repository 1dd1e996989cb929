/* The static part of a step: inference, a few rows at a time, each row once if its features are
 * kept. */
#include <string.h>

#include "frostline/trace.h"
#include "plan/engine.h"

/* ---- the static part: inference, a few rows at a time ---- */

/* Row `first` of l's output, which is kept for all rows of the call, or for those of this part
 * alone. */
static float *part_output(const fl_engine *e, int l, int first) {
    float *out = fl_engine_at(e, e->p->schedule->at[l].out);
    return e->p->schedule->whole[l]
               ? out + (size_t)first * fl_shape_size(e->p->model->layer[l].shape)
               : out;
}

static const float *part_input(const fl_engine *e, int from, const fl_batch *part, int first) {
    return from == FL_MODEL_INPUT ? part->x : part_output(e, from, first);
}

static void compute(fl_engine *e, int l, const fl_batch *part, int first) {
    const struct fl_schedule *s = e->p->schedule;
    const fl_model_layer *layer = &e->p->model->layer[l];
    fl_layer_call *c = &e->forward[l];
    if (s->chain_of[l] >= 0) {
        const fl_chain *chain = &s->chain[s->chain_of[l]];
        fl_chain_run(chain, e->conf.kernels, part->rows, part_input(e, layer->in[0], part, first),
                     e->conf.packed, part_output(e, chain->tail, first), c->work);
        return;
    }
    fl_engine_set_rows(e, l, part, false, 1);
    for (int i = 0; i < layer->n_in; i++) c->in[i] = part_input(e, layer->in[i], part, first);
    c->out = part_output(e, l, first);
    layer->ops->forward(c);
}

static void run_static_layer(fl_engine *e, int l, const fl_batch *part, int first) {
    uint64_t begun = fl_trace_begin();
    compute(e, l, part, first);
    fl_trace_end(FL_TRACE_STATIC, l, begun);
}

static void run_segment(fl_engine *e, const fl_segment *g, const fl_batch *b) {
    size_t width = fl_shape_size(e->p->model->input);
    for (int first = 0; first < b->rows; first += g->rows) {
        fl_batch part = *b;
        int left = b->rows - first;
        part.rows = left < g->rows ? left : g->rows;
        part.x = b->x + (size_t)first * width;
        for (int k = g->first; k < g->end; k++)
            run_static_layer(e, e->p->schedule->order[k], &part, first);
    }
}

static void run_static_rows(fl_engine *e, const fl_batch *b) {
    const struct fl_schedule *s = e->p->schedule;
    for (int i = 0; i < s->n_segments; i++) run_segment(e, &s->segment[i], b);
}

/* ---- features: the static part, run once ---- */

static size_t input_bytes(const fl_engine *e) {
    return (size_t)e->p->rows * fl_shape_size(e->p->model->input) * sizeof(float);
}

void fl_engine_use_features(fl_engine *e, fl_cache *features) {
    e->features = features;
    e->ahead = NULL;
    if (!features || e->gathered) return;
    e->gathered = fl_alloc_pages(input_bytes(e));
    e->missing = fl_alloc((size_t)e->p->rows * sizeof *e->missing);
}

void fl_engine_free_features(fl_engine *e) {
    fl_free_pages(e->gathered, input_bytes(e));
    fl_free(e->missing);
}

void fl_engine_take_hits(fl_engine *e, int64_t *hits, int64_t *rows) {
    *hits = e->hits;
    *rows = e->rows;
    e->hits = e->rows = 0;
}

typedef enum { STORE, LOAD } direction;

/* Copies one row between the outputs at the frost line, where it is row `at`, and the features. */
static void move_row(fl_engine *e, int at, int64_t row, direction d) {
    const fl_model *m = e->p->model;
    size_t from = 0;
    for (int l = 0; l < m->n_layers; l++) {
        if (!e->p->layer[l].frost_line) continue;
        size_t n = fl_shape_size(m->layer[l].shape);
        float *out = (float *)fl_engine_at(e, e->p->schedule->at[l].out) + (size_t)at * n;
        if (d == STORE)
            fl_cache_put(e->features, row, from, out, n);
        else
            fl_cache_get(e->features, row, from, out, n);
        from += n;
    }
}

static int find_missing(fl_engine *e, const fl_batch *b) {
    int n = 0;
    for (int r = 0; r < b->rows; r++)
        if (!fl_cache_has(e->features, b->input[r])) e->missing[n++] = r;
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

static void add_features(fl_engine *e, const fl_batch *b, int missing) {
    fl_batch part = missing == b->rows ? *b : gather(e, b, missing);
    run_static_rows(e, &part);
    for (int i = 0; i < missing; i++) {
        int64_t row = b->input[e->missing[i]];
        move_row(e, i, row, STORE);
        fl_cache_mark(e->features, row);
    }
}

/* What was just computed is loaded too: a row is the same whether it was there before or not, also
 * where keeping it has rounded it. */
void fl_engine_run_static(fl_engine *e, const fl_batch *b) {
    if (!e->features) {
        run_static_rows(e, b);
        return;
    }
    int missing = find_missing(e, b);
    if (missing > 0) add_features(e, b, missing);
    for (int r = 0; r < b->rows; r++) move_row(e, r, b->input[r], LOAD);
}
