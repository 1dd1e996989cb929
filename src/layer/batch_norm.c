/* batch_norm.c: y = (x - μ) γ / sqrt(σ² + ε) + β for each channel (Ioffe & Szegedy 2015).
 * While training, μ and σ² are those of the global batch. Otherwise they are the running
 * statistics, and the layer is an affine map with fixed coefficients. */
#include <string.h>

#include "layer/options.h"
#include "layer/shape.h"

typedef enum { STATISTICS_GLOBAL, STATISTICS_RANK } statistics;

typedef struct conf {
    double epsilon, momentum;
    int statistics;
} conf;

enum { GAMMA, BETA, MEAN, VAR, N_PARAMS };

static const fl_field fields[] = {
    {FL_OPTION(epsilon, FL_FLOAT), .fallback = "1.0e-3", .min = 1e-12, .max = 1,
     .help = "Added to the variance."},
    {FL_OPTION(momentum, FL_FLOAT), .fallback = "0.99", .min = 0, .max = 1,
     .help = "What the running statistics keep of themselves in each step."},
    {FL_OPTION(statistics, FL_CHOICE), .fallback = "global", .choices = "global|rank",
     .help = "Whose rows a step's statistics are taken over: all ranks' or each rank's own."},
    {0},
};

typedef struct scratch { /* in call->work; (channels) each */
    double *a, *b;       /* side by side, so that one sum serves both */
    double *own;         /* mean of this rank's rows */
    float *scale, *mean, *slope;
} scratch;

typedef struct saved {     /* in call->saved: of the batch */
    float *mean, *inverse; /* 1 / sqrt(σ² + ε) */
} saved;

static scratch scratch_of(const fl_layer_call *c) {
    size_t n = fl_shape_channels(c->out_shape);
    double *a = c->work;
    float *f = (float *)(a + 3 * n);
    return (scratch){a, a + n, a + 2 * n, f, f + n, f + 2 * n};
}

static saved saved_of(const fl_layer_call *c) {
    float *p = c->saved;
    return (saved){p, p + fl_shape_channels(c->out_shape)};
}

static fl_param_spec spec(const char *name, int64_t n, fl_init init, bool buffer) {
    return (fl_param_spec){
        .name = name, .n = 1, .d = {n}, .init = init, .fan_in = n, .fan_out = n, .buffer = buffer};
}

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    int64_t n = fl_shape_channels(in[0]);
    double size = (double)fl_shape_size(in[0]);
    const conf *o = options;
    (void)n_in, (void)rows;
    *out = (fl_layer_plan){
        .out = in[0],
        .sums = o->statistics == STATISTICS_GLOBAL,
        .n_params = N_PARAMS,
        .param = {spec("weight", n, FL_INIT_ONES, false), spec("bias", n, FL_INIT_ZEROS, false),
                  spec("running_mean", n, FL_INIT_ZEROS, true),
                  spec("running_var", n, FL_INIT_ONES, true)},
        .flops = 2 * size,
        .flops_dx = 6 * size,
        .flops_dw = 3 * size,
        .dx_reads = FL_READS_INPUT | FL_READS_SAVED | FL_READS_TRAINING,
        .dw_reads = FL_READS_INPUT | FL_READS_SAVED,
        .saved_bytes = 2 * sizeof(float) * (size_t)n,
        .work_bytes = 3 * (sizeof(double) + sizeof(float)) * (size_t)n,
    };
    return true;
}

static size_t lines(const fl_layer_call *c) { /* of n channels that this rank has */
    return (size_t)c->rows * fl_shape_pixels(c->out_shape);
}

static bool over_all_ranks(const fl_layer_call *c) {
    const conf *o = c->conf;
    return o->statistics == STATISTICS_GLOBAL;
}

static double count(const fl_layer_call *c) { /* values of one channel in the statistics */
    int64_t rows = over_all_ranks(c) ? c->global_rows : c->rows;
    return (double)rows * (double)fl_shape_pixels(c->out_shape);
}

static void sum_over_ranks(const fl_layer_call *c, double *v, size_t n) {
    if (over_all_ranks(c)) c->sum(c->context, v, n);
}

/* ---- forward ---- */

/* In one pass over x: each rank's own mean and squares about it; then, over all ranks, the mean,
 * and the squares about that one: Σ (x - μ)² = Σ (x - own)² + rows (own - μ)². */
static void find_statistics(const fl_layer_call *c, size_t n, double *mean, double *var,
                            double *own) {
    double rows = (double)lines(c), all = fmax(count(c), 1);
    fl_kernels_each(c->kernels)->moments(lines(c), n, c->in[0], own, var);
    for (size_t i = 0; i < n; i++) mean[i] = own[i] * rows;
    sum_over_ranks(c, mean, n);
    for (size_t i = 0; i < n; i++) {
        mean[i] /= all;
        var[i] += rows * (own[i] - mean[i]) * (own[i] - mean[i]);
    }
    sum_over_ranks(c, var, n);
    for (size_t i = 0; i < n; i++) var[i] /= all;
}

static void move_running(float *running, double batch, double momentum) {
    *running = (float)(momentum * *running + (1 - momentum) * batch);
}

static void update_running(const fl_layer_call *c, size_t n, const double *mean,
                           const double *var) {
    const conf *o = c->conf;
    double k = count(c), unbiased = k > 1 ? k / (k - 1) : 1;
    if (k == 0) return;
    for (size_t i = 0; i < n; i++) {
        if (c->buffer[MEAN]) move_running(&c->buffer[MEAN][i], mean[i], o->momentum);
        if (c->buffer[VAR]) move_running(&c->buffer[VAR][i], var[i] * unbiased, o->momentum);
    }
}

