/* avg_pool2d.c: the mean of each window's real pixels, channel by channel; padding does not count.
 */
#include <string.h>

#include "layer/pool.h"
#include "layer/shape.h"

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    fl_conv g;
    (void)n_in, (void)rows;
    if (!fl_pool_plan(options, in[0], &g, out)) return false;
    out->flops_dx = out->flops;
    return true;
}

static float share(fl_taps y, fl_taps x) { /* of one pixel in its window's mean */
    return 1.0f / (float)((y.hi - y.lo) * (x.hi - x.lo));
}

static void pool_window(const fl_conv *g, const float *image, int oy, int ox, float *y) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    float s = share(ty, tx);
    memset(y, 0, sizeof *y * g->ci);
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++)
            fl_add_to(y, image + ((size_t)(ty.first + ky) * g->w + tx.first + kx) * g->ci, g->ci);
    for (int c = 0; c < g->ci; c++) y[c] *= s;
}

static void forward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    size_t lines = (size_t)c->rows * g.oh, image = fl_shape_size(c->in_shape[0]);
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < lines; r++)
        for (int ox = 0; ox < g.ow; ox++)
            pool_window(&g, c->in[0] + r / g.oh * image, (int)(r % g.oh), ox,
                        c->out + (r * g.ow + ox) * g.co);
}

static void spread(const fl_conv *g, int oy, int ox, float *dy, float *dx) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    float s = share(ty, tx);
    for (int c = 0; c < g->co; c++) dy[c] *= s;
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++)
            fl_add_to(dx + ((size_t)(ty.first + ky) * g->w + tx.first + kx) * g->ci, dy, g->ci);
}

static void backward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    size_t image = fl_shape_size(c->in_shape[0]), size = fl_shape_size(c->out_shape);
    if (!c->din[0]) return;
#pragma omp parallel for schedule(static)
    for (int n = 0; n < c->rows; n++)
        for (int p = 0; p < g.oh * g.ow; p++)
            spread(&g, p / g.ow, p % g.ow, c->dout + n * size + (size_t)p * g.co,
                   c->din[0] + n * image);
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
    .conf_size = sizeof(fl_pool),
    .fields = fl_pool_fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
