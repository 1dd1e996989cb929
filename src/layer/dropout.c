/* dropout.c: while training, each element is zeroed with probability `rate`, the others grow by 1 /
 * (1 - rate) (Srivastava et al. 2014). Which ones is a function of (seed, epoch, sample, layer,
 * element), so backward draws them again instead of keeping a mask, and the rank count changes
 * nothing. */
#include <string.h>

#include "layer/options.h"
#include "layer/shape.h"

typedef struct conf {
    double rate;
} conf;

static const fl_field fields[] = {
    {FL_OPTION(rate, FL_FLOAT), .min = 0, .max = 1, .help = "Share of elements that are zeroed."},
    {0},
};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    const conf *o = options;
    double size = (double)fl_shape_size(in[0]);
    (void)n_in, (void)rows;
    *out = (fl_layer_plan){.out = in[0], .flops = size, .flops_dx = size};
    if (o->rate >= 1) return fl_layer_refuse(out, "would zero everything: rate must be below 1");
    if (size > UINT32_MAX) return fl_layer_refuse(out, "its input is too large");
    return true;
}

static bool drops(const fl_layer_call *c) {
    const conf *o = c->conf;
    return c->training && o->rate > 0;
}

/* y = or += the masked and scaled x of one row. */
static void mask_row(const fl_layer_call *c, int row, const float *x, float *y, bool add) {
    const conf *o = c->conf;
    size_t n = fl_shape_size(c->out_shape);
    float scale = (float)(1 / (1 - o->rate));
    fl_rng rng = c->rng;
    rng.sample = (uint64_t)c->sample[row];
    for (size_t i = 0; i < n; i++) {
        bool keep = fl_rng_uniform(&rng, c->salt << 32 | i) >= o->rate;
        y[i] = (add ? y[i] : 0) + (keep ? x[i] * scale : 0);
    }
}

static void forward(const fl_layer_call *c) {
    size_t n = fl_shape_size(c->out_shape);
    if (!drops(c)) {
        if (c->rows > 0) memcpy(c->out, c->in[0], fl_call_out_size(c) * sizeof(float));
        return;
    }
    for (int r = 0; r < c->rows; r++) mask_row(c, r, c->in[0] + r * n, c->out + r * n, false);
}

static void backward(const fl_layer_call *c) {
    size_t n = fl_shape_size(c->out_shape);
    if (!c->din[0]) return;
    if (!drops(c)) {
        fl_add_to(c->din[0], c->dout, fl_call_out_size(c));
        return;
    }
    for (int r = 0; r < c->rows; r++) mask_row(c, r, c->dout + r * n, c->din[0] + r * n, true);
}

static const fl_layer_example examples[] = {
    {"{rate: 0.5}", 1, {{1, {40}}}, false},
    {"{rate: 0.25}", 1, {{3, {3, 4, 2}}}, false},
    {"{rate: 0}", 1, {{1, {4}}}, false},
    {"{rate: 1}", 1, {{1, {4}}}, true},
    {"{rate: -0.5}", 1, {{1, {4}}}, true},
    {"{}", 1, {{1, {4}}}, true},
    {0},
};

const fl_layer_ops fl_layer_dropout = {
    .name = "dropout",
    .help = "Zeroes elements at random while training.",
    .traits = FL_LAYER_RANDOM,
    .min_in = 1,
    .max_in = 1,
    .conf_size = sizeof(conf),
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
