/* ref_conv.c: the reference convolution. Each number is one sum over its window, in double. */
#include "kernel/parts.h"

size_t fl_ref_conv_work(const fl_conv *g, int rows) {
    (void)g, (void)rows;
    return 0;
}

static size_t w_at(const fl_conv *g, int ky, int kx, int c) { /* in w (kh, kw, ci, co) */
    return (((size_t)ky * g->kw + kx) * g->ci + c) * g->co;
}

static float output(const fl_conv *g, int n, int oy, int ox, int o, const float *x,
                    const float *w) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    double sum = 0;
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++)
            for (int c = 0; c < g->ci; c++)
                sum += (double)x[fl_x_at(g, n, ty.first + ky, tx.first + kx) + c] *
                       w[w_at(g, ky, kx, c) + o];
    return (float)sum;
}

void fl_ref_conv_forward(const fl_conv *g, int rows, const float *x, const float *w, float *y,
                         float *work) {
    (void)work;
    for (int n = 0; n < rows; n++)
        for (int oy = 0; oy < g->oh; oy++)
            for (int ox = 0; ox < g->ow; ox++)
                for (int o = 0; o < g->co; o++)
                    y[fl_y_at(g, n, oy, ox) + o] = output(g, n, oy, ox, o, x, w);
}

static double input(const fl_conv *g, int n, int iy, int ix, int c, const float *dy,
                    const float *w) {
    double sum = 0;
    for (int ky = 0; ky < g->kh; ky++)
        for (int kx = 0; kx < g->kw; kx++) {
            int oy = fl_output_of(iy, ky, g->top, g->sh, g->oh);
            int ox = fl_output_of(ix, kx, g->left, g->sw, g->ow);
            if (oy < 0 || ox < 0) continue;
            for (int o = 0; o < g->co; o++)
                sum += (double)dy[fl_y_at(g, n, oy, ox) + o] * w[w_at(g, ky, kx, c) + o];
        }
    return sum;
}

void fl_ref_conv_backward_data(const fl_conv *g, int rows, const float *dy, const float *w,
                               float *dx, float *work) {
    (void)work;
    for (int n = 0; n < rows; n++)
        for (int iy = 0; iy < g->h; iy++)
            for (int ix = 0; ix < g->w; ix++)
                for (int c = 0; c < g->ci; c++)
                    dx[fl_x_at(g, n, iy, ix) + c] += (float)input(g, n, iy, ix, c, dy, w);
}

static double weight(const fl_conv *g, int rows, int ky, int kx, int c, int o, const float *x,
                     const float *dy) {
    double sum = 0;
    for (int n = 0; n < rows; n++)
        for (int oy = 0; oy < g->oh; oy++)
            for (int ox = 0; ox < g->ow; ox++) {
                int iy = oy * g->sh - g->top + ky, ix = ox * g->sw - g->left + kx;
                if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w) continue;
                sum += (double)x[fl_x_at(g, n, iy, ix) + c] * dy[fl_y_at(g, n, oy, ox) + o];
            }
    return sum;
}

void fl_ref_conv_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                  float *dw, float *work) {
    (void)work;
    for (int ky = 0; ky < g->kh; ky++)
        for (int kx = 0; kx < g->kw; kx++)
            for (int c = 0; c < g->ci; c++)
                for (int o = 0; o < g->co; o++)
                    dw[w_at(g, ky, kx, c) + o] += (float)weight(g, rows, ky, kx, c, o, x, dy);
}
