/* depthwise.c: depthwise convolution. Every loop's innermost run is along the channels. */
#include <string.h>

#include "kernel/parts.h"

enum { BLOCK = 64 }; /* channels whose sums are kept near at hand */

static void add_products(int ci, int m, const float *x, const float *w, float *y) {
    if (m == 1) {
        for (int c = 0; c < ci; c++) y[c] += x[c] * w[c];
        return;
    }
    for (int c = 0; c < ci; c++)
        for (int j = 0; j < m; j++) y[c * m + j] += x[c] * w[c * m + j];
}

static void output_row(const fl_conv *g, const float *image, int oy, const float *w, float *y) {
    fl_taps ty = fl_taps_y(g, oy);
    memset(y, 0, sizeof *y * g->ow * g->co);
    for (int ox = 0; ox < g->ow; ox++, y += g->co) {
        fl_taps tx = fl_taps_x(g, ox);
        for (int ky = ty.lo; ky < ty.hi; ky++)
            for (int kx = tx.lo; kx < tx.hi; kx++)
                add_products(g->ci, g->co / g->ci,
                             image + fl_x_at(g, 0, ty.first + ky, tx.first + kx),
                             w + ((size_t)ky * g->kw + kx) * g->co, y);
    }
}

void fl_depthwise_forward(const fl_conv *g, int rows, const float *x, const float *w, float *y) {
    size_t all = (size_t)rows * g->oh;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < all; r++)
        output_row(g, x + fl_x_at(g, (int)(r / g->oh), 0, 0), (int)(r % g->oh), w,
                   y + r * g->ow * g->co);
}

static void add_adjoint(int ci, int m, const float *dy, const float *w, float *dx) {
    if (m == 1) {
        for (int c = 0; c < ci; c++) dx[c] += dy[c] * w[c];
        return;
    }
    for (int c = 0; c < ci; c++) {
        float sum = 0;
        for (int j = 0; j < m; j++) sum += dy[c * m + j] * w[c * m + j];
        dx[c] += sum;
    }
}

/* Adds to one line of dx (w, ci) what one line of dy (ow, co) holds for it by tap line w (kw, co).
 */
static void input_line(const fl_conv *g, const float *dy, const float *w, float *dx) {
    for (int ox = 0; ox < g->ow; ox++, dy += g->co) {
        fl_taps t = fl_taps_x(g, ox);
        for (int kx = t.lo; kx < t.hi; kx++)
            add_adjoint(g->ci, g->co / g->ci, dy, w + (size_t)kx * g->co,
                        dx + (size_t)(t.first + kx) * g->ci);
    }
}

void fl_depthwise_backward_data(const fl_conv *g, int rows, const float *dy, const float *w,
                                float *dx) {
    size_t all = (size_t)rows * g->h;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < all; r++)
        for (int ky = 0; ky < g->kh; ky++) {
            int oy = fl_output_of((int)(r % g->h), ky, g->top, g->sh, g->oh);
            if (oy >= 0)
                input_line(g, dy + fl_y_at(g, (int)(r / g->h), oy, 0),
                           w + (size_t)ky * g->kw * g->co, dx + r * g->w * g->ci);
        }
}

/* sum[j] += over one output row: x at the tap, times dy, for output channels from `o`. */
static void row_sums(const fl_conv *g, const float *x, const float *dy, int kx, int o, int n,
                     float *sum) {
    int m = g->co / g->ci;
    for (int ox = 0; ox < g->ow; ox++) {
        int ix = ox * g->sw - g->left + kx;
        if (ix < 0 || ix >= g->w) continue;
        const float *a = x + (size_t)ix * g->ci, *b = dy + (size_t)ox * g->co + o;
        if (m == 1)
            for (int j = 0; j < n; j++) sum[j] += a[o + j] * b[j];
        else
            for (int j = 0; j < n; j++) sum[j] += a[(o + j) / m] * b[j];
    }
}

/* dw of one tap and a block of channels: rows of the image in float, their sum in double. */
static void tap_sums(const fl_conv *g, int rows, const float *x, const float *dy, int ky, int kx,
                     int o, int n, float *dw) {
    double total[BLOCK] = {0};
    for (int r = 0; r < rows; r++)
        for (int oy = 0; oy < g->oh; oy++) {
            int iy = oy * g->sh - g->top + ky;
            if (iy < 0 || iy >= g->h) continue;
            float sum[BLOCK] = {0};
            row_sums(g, x + fl_x_at(g, r, iy, 0), dy + fl_y_at(g, r, oy, 0), kx, o, n, sum);
            for (int j = 0; j < n; j++) total[j] += sum[j];
        }
    for (int j = 0; j < n; j++) dw[j] += (float)total[j];
}

void fl_depthwise_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                   float *dw) {
    int taps = g->kh * g->kw;
#pragma omp parallel for schedule(static)
    for (int t = 0; t < taps; t++)
        for (int o = 0; o < g->co; o += BLOCK)
            tap_sums(g, rows, x, dy, t / g->kw, t % g->kw, o, g->co - o < BLOCK ? g->co - o : BLOCK,
                     dw + (size_t)t * g->co + o);
}
