/* max_pool2d.c: the largest value of each window, channel by channel. Forward saves which tap it
 * was, the first of equals, so that backward reads neither input nor output. NaN counts as the
 * largest. */
#include "layer/pool.h"
#include "layer/shape.h"

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    fl_conv g;
    (void)n_in;
    if (!fl_pool_plan(options, in[0], &g, out)) return false;
    out->dx_reads = FL_READS_SAVED;
    out->flops_dx = (double)fl_shape_size(out->out);
    out->saved_bytes = fl_tap_bytes(&g) * (size_t)rows * fl_shape_size(out->out);
    return true;
}

static void forward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    fl_kernels_each(c->kernels)->max_pool(&g, c->rows, c->in[0], c->out, c->saved);
}

static void backward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    if (c->din[0])
        fl_kernels_each(c->kernels)
            ->max_pool_back(&g, c->rows, c->dout, c->saved, !c->fresh[0], c->din[0]);
}

static fl_fusion fusion(const void *options, fl_shape in) {
    return (fl_fusion){.kind = FL_FUSION_POOL, .geometry = fl_pool_of(options, in)};
}

static const fl_layer_example examples[] = {
    {"{}", 1, {{3, {4, 6, 2}}}, false},
    {"{pool_size: 2}", 1, {{3, {5, 7, 3}}}, false},
    {"{pool_size: 3, strides: 2}", 1, {{3, {7, 6, 2}}}, false},
    {"{pool_size: 3, strides: 2, padding: same}", 1, {{3, {6, 5, 1}}}, false},
    {"{pool_size: 3, strides: 2, padding: [1, 1, 1, 1]}", 1, {{3, {6, 7, 2}}}, false},
    {"{pool_size: 3, strides: 2, ceil_mode: true}", 1, {{3, {6, 8, 2}}}, false},
    {"{pool_size: 2, strides: 3, padding: [0, 1, 0, 1], ceil_mode: true}",
     1,
     {{3, {5, 6, 1}}},
     false},
    {"{pool_size: [1, 3], strides: 1}", 1, {{3, {2, 4, 1}}}, false},
    {"{pool_size: 1}", 1, {{3, {2, 3, 2}}}, false},
    {"{pool_size: 2, padding: [2, 0, 0, 0]}", 1, {{3, {4, 4, 1}}}, true},
    {"{pool_size: 3}", 1, {{3, {2, 4, 1}}}, true},
    {"{pool_size: 2}", 1, {{1, {4}}}, true},
    {"{pool_size: 2, strides: 0}", 1, {{3, {4, 4, 1}}}, true},
    {0},
};

const fl_layer_ops fl_layer_max_pool2d = {
    .name = "max_pool2d",
    .help = "The largest value of each window.",
    .min_in = 1,
    .max_in = 1,
    .writes_din = true,
    .conf_size = sizeof(fl_pool),
    .fields = fl_pool_fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .fusion = fusion,
    .examples = examples,
};
