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

/* y = or += the masked and scaled x, row by row. */
static void mask(const fl_layer_call *c, const float *x, float *y, bool add) {
    const conf *o = c->conf;
    size_t n = fl_shape_size(c->out_shape);
    fl_drop d = {.rng = c->rng,
                 .salt = (uint32_t)c->salt,
                 .least = (uint32_t)(o->rate * 0x1p32),
                 .scale = (float)(1 / (1 - o->rate))};
    for (size_t r = 0; r < (size_t)c->rows; r++) {
        d.rng.sample = (uint64_t)c->sample[r];
        fl_kernels_each(c->kernels)->drop(&d, n, x + r * n, add, y + r * n);
    }
}

static void forward(const fl_layer_call *c) {
    if (drops(c))
        mask(c, c->in[0], c->out, false);
    else if (c->rows > 0)
        memcpy(c->out, c->in[0], fl_call_out_size(c) * sizeof(float));
}

static void backward(const fl_layer_call *c) {
    if (c->din[0] && drops(c))
        mask(c, c->dout, c->din[0], !c->fresh[0]);
    else if (c->din[0] && c->fresh[0])
        memcpy(c->din[0], c->dout, fl_call_out_size(c) * sizeof(float));
    else if (c->din[0])
        fl_add_to(c->din[0], c->dout, fl_call_out_size(c));
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
    .writes_din = true,
    .conf_size = sizeof(conf),
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
