/* global_max_pool2d.c: the largest value of each channel over the image: (N, H, W, C) to (N, C).
 * Forward saves which pixel it was, the first of equals. NaN counts as the largest. */
#include "layer/shape.h"

static const fl_field fields[] = {{0}};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    (void)options, (void)n_in;
    if (!fl_layer_takes_image(in[0], out)) return false;
    size_t channels = (size_t)in[0].d[2];
    *out = (fl_layer_plan){
        .out = fl_shape1(in[0].d[2]),
        .flops = (double)fl_shape_size(in[0]),
        .flops_dx = (double)channels,
        .dx_reads = FL_READS_SAVED,
        .saved_bytes = sizeof(uint32_t) * (size_t)rows * channels,
    };
    if (fl_shape_pixels(in[0]) > UINT32_MAX)
        return fl_layer_refuse(out, "its input has too many pixels");
    return true;
}

static void keep_larger(size_t n, const float *x, uint32_t pixel, float *y, uint32_t *which) {
    for (size_t i = 0; i < n; i++) {
        bool keep = pixel > 0 && (x[i] <= y[i] || y[i] != y[i]);
        y[i] = keep ? y[i] : x[i];
        if (which) which[i] = keep ? which[i] : pixel;
    }
}

static void forward(const fl_layer_call *c) {
    size_t pixels = fl_shape_pixels(c->in_shape[0]), n = c->out_shape.d[0];
    const float *x = c->in[0];
    for (int r = 0; r < c->rows; r++)
        for (size_t p = 0; p < pixels; p++, x += n)
            keep_larger(n, x, (uint32_t)p, c->out + r * n,
                        c->saved ? (uint32_t *)c->saved + r * n : NULL);
}

static void backward(const fl_layer_call *c) {
    size_t image = fl_shape_size(c->in_shape[0]), n = c->out_shape.d[0];
    const uint32_t *which = c->saved;
    const float *dy = c->dout;
    if (!c->din[0]) return;
    for (int r = 0; r < c->rows; r++)
        for (size_t i = 0; i < n; i++) c->din[0][r * image + *which++ * n + i] += *dy++;
}

static const fl_layer_example examples[] = {
    {"{}", 1, {{3, {3, 5, 4}}}, false},
    {"{}", 1, {{3, {1, 1, 2}}}, false},
    {"{}", 1, {{1, {4}}}, true},
    {0},
};

const fl_layer_ops fl_layer_global_max_pool2d = {
    .name = "global_max_pool2d",
    .help = "The largest value of each channel over the whole image.",
    .min_in = 1,
    .max_in = 1,
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
