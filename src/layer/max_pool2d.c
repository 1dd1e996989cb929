/* max_pool2d.c: the largest value of each window, channel by channel. Forward saves which tap it
 * was, the first of equals, so that backward reads neither input nor output. NaN counts as the
 * largest. */
#include <string.h>

#include "layer/pool.h"
#include "layer/shape.h"

typedef uint16_t tap; /* ky * kw + kx; FL_MAX_KERNEL squared is the most there can be */

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    fl_conv g;
    (void)n_in;
    if (!fl_pool_plan(options, in[0], &g, out)) return false;
    out->dx_reads = FL_READS_SAVED;
    out->flops_dx = (double)fl_shape_size(out->out);
    out->saved_bytes = sizeof(tap) * (size_t)rows * fl_shape_size(out->out);
    return true;
}

static void keep_larger(int n, const float *x, tap t, float *y, tap *which) {
    for (int c = 0; c < n; c++) {
        bool keep = x[c] <= y[c] || y[c] != y[c];
        y[c] = keep ? y[c] : x[c];
        if (which) which[c] = keep ? which[c] : t;
    }
}

static void set_first(int n, const float *x, tap t, float *y, tap *which) {
    memcpy(y, x, (size_t)n * sizeof *y);
    for (int c = 0; which && c < n; c++) which[c] = t;
}

static void pool_window(const fl_conv *g, const float *image, int oy, int ox, float *y,
                        tap *which) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++) {
            bool first = ky == ty.lo && kx == tx.lo;
            size_t at = ((size_t)(ty.first + ky) * g->w + tx.first + kx) * g->ci;
            (first ? set_first : keep_larger)(g->ci, image + at, (tap)(ky * g->kw + kx), y, which);
        }
}

static void forward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    size_t lines = (size_t)c->rows * g.oh, image = fl_shape_size(c->in_shape[0]);
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < lines; r++)
        for (int ox = 0; ox < g.ow; ox++) {
            size_t at = (r * g.ow + ox) * g.co;
            pool_window(&g, c->in[0] + r / g.oh * image, (int)(r % g.oh), ox, c->out + at,
                        c->saved ? (tap *)c->saved + at : NULL);
        }
}

static void scatter(const fl_conv *g, const float *dy, const tap *which, float *dx) {
    for (int oy = 0; oy < g->oh; oy++)
        for (int ox = 0; ox < g->ow; ox++)
            for (int c = 0; c < g->co; c++, dy++, which++) {
                int iy = oy * g->sh - g->top + *which / g->kw;
                int ix = ox * g->sw - g->left + *which % g->kw;
                dx[((size_t)iy * g->w + ix) * g->ci + c] += *dy;
            }
}

static void backward(const fl_layer_call *c) {
    fl_conv g = fl_pool_of(c->conf, c->in_shape[0]);
    size_t image = fl_shape_size(c->in_shape[0]), size = fl_shape_size(c->out_shape);
    if (!c->din[0]) return;
#pragma omp parallel for schedule(static)
    for (int n = 0; n < c->rows; n++)
        scatter(&g, c->dout + n * size, (const tap *)c->saved + n * size, c->din[0] + n * image);
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
    .conf_size = sizeof(fl_pool),
    .fields = fl_pool_fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .fusion = fusion,
    .examples = examples,
};
