/* flatten.c: (N, H, W, C) to (N, C * H * W), channels outermost: PyTorch's order, so that the
 * weights of a dense layer behind it are the same in both. Features pass as they are. */
#include "layer/shape.h"

static const fl_field fields[] = {{0}};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    (void)options, (void)n_in, (void)rows;
    *out = (fl_layer_plan){.out = fl_shape1((int64_t)fl_shape_size(in[0]))};
    return true;
}

static void forward(const fl_layer_call *c) {
    size_t pixels = fl_shape_pixels(c->in_shape[0]), n = fl_shape_channels(c->in_shape[0]);
    for (int r = 0; r < c->rows; r++) {
        const float *x = c->in[0] + r * pixels * n;
        float *y = c->out + r * pixels * n;
        for (size_t i = 0; i < n; i++)
            for (size_t p = 0; p < pixels; p++) y[i * pixels + p] = x[p * n + i];
    }
}

static void backward(const fl_layer_call *c) {
    size_t pixels = fl_shape_pixels(c->in_shape[0]), n = fl_shape_channels(c->in_shape[0]);
    if (!c->din[0]) return;
    for (int r = 0; r < c->rows; r++) {
        const float *dy = c->dout + r * pixels * n;
        float *dx = c->din[0] + r * pixels * n;
        for (size_t i = 0; i < n; i++)
            for (size_t p = 0; p < pixels; p++) dx[p * n + i] += dy[i * pixels + p];
    }
}

static const fl_layer_example examples[] = {
    {"{}", 1, {{3, {2, 3, 4}}}, false},
    {"{}", 1, {{3, {3, 2, 1}}}, false},
    {"{}", 1, {{1, {5}}}, false},
    {"{units: 3}", 1, {{1, {5}}}, true},
    {0},
};

const fl_layer_ops fl_layer_flatten = {
    .name = "flatten",
    .help = "An image as a list of features, channel by channel.",
    .min_in = 1,
    .max_in = 1,
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
