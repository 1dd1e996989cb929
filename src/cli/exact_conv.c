/* Convolutions straight from their definition, in double. */
#include <string.h>

#include "cli/exact.h"

static const double *pixel_of(const fl_conv *g, const double *x, int iy, int ix) {
    return x + ((size_t)iy * g->w + ix) * g->ci;
}

static const float *tap_of(const fl_conv *g, const float *w, int ky, int kx) {
    return w + ((size_t)ky * g->kw + kx) * g->ci * g->co;
}

/* y (co) += x (ci) * w (ci, co) */
static void add_product(int ci, int co, const double *x, const float *w, double *y) {
    for (int c = 0; c < ci; c++, w += co)
        for (int o = 0; o < co; o++) y[o] += x[c] * w[o];
}

void fl_exact_forward(const fl_conv *g, const double *x, const float *w, double *y) {
    memset(y, 0, sizeof *y * g->oh * g->ow * g->co);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < g->oh * g->ow; i++) {
        fl_taps ty = fl_taps_y(g, i / g->ow), tx = fl_taps_x(g, i % g->ow);
        for (int ky = ty.lo; ky < ty.hi; ky++)
            for (int kx = tx.lo; kx < tx.hi; kx++)
                add_product(g->ci, g->co, pixel_of(g, x, ty.first + ky, tx.first + kx),
                            tap_of(g, w, ky, kx), y + (size_t)i * g->co);
    }
}

/* dx (ci) += w (ci, co) * dy (co) */
static void add_transposed(int ci, int co, const double *dy, const float *w, double *dx) {
    for (int c = 0; c < ci; c++, w += co)
        for (int o = 0; o < co; o++) dx[c] += dy[o] * w[o];
}

void fl_exact_backward_data(const fl_conv *g, const double *dy, const float *w, double *dx) {
    memset(dx, 0, sizeof *dx * g->h * g->w * g->ci);
    for (int i = 0; i < g->oh * g->ow; i++) {
        fl_taps ty = fl_taps_y(g, i / g->ow), tx = fl_taps_x(g, i % g->ow);
        for (int ky = ty.lo; ky < ty.hi; ky++)
            for (int kx = tx.lo; kx < tx.hi; kx++)
                add_transposed(g->ci, g->co, dy + (size_t)i * g->co, tap_of(g, w, ky, kx),
                               dx + ((size_t)(ty.first + ky) * g->w + tx.first + kx) * g->ci);
    }
}

/* One tap, dw (ci, co): the sum over all pixels under which it lies. */
static void add_tap(const fl_conv *g, int ky, int kx, const double *x, const double *dy,
                    double *dw) {
    for (int i = 0; i < g->oh * g->ow; i++) {
        fl_taps ty = fl_taps_y(g, i / g->ow), tx = fl_taps_x(g, i % g->ow);
        if (ky < ty.lo || ky >= ty.hi || kx < tx.lo || kx >= tx.hi) continue;
        const double *from = pixel_of(g, x, ty.first + ky, tx.first + kx);
        const double *d = dy + (size_t)i * g->co;
        for (int c = 0; c < g->ci; c++)
            for (int o = 0; o < g->co; o++) dw[(size_t)c * g->co + o] += from[c] * d[o];
    }
}

void fl_exact_backward_weights(const fl_conv *g, const double *x, const double *dy, double *dw) {
#pragma omp parallel for schedule(dynamic)
    for (int t = 0; t < g->kh * g->kw; t++)
        add_tap(g, t / g->kw, t % g->kw, x, dy, dw + (size_t)t * g->ci * g->co);
}

void fl_exact_depthwise(const fl_conv *g, const double *x, const float *w, double *y) {
    int m = g->co / g->ci;
    memset(y, 0, sizeof *y * g->oh * g->ow * g->co);
    for (int i = 0; i < g->oh * g->ow; i++, y += g->co) {
        fl_taps ty = fl_taps_y(g, i / g->ow), tx = fl_taps_x(g, i % g->ow);
        for (int ky = ty.lo; ky < ty.hi; ky++)
            for (int kx = tx.lo; kx < tx.hi; kx++) {
                const double *from = pixel_of(g, x, ty.first + ky, tx.first + kx);
                const float *tap = w + ((size_t)ky * g->kw + kx) * g->co;
                for (int o = 0; o < g->co; o++) y[o] += from[o / m] * tap[o];
            }
    }
}
