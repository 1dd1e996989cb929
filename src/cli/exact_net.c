/* A net in double: its layers once more, straight from their definitions, as inference. */
#include <math.h>
#include <string.h>

#include "cli/exact.h"

typedef struct net {
    const fl_model *m;
    const double *x;
    double **out; /* per layer */
} net;

static const float *param(const net *n, int l, int i) {
    return n->m->param[n->m->layer[l].first_param + i].value;
}

static fl_shape shape_in(const net *n, int l, int i) {
    int from = n->m->layer[l].in[i];
    return from == FL_MODEL_INPUT ? n->m->input : n->m->layer[from].shape;
}

static const double *value_in(const net *n, int l, int i) {
    int from = n->m->layer[l].in[i];
    return from == FL_MODEL_INPUT ? n->x : n->out[from];
}

static size_t channels(fl_shape s) {
    return (size_t)s.d[s.n - 1];
}

static double activated(fl_activation a, double v) {
    switch (a) {
    case FL_ACT_RELU: return v > 0 ? v : 0;
    case FL_ACT_RELU6: return v > 6 ? 6 : v > 0 ? v : 0;
    case FL_ACT_LEAKY_RELU: return v > 0 ? v : 0.2 * v;
    case FL_ACT_SIGMOID: return 1 / (1 + exp(-v));
    case FL_ACT_TANH: return tanh(v);
    case FL_ACT_GELU: return 0.5 * v * (1 + erf(v * M_SQRT1_2));
    case FL_ACT_SILU: return v / (1 + exp(-v));
    default: return v;
    }
}

/* ---- layers with weights: y = activation(product + bias) ---- */

static bool finish(const net *n, int l) {
    const fl_model_layer *layer = &n->m->layer[l];
    const fl_activation *a = fl_layer_activation(layer->ops, layer->conf);
    size_t size = fl_shape_size(layer->shape), c = channels(layer->shape);
    const float *bias = layer->n_params == 2 ? param(n, l, 1) : NULL;
    for (size_t i = 0; i < size; i++)
        n->out[l][i] = activated(*a, n->out[l][i] + (bias ? bias[i % c] : 0));
    return *a != FL_ACT_SOFTMAX;
}

static bool run_dense(const net *n, int l) {
    const double *x = value_in(n, l, 0);
    const float *w = param(n, l, 0);
    size_t in = fl_shape_size(shape_in(n, l, 0)), out = fl_shape_size(n->m->layer[l].shape);
    for (size_t o = 0; o < out; o++, w += in) {
        double sum = 0;
        for (size_t i = 0; i < in; i++) sum += x[i] * w[i];
        n->out[l][o] = sum;
    }
    return finish(n, l);
}

static void run_affine(const net *n, int l, double epsilon) {
    const double *x = value_in(n, l, 0);
    size_t size = fl_shape_size(n->m->layer[l].shape), c = channels(n->m->layer[l].shape);
    for (size_t i = 0; i < size; i++) {
        size_t k = i % c;
        double scale = param(n, l, 0)[k] / sqrt(param(n, l, 3)[k] + epsilon);
        n->out[l][i] = (x[i] - param(n, l, 2)[k]) * scale + param(n, l, 1)[k];
    }
}

/* ---- layers without ---- */

static bool run_activation(const net *n, int l, fl_activation a) {
    const double *x = value_in(n, l, 0);
    size_t size = fl_shape_size(n->m->layer[l].shape);
    for (size_t i = 0; i < size; i++) n->out[l][i] = activated(a, x[i]);
    return a != FL_ACT_SOFTMAX;
}

static double largest(const fl_conv *g, const double *x, int oy, int ox, int c) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    double most = -INFINITY;
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++)
            most = fmax(most, x[((size_t)(ty.first + ky) * g->w + tx.first + kx) * g->ci + c]);
    return most;
}

static void run_pool(const net *n, int l, const fl_conv *g) {
    double *y = n->out[l];
    for (int i = 0; i < g->oh * g->ow; i++)
        for (int c = 0; c < g->ci; c++)
            *y++ = largest(g, value_in(n, l, 0), i / g->ow, i % g->ow, c);
}

static void run_add(const net *n, int l) {
    size_t size = fl_shape_size(n->m->layer[l].shape);
    for (int k = 0; k < n->m->layer[l].n_in; k++)
        for (size_t i = 0; i < size; i++)
            n->out[l][i] = (k ? n->out[l][i] : 0) + value_in(n, l, k)[i];
}

