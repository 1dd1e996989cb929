/* Which static layers run as one, and their weights. With batch norm y = (z − μ)s + β, s = γ /
 * sqrt(σ² + ε), folded into z = x * W + b:  y = x * (W s) + ((b − μ)s + β). */
#include "plan/fuse.h"

#include <math.h>
#include <string.h>

#include "frostline/arena.h"

static fl_fusion fusion_of(const fl_model *m, int l) {
    const fl_model_layer *layer = &m->layer[l];
    if (!layer->ops->fusion || layer->n_in != 1) return (fl_fusion){.kind = FL_FUSION_NONE};
    int from = layer->in[0];
    return layer->ops->fusion(layer->conf,
                              from == FL_MODEL_INPUT ? m->input : m->layer[from].shape);
}

/* The one static layer that reads l, or -1: l then needs no memory of its own. */
static int sole_reader(const fl_plan *p, int l) {
    const fl_model *m = p->model;
    int reader = -1;
    if (p->layer[l].frost_line || l == m->n_layers - 1) return -1;
    for (int r = l + 1; r < m->n_layers; r++)
        for (int i = 0; i < m->layer[r].n_in; i++) {
            if (m->layer[r].in[i] != l) continue;
            if (reader >= 0) return -1;
            reader = r;
        }
    return reader;
}

/* Packed weights are larger than any cache, so each run reads them from memory, and every node
 * holds them: a somewhat faster algorithm with much larger ones is not worth it. */
static double static_cost(const fl_conv_algo *a, const fl_conv *g, int rows) {
    const double bytes_per_second = 20e9;
    return a->cost(g, rows) + (double)a->packed(g) * sizeof(float) / bytes_per_second;
}

static const fl_conv_algo *cheapest(const fl_isa *isa, const fl_chain *c, int rows) {
    const fl_conv_algo *best = NULL;
    for (const fl_conv_algo *const *a = isa->conv; *a; a++) {
        if (!(*a)->fits(&c->geometry, &c->epilogue)) continue;
        if (!best || static_cost(*a, &c->geometry, rows) < static_cost(best, &c->geometry, rows))
            best = *a;
    }
    return best;
}

static bool choose(const fl_plan *p, fl_chain *c, bool depthwise, int rows) {
    const fl_isa *isa = p->conf.kernels ? p->conf.kernels->isa : NULL;
    if (!isa) return false;
    if (depthwise) return isa->depthwise && isa->depthwise->fits(&c->geometry, &c->epilogue);
    const fl_conv_algo *algo = cheapest(isa, c, rows);
    if (algo) c->algo = algo;
    return algo != NULL;
}

static bool can_fuse(fl_activation a) {
    return a == FL_ACT_LINEAR || a == FL_ACT_RELU || a == FL_ACT_RELU6;
}

static bool is_pool2(const fl_conv *g) {
    return g->kh == 2 && g->kw == 2 && g->sh == 2 && g->sw == 2 && g->top == 0 && g->left == 0 &&
           g->oh == g->h / 2 && g->ow == g->w / 2;
}

/* The chain with layer l behind it; false if it cannot stand there. */
static bool append(fl_chain *c, int l, const fl_fusion *f) {
    bool bare = c->epilogue.activation == FL_CONV_LINEAR && c->epilogue.pool == 1;
    if (f->kind == FL_FUSION_AFFINE && bare && c->norm < 0)
        c->norm = l;
    else if (f->kind == FL_FUSION_ACTIVATION && bare && can_fuse(f->activation))
        c->epilogue.activation = (int)f->activation;
    else if (f->kind == FL_FUSION_POOL && c->epilogue.pool == 1 && is_pool2(&f->geometry))
        c->epilogue.pool = 2;
    else
        return false;
    c->tail = c->member[c->n_members++] = l; /* at most a batch norm, an activation and a pooling */
    return true;
}

