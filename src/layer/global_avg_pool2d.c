/* global_avg_pool2d.c: the mean of each channel over the image: (N, H, W, C) to (N, C). */
#include <string.h>

#include "layer/shape.h"

static const fl_field fields[] = {{0}};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    (void)options, (void)n_in, (void)rows;
    if (!fl_layer_takes_image(in[0], out)) return false;
    double size = (double)fl_shape_size(in[0]);
    *out = (fl_layer_plan){.out = fl_shape1(in[0].d[2]), .flops = size, .flops_dx = size};
    return true;
}

static void forward(const fl_layer_call *c) {
    size_t pixels = fl_shape_pixels(c->in_shape[0]), n = c->out_shape.d[0];
    const float *x = c->in[0];
    memset(c->out, 0, fl_call_out_size(c) * sizeof(float));
    for (int r = 0; r < c->rows; r++) {
        float *y = c->out + r * n;
        for (size_t p = 0; p < pixels; p++, x += n) fl_add_to(y, x, n);
        for (size_t i = 0; i < n; i++) y[i] /= (float)pixels;
    }
}

static void backward(const fl_layer_call *c) {
    size_t pixels = fl_shape_pixels(c->in_shape[0]), n = c->out_shape.d[0];
    float *dx = c->din[0];
    if (!dx) return;
    for (int r = 0; r < c->rows; r++) {
        float *dy = c->dout + r * n;
        for (size_t i = 0; i < n; i++) dy[i] /= (float)pixels;
        for (size_t p = 0; p < pixels; p++, dx += n) fl_add_to(dx, dy, n);
    }
}

static const fl_layer_example examples[] = {
    {"{}", 1, {{3, {3, 5, 4}}}, false},
    {"{}", 1, {{3, {1, 1, 1}}}, false},
    {"{}", 1, {{1, {4}}}, true},
    {0},
};

const fl_layer_ops fl_layer_global_avg_pool2d = {
    .name = "global_avg_pool2d",
    .help = "The mean of each channel over the whole image.",
    .min_in = 1,
    .max_in = 1,
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
