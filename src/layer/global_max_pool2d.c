/* global_max_pool2d.c: the largest value of each channel over the image: (N, H, W, C) to (N, C).
 * Forward saves which pixel it was, the first of equals. NaN counts as the largest. */
#include "layer/pool.h"
#include "layer/shape.h"

static const fl_field fields[] = {{0}};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    (void)options, (void)n_in;
    if (!fl_layer_takes_image(in[0], out)) return false;
    fl_conv g = fl_pool_whole(in[0]);
    size_t channels = (size_t)in[0].d[2];
    *out = (fl_layer_plan){
        .out = fl_shape1(in[0].d[2]),
        .flops = (double)fl_shape_size(in[0]),
        .flops_dx = (double)channels,
        .dx_reads = FL_READS_SAVED,
        .saved_bytes = fl_tap_bytes(&g) * (size_t)rows * channels,
    };
    if (fl_shape_pixels(in[0]) > INT32_MAX)
        return fl_layer_refuse(out, "its input has too many pixels");
    return true;
}

static void forward(const fl_layer_call *c) {
    fl_conv g = fl_pool_whole(c->in_shape[0]);
    fl_kernels_each(c->kernels)->max_pool(&g, c->rows, c->in[0], c->out, c->saved);
}

/* One pixel a channel: no window is gone through again. */
static void backward(const fl_layer_call *c) {
    fl_conv g = fl_pool_whole(c->in_shape[0]);
    size_t image = fl_shape_size(c->in_shape[0]), n = c->out_shape.d[0];
    const uint16_t *narrow = c->saved;
    const uint32_t *wide = c->saved;
    bool is_narrow = fl_tap_bytes(&g) == sizeof *narrow;
    for (size_t i = 0; c->din[0] && i < c->rows * n; i++) {
        size_t pixel = is_narrow ? narrow[i] : wide[i];
        c->din[0][i / n * image + pixel * n + i % n] += c->dout[i];
    }
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