bool fl_chain_make(const fl_plan *p, int head, int rows, fl_chain *out) {
    fl_fusion f = fusion_of(p->model, head);
    bool depthwise = f.kind == FL_FUSION_DEPTHWISE;
    if (f.kind != FL_FUSION_CONV && !depthwise) return false;
    *out = (fl_chain){
        .head = head, .tail = head, .norm = -1, .use_bias = f.use_bias, .geometry = f.geometry};
    bool fused = can_fuse(f.activation);
    out->after = fused ? FL_ACT_LINEAR : f.activation;
    out->epilogue =
        (fl_epilogue){.activation = fused ? (int)f.activation : FL_CONV_LINEAR, .pool = 1};
    if (!choose(p, out, depthwise, rows)) return false;
    if (!fused) return true;
    for (int l; (l = sole_reader(p, out->tail)) >= 0 && p->model->layer[l].is_static;) {
        fl_fusion next = fusion_of(p->model, l);
        fl_chain longer = *out;
        if (!append(&longer, l, &next) || !choose(p, &longer, depthwise, rows)) break;
        *out = longer;
    }
    return true;
}

static size_t weight_floats(const fl_chain *c) {
    const fl_conv *g = &c->geometry;
    return (size_t)g->kh * g->kw * g->co * (c->algo ? g->ci : 1);
}

static size_t packed_floats(const fl_chain *c) {
    size_t n = c->algo ? c->algo->packed(&c->geometry) : weight_floats(c);
    return fl_align_up(n * sizeof(float)) / sizeof(float);
}

size_t fl_chain_place(fl_chain *c, size_t at) {
    c->packed = at;
    c->bias = at + packed_floats(c);
    return packed_floats(c) + fl_align_up((size_t)c->geometry.co * sizeof(float)) / sizeof(float);
}

size_t fl_chain_work(const fl_chain *c, int rows) {
    return c->algo ? fl_conv_algo_work(c->algo, &c->geometry, rows) : 0;
}

int fl_static_rows_limit(const fl_plan *p, int l, int rows) {
    const fl_isa *isa = p->conf.kernels ? p->conf.kernels->isa : NULL;
    if (!isa || !isa->dense || fusion_of(p->model, l).kind != FL_FUSION_DENSE) return rows;
    return isa->dense->rows < rows ? isa->dense->rows : rows;
}

static const float *param(const fl_model *m, int layer, int i) {
    return m->param[m->layer[layer].first_param + i].value;
}

/* scale and shift of output channel i: 1 and the bias, or those of the batch norm behind it */
static void affine(const fl_chain *c, const fl_model *m, int i, float *scale, float *shift) {
    float bias = c->use_bias ? param(m, c->head, 1)[i] : 0;
    *scale = 1;
    *shift = bias;
    if (c->norm < 0) return;
    double epsilon =
        m->layer[c->norm].ops->fusion(m->layer[c->norm].conf, m->layer[c->head].shape).epsilon;
    double s = param(m, c->norm, 0)[i] / sqrt((double)param(m, c->norm, 3)[i] + epsilon);
    *scale = (float)s;
    *shift = (float)((bias - (double)param(m, c->norm, 2)[i]) * s + param(m, c->norm, 1)[i]);
}

void fl_chain_pack(const fl_chain *c, const fl_model *m, float *packed) {
    size_t n = weight_floats(c), co = (size_t)c->geometry.co;
    float *w = fl_alloc(n * sizeof *w), *scale = fl_alloc(co * sizeof *scale);
    for (size_t i = 0; i < co; i++) affine(c, m, (int)i, &scale[i], &packed[c->bias + i]);
    for (size_t i = 0; i < n; i++) w[i] = param(m, c->head, 0)[i] * scale[i % co];
    if (c->algo)
        c->algo->pack(&c->geometry, w, packed + c->packed);
    else
        memcpy(packed + c->packed, w, n * sizeof *w);
    fl_free(w);
    fl_free(scale);
}

void fl_chain_run(const fl_chain *c, const fl_kernels *k, int rows, const float *x,
                  const float *packed, float *y, float *work) {
    fl_epilogue e = c->epilogue;
    e.bias = packed + c->bias;
    if (c->algo)
        c->algo->run(&c->geometry, rows, x, packed + c->packed, &e, y, work);
    else
        k->isa->depthwise->forward(&c->geometry, rows, x, packed + c->packed, &e, y);
    const fl_conv *g = &c->geometry;
    if (c->after != FL_ACT_LINEAR)
        fl_act_forward(c->after, (size_t)rows * g->oh * g->ow, (size_t)g->co, y);
}