static void set_running_scale(const fl_layer_call *c, size_t n, float *scale) {
    const conf *o = c->conf;
    for (size_t i = 0; i < n; i++)
        scale[i] = (float)(c->param[GAMMA][i] / sqrt(c->param[VAR][i] + o->epsilon));
}

static fl_affine affine_of(const fl_layer_call *c, const float *mean, const float *scale) {
    return (fl_affine){.shift = mean, .scale = scale, .offset = c->param[BETA], .f = c->then};
}

static void normalise(const fl_layer_call *c, size_t n, const float *mean, const float *scale) {
    fl_affine a = affine_of(c, mean, scale);
    fl_kernels_each(c->kernels)->affine(&a, lines(c), n, c->in[0], c->out);
}

static void forward_training(const fl_layer_call *c, size_t n) {
    const conf *o = c->conf;
    scratch w = scratch_of(c);
    saved s = saved_of(c);
    find_statistics(c, n, w.a, w.b, w.own);
    update_running(c, n, w.a, w.b);
    for (size_t i = 0; i < n; i++) {
        s.mean[i] = (float)w.a[i];
        s.inverse[i] = (float)(1 / sqrt(w.b[i] + o->epsilon));
        w.scale[i] = s.inverse[i] * c->param[GAMMA][i];
    }
    normalise(c, n, s.mean, w.scale);
}

static void forward(const fl_layer_call *c) {
    size_t n = fl_shape_channels(c->out_shape);
    if (c->training) {
        forward_training(c, n);
        return;
    }
    scratch w = scratch_of(c);
    set_running_scale(c, n, w.scale);
    normalise(c, n, c->param[MEAN], w.scale);
}

/* ---- backward ---- */

static void add_gradients(const fl_layer_call *c, size_t n, const double *beta,
                          const double *gamma) {
    for (size_t i = 0; c->grad[BETA] && i < n; i++) c->grad[BETA][i] += (float)beta[i];
    for (size_t i = 0; c->grad[GAMMA] && i < n; i++) c->grad[GAMMA][i] += (float)gamma[i];
}

/* dx = γ / σ (dy - mean of dy - (x - μ) / σ · mean of dy (x - μ) / σ) */
static void add_input_gradient(const fl_layer_call *c, size_t n, saved s, scratch w) {
    fl_affine a = affine_of(c, s.mean, w.scale);
    double k = fmax(count(c), 1);
    sum_over_ranks(c, w.a, 2 * n);
    for (size_t i = 0; i < n; i++) {
        w.mean[i] = (float)(w.a[i] / k);
        w.slope[i] = (float)(w.b[i] * s.inverse[i] / k);
    }
    fl_kernels_each(c->kernels)
        ->affine_back(&a, lines(c), n, c->in[0], c->dout, w.mean, w.slope, !c->fresh[0], c->din[0]);
}

static void backward_training(const fl_layer_call *c, size_t n) {
    scratch w = scratch_of(c);
    saved s = saved_of(c);
    fl_affine a = affine_of(c, s.mean, w.scale);
    for (size_t i = 0; i < n; i++) w.scale[i] = s.inverse[i] * c->param[GAMMA][i];
    fl_kernels_each(c->kernels)->affine_sums(&a, lines(c), n, c->in[0], c->dout, w.a, w.b);
    for (size_t i = 0; i < n; i++) w.b[i] *= s.inverse[i];
    add_gradients(c, n, w.a, w.b);
    if (c->din[0]) add_input_gradient(c, n, s, w);
}

/* With running statistics the layer is affine: each element has its gradient to itself. */
static void backward_fixed(const fl_layer_call *c, size_t n) {
    const conf *o = c->conf;
    const fl_each *each = fl_kernels_each(c->kernels);
    scratch w = scratch_of(c);
    fl_affine a = affine_of(c, c->param[MEAN], w.scale);
    set_running_scale(c, n, w.scale);
    if (c->grad[GAMMA] || c->grad[BETA]) {
        each->affine_sums(&a, lines(c), n, c->in[0], c->dout, w.a, w.b);
        for (size_t i = 0; i < n; i++) w.b[i] /= sqrt(c->param[VAR][i] + o->epsilon);
        add_gradients(c, n, w.a, w.b);
    }
    if (c->din[0])
        each->affine_back(&a, lines(c), n, c->in[0], c->dout, NULL, NULL, !c->fresh[0], c->din[0]);
}

static void backward(const fl_layer_call *c) {
    size_t n = fl_shape_channels(c->out_shape);
    (c->training ? backward_training : backward_fixed)(c, n);
}

static fl_fusion fusion(const void *options, fl_shape in) {
    const conf *o = options;
    (void)in;
    return (fl_fusion){.kind = FL_FUSION_AFFINE, .epsilon = o->epsilon};
}

static const fl_layer_example examples[] = {
    {"{}", 1, {{3, {3, 4, 2}}}, false},
    {"{epsilon: 0.1, momentum: 0.5}", 1, {{1, {5}}}, false},
    {"{statistics: rank}", 1, {{3, {2, 3, 1}}}, false},
    {"{momentum: 1.5}", 1, {{1, {5}}}, true},
    {"{epsilon: -1}", 1, {{1, {5}}}, true},
    {0},
};

const fl_layer_ops fl_layer_batch_norm = {
    .name = "batch_norm",
    .help = "Each channel brought to mean 0 and deviation 1, then scaled and shifted.",
    .traits = FL_LAYER_STATISTICS,
    .min_in = 1,
    .max_in = 1,
    .writes_din = true,
    .then_reads = FL_READS_INPUT,
    .conf_size = sizeof(conf),
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .fusion = fusion,
    .examples = examples,
};
