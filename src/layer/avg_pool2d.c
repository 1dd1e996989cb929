/* avg_pool2d.c: the mean of each window's real pixels, channel by channel; padding does not count.
 */
#include "layer/pool.h"
#include "layer/shape.h"

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    fl_conv g;
    (void)n_in, (void)rows;
    if (!fl_pool_plan(options, in[0], &g, out)) return false;
    out->flops_dx = out->flops;
    return true;
}

static void forward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    fl_kernels_each(c->kernels)->avg_pool(&g, c->rows, c->in[0], c->out);
}

static void backward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    if (c->din[0])
        fl_kernels_each(c->kernels)->avg_pool_back(&g, c->rows, c->dout, !c->fresh[0], c->din[0]);
}

static const fl_layer_example examples[] = {
    {"{}", 1, {{3, {4, 6, 2}}}, false},
    {"{pool_size: 3, strides: 2}", 1, {{3, {7, 6, 2}}}, false},
    {"{pool_size: 3, strides: 2, padding: same}", 1, {{3, {6, 5, 1}}}, false},
    {"{pool_size: 3, strides: 2, padding: [1, 1, 1, 1]}", 1, {{3, {6, 7, 2}}}, false},
    {"{pool_size: [2, 3], padding: [1, 0, 2, 0], ceil_mode: true}", 1, {{3, {6, 8, 2}}}, false},
    {"{pool_size: 1}", 1, {{3, {2, 3, 1}}}, false},
    {"{pool_size: 2, padding: [0, 0, 0, 3]}", 1, {{3, {4, 4, 1}}}, true},
    {"{pool_size: 5}", 1, {{3, {4, 6, 1}}}, true},
    {0},
};

const fl_layer_ops fl_layer_avg_pool2d = {
    .name = "avg_pool2d",
    .help = "The mean of each window, padding left out.",
    .min_in = 1,
    .max_in = 1,
    .writes_din = true,
    .conf_size = sizeof(fl_pool),
    .fields = fl_pool_fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
