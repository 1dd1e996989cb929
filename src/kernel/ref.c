/* ref.c: the reference kernels. Plain loops, written straight from the definitions, sums in double:
 * slow, and what every other table is measured against. */
#include "kernel/parts.h"

static void gemm(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b,
                 int ldb, float beta, float *c, int ldc) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int p = 0; p < k; p++)
                sum += (double)a[ta ? (size_t)p * lda + i : (size_t)i * lda + p] *
                       b[tb ? (size_t)j * ldb + p : (size_t)p * ldb + j];
            float *v = &c[(size_t)i * ldc + j];
            *v = (float)(beta == 0 ? sum : sum + (double)beta * *v);
        }
}

/* ---- depthwise: channel o of y comes from channel o / m of x ---- */

static float depthwise_output(const fl_conv *g, int n, int oy, int ox, int o, const float *x,
                              const float *w) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    double sum = 0;
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++)
            sum += (double)x[fl_x_at(g, n, ty.first + ky, tx.first + kx) + o / (g->co / g->ci)] *
                   w[((size_t)ky * g->kw + kx) * g->co + o];
    return (float)sum;
}

void fl_ref_depthwise_forward(const fl_conv *g, int rows, const float *x, const float *w,
                              float *y) {
    for (int n = 0; n < rows; n++)
        for (int oy = 0; oy < g->oh; oy++)
            for (int ox = 0; ox < g->ow; ox++)
                for (int o = 0; o < g->co; o++)
                    y[fl_y_at(g, n, oy, ox) + o] = depthwise_output(g, n, oy, ox, o, x, w);
}

static double depthwise_input(const fl_conv *g, int n, int iy, int ix, int c, const float *dy,
                              const float *w) {
    int m = g->co / g->ci;
    double sum = 0;
    for (int ky = 0; ky < g->kh; ky++)
        for (int kx = 0; kx < g->kw; kx++) {
            int oy = fl_output_of(iy, ky, g->top, g->sh, g->oh);
            int ox = fl_output_of(ix, kx, g->left, g->sw, g->ow);
            if (oy < 0 || ox < 0) continue;
            for (int o = c * m; o < (c + 1) * m; o++)
                sum += (double)dy[fl_y_at(g, n, oy, ox) + o] *
                       w[((size_t)ky * g->kw + kx) * g->co + o];
        }
    return sum;
}

void fl_ref_depthwise_backward_data(const fl_conv *g, int rows, const float *dy, const float *w,
                                    float *dx) {
    for (int n = 0; n < rows; n++)
        for (int iy = 0; iy < g->h; iy++)
            for (int ix = 0; ix < g->w; ix++)
                for (int c = 0; c < g->ci; c++)
                    dx[fl_x_at(g, n, iy, ix) + c] += (float)depthwise_input(g, n, iy, ix, c, dy, w);
}

static double depthwise_weight(const fl_conv *g, int rows, int ky, int kx, int o, const float *x,
                               const float *dy) {
    double sum = 0;
    for (int n = 0; n < rows; n++)
        for (int oy = 0; oy < g->oh; oy++)
            for (int ox = 0; ox < g->ow; ox++) {
                int iy = oy * g->sh - g->top + ky, ix = ox * g->sw - g->left + kx;
                if (iy < 0 || iy >= g->h || ix < 0 || ix >= g->w) continue;
                sum += (double)x[fl_x_at(g, n, iy, ix) + o / (g->co / g->ci)] *
                       dy[fl_y_at(g, n, oy, ox) + o];
            }
    return sum;
}

void fl_ref_depthwise_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                       float *dw) {
    for (int ky = 0; ky < g->kh; ky++)
        for (int kx = 0; kx < g->kw; kx++)
            for (int o = 0; o < g->co; o++)
                dw[((size_t)ky * g->kw + kx) * g->co + o] +=
                    (float)depthwise_weight(g, rows, ky, kx, o, x, dy);
}

const fl_kernels fl_kernels_reference = {
    .name = "reference",
    .plain = "loops",
    .gemm = gemm,
    .conv_work = fl_ref_conv_work,
    .conv_forward = fl_ref_conv_forward,
    .conv_backward_data = fl_ref_conv_backward_data,
    .conv_backward_weights = fl_ref_conv_backward_weights,
    .depthwise_forward = fl_ref_depthwise_forward,
    .depthwise_backward_data = fl_ref_depthwise_backward_data,
    .depthwise_backward_weights = fl_ref_depthwise_backward_weights,
};
