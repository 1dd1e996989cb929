/* global_avg_pool2d.c: the mean of each channel over the image: (N, H, W, C) to (N, C). */
#include "layer/pool.h"
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
    fl_conv g = fl_pool_whole(c->in_shape[0]);
    fl_kernels_each(c->kernels)->avg_pool(&g, c->rows, c->in[0], c->out);
}

static void backward(const fl_layer_call *c) {
    fl_conv g = fl_pool_whole(c->in_shape[0]);
    if (c->din[0])
        fl_kernels_each(c->kernels)->avg_pool_back(&g, c->rows, c->dout, !c->fresh[0], c->din[0]);
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
    .writes_din = true,
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