static void run_concat(const net *n, int l) {
    size_t all = channels(n->m->layer[l].shape), first = 0;
    size_t pixels = fl_shape_size(n->m->layer[l].shape) / all;
    for (int k = 0; k < n->m->layer[l].n_in; k++) {
        size_t c = channels(shape_in(n, l, k));
        for (size_t p = 0; p < pixels; p++)
            memcpy(n->out[l] + p * all + first, value_in(n, l, k) + p * c, c * sizeof(double));
        first += c;
    }
}

/* Channels outermost. */
static void run_flatten(const net *n, int l) {
    size_t c = channels(shape_in(n, l, 0)), size = fl_shape_size(n->m->layer[l].shape);
    for (size_t i = 0; i < size; i++) n->out[l][i % c * (size / c) + i / c] = value_in(n, l, 0)[i];
}

static void run_mean(const net *n, int l) {
    size_t c = fl_shape_size(n->m->layer[l].shape), size = fl_shape_size(shape_in(n, l, 0));
    memset(n->out[l], 0, c * sizeof(double));
    for (size_t i = 0; i < size; i++) n->out[l][i % c] += value_in(n, l, 0)[i];
    for (size_t i = 0; i < c; i++) n->out[l][i] /= (double)(size / c);
}

static void run_identity(const net *n, int l) {
    memcpy(n->out[l], value_in(n, l, 0), fl_shape_size(n->m->layer[l].shape) * sizeof(double));
}

static bool run_by_name(const net *n, int l) {
    static const struct {
        const char *name;
        void (*run)(const net *n, int l);
    } known[] = {{"add", run_add},
                 {"concat", run_concat},
                 {"flatten", run_flatten},
                 {"global_avg_pool2d", run_mean},
                 {"dropout", run_identity}};
    for (size_t i = 0; i < FL_COUNT(known); i++)
        if (strcmp(n->m->layer[l].ops->name, known[i].name) == 0) {
            known[i].run(n, l);
            return true;
        }
    return false;
}

static bool run_layer(const net *n, int l) {
    fl_fusion f = fl_model_fusion(n->m, l);
    switch (f.kind) {
    case FL_FUSION_CONV:
        fl_exact_forward(&f.geometry, value_in(n, l, 0), param(n, l, 0), n->out[l]);
        return finish(n, l);
    case FL_FUSION_DEPTHWISE:
        fl_exact_depthwise(&f.geometry, value_in(n, l, 0), param(n, l, 0), n->out[l]);
        return finish(n, l);
    case FL_FUSION_DENSE: return run_dense(n, l);
    case FL_FUSION_AFFINE: run_affine(n, l, f.epsilon); return true;
    case FL_FUSION_ACTIVATION: return run_activation(n, l, f.activation);
    case FL_FUSION_POOL: run_pool(n, l, &f.geometry); return true;
    default: return run_by_name(n, l);
    }
}

static fl_status run_all(const net *n) {
    for (int l = 0; l < n->m->n_layers; l++) {
        n->out[l] = fl_alloc(fl_shape_size(n->m->layer[l].shape) * sizeof(double));
        if (!run_layer(n, l))
            return fl_fail(FL_ERR_CONFIG,
                           "errors of a net with layer '%s' (%s) cannot be measured: there is no "
                           "definition of it in double; take the layer out",
                           n->m->layer[l].name, n->m->layer[l].ops->name);
    }
    return FL_OK;
}

fl_status fl_exact_net(const fl_model *m, const float *x, double *logits) {
    size_t in = fl_shape_size(m->input), out = fl_shape_size(m->layer[m->n_layers - 1].shape);
    double *wide = fl_alloc(in * sizeof *wide);
    net n = {m, wide, fl_alloc((size_t)m->n_layers * sizeof *n.out)};
    for (size_t i = 0; i < in; i++) wide[i] = x[i];
    fl_status status = run_all(&n);
    if (status == FL_OK) memcpy(logits, n.out[m->n_layers - 1], out * sizeof *logits);
    for (int l = 0; l < m->n_layers; l++) fl_free(n.out[l]);
    fl_free(n.out);
    fl_free(wide);
    return status;
}
