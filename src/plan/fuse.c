/* Which static layers run as one, and their weights. With batch norm y = (z − μ)s + β, s = γ /
 * sqrt(σ² + ε), folded into z = x * W + b:  y = x * (W s) + ((b − μ)s + β). */
#include "plan/fuse.h"

#include <math.h>
#include <string.h>

#include "frostline/arena.h"

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

/* Packed weights are larger than any cache, so each run reads them from memory; and every node
 * holds them: a somewhat faster algorithm with much larger ones is not worth it. For 40 MB more it
 * has to save a millisecond a row. */
static double static_cost(const fl_conv_algo *a, const fl_conv *g, int rows) {
    const double bytes_per_second = 10e9, bytes_worth_a_second = 40e9;
    double bytes = (double)a->packed(g) * sizeof(float);
    return a->cost(g, rows) + bytes / bytes_per_second + rows * bytes / bytes_worth_a_second;
}

/* A name means an algorithm whatever its operands are: "winograd4" is "winograd4_bf16" too. */
static bool is_named(const fl_conv_algo *a, const char *name) {
    size_t n = name ? strlen(name) : 0;
    return !name || (strncmp(a->name, name, n) == 0 && (!a->name[n] || a->name[n] == '_'));
}

static const fl_conv_algo *cheapest(const fl_conv_algo *const *list, const fl_chain *c, int rows,
                                    const char *name) {
    const fl_conv_algo *best = NULL;
    for (; *list; list++) {
        if (!is_named(*list, name) || !(*list)->fits(&c->geometry, &c->epilogue)) continue;
        if (!best || static_cost(*list, &c->geometry, rows) < static_cost(best, &c->geometry, rows))
            best = *list;
    }
    return best;
}

/* The cheapest that the setting allows; NULL: none. */
static const fl_conv_algo *algo_for(const fl_kernels *k, const fl_conv_setting *s,
                                    const fl_chain *c, int rows) {
    const char *name = s->forced[FL_PASS_FORWARD];
    const fl_conv_algo *full = cheapest(k->isa->conv, c, rows, name);
    const fl_conv_algo *half = s->bf16 ? cheapest(fl_conv_bf16(k), c, rows, name) : NULL;
    if (!full || !half) return full ? full : half;
    const fl_conv *g = &c->geometry;
    return name || static_cost(half, g, rows) < static_cost(full, g, rows) ? half : full;
}

static bool choose(const fl_plan *p, fl_chain *c, bool depthwise, int rows) {
    const fl_kernels *k = p->conf.kernels;
    if (!k->isa) return false;
    if (depthwise) return k->isa->depthwise && k->isa->depthwise->fits(&c->geometry, &c->epilogue);
    const fl_conv_setting s = fl_plan_setting(p, c->head);
    const fl_conv_algo *algo = algo_for(k, &s, c, rows);
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
    fl_fusion f = fl_model_fusion(p->model, head);
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
        fl_fusion next = fl_model_fusion(p->model, l);
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
    const fl_isa *isa = p->conf.kernels->isa;
    if (!isa || !isa->dense || fl_model_fusion(p->model, l).kind != FL_FUSION_DENSE) return rows;
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

/* The convolution's weights times the scale of each output channel; caller frees. */
static float *scaled_weights(const fl_chain *c, const fl_model *m, const float *scale) {
    const float *from = param(m, c->head, 0);
    size_t co = (size_t)c->geometry.co, lines = weight_floats(c) / co;
    float *w = fl_alloc(lines * co * sizeof *w);
#pragma omp parallel for
    for (size_t line = 0; line < lines; line++)
        for (size_t o = 0; o < co; o++) w[line * co + o] = from[line * co + o] * scale[o];
    return w;
}

void fl_chain_pack(const fl_chain *c, const fl_model *m, float *packed) {
    size_t co = (size_t)c->geometry.co;
    float *scale = fl_alloc(co * sizeof *scale), *scaled = NULL;
    for (size_t i = 0; i < co; i++) affine(c, m, (int)i, &scale[i], &packed[c->bias + i]);
    if (c->norm >= 0) scaled = scaled_weights(c, m, scale);
    const float *w = scaled ? scaled : param(m, c->head, 0);
    if (c->algo)
        c->algo->pack(&c->geometry, w, packed + c->packed);
    else
        memcpy(packed + c->packed, w, weight_floats(c) * sizeof *w);
    fl_free(scaled);
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
        fl_kernels_each(k)->activate(c->after, (size_t)rows * g->oh * g->ow, (size_t)g->co, y, y);
}
