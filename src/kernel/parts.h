/* parts.h: what the kernel tables are put together from; private to src/kernel. */
#ifndef FROSTLINE_KERNEL_PARTS_H
#define FROSTLINE_KERNEL_PARTS_H

#include "frostline/each.h"

extern const fl_kernels fl_kernels_baseline;

void fl_gemm_blas(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc);

size_t fl_ref_conv_work(const fl_conv *g, int rows);
void fl_ref_conv_forward(const fl_conv *g, int rows, const float *x, const float *w, float *y,
                         float *work);
void fl_ref_conv_backward_data(const fl_conv *g, int rows, const float *dy, const float *w,
                               float *dx, float *work);
void fl_ref_conv_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                  float *dw, float *work);
void fl_ref_depthwise_forward(const fl_conv *g, int rows, const float *x, const float *w, float *y);
void fl_ref_depthwise_backward_data(const fl_conv *g, int rows, const float *dy, const float *w,
                                    float *dx);
void fl_ref_depthwise_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                       float *dw);

void fl_ref_activate(fl_activation f, size_t rows, size_t channels, const float *x, float *y);
void fl_ref_activate_back(fl_activation f, size_t rows, size_t channels, const float *y,
                          const float *z, float *d, float *sum);
void fl_ref_activate_into(fl_activation f, size_t rows, size_t channels, const float *y,
                          const float *z, const float *d, bool add, float *dx);

size_t fl_im2col_work(const fl_conv *g, int rows);
void fl_im2col_forward(const fl_conv *g, int rows, const float *x, const float *w, float *y,
                       float *work);
void fl_im2col_backward_data(const fl_conv *g, int rows, const float *dy, const float *w, float *dx,
                             float *work);
void fl_im2col_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                float *dw, float *work);

void fl_depthwise_forward(const fl_conv *g, int rows, const float *x, const float *w, float *y);
void fl_depthwise_backward_data(const fl_conv *g, int rows, const float *dy, const float *w,
                                float *dx);
void fl_depthwise_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                   float *dw);

/* The output position whose window has tap k on input position i, or -1. */
static inline int fl_output_of(int i, int k, int pad, int stride, int n_out) {
    int t = i + pad - k;
    return t >= 0 && t % stride == 0 && t / stride < n_out ? t / stride : -1;
}

/* Where a pixel of row n begins in x (rows, h, w, ci) and in y (rows, oh, ow, co). */
static inline size_t fl_x_at(const fl_conv *g, int n, int y, int x) {
    return (((size_t)n * g->h + y) * g->w + x) * g->ci;
}
static inline size_t fl_y_at(const fl_conv *g, int n, int y, int x) {
    return (((size_t)n * g->oh + y) * g->ow + x) * g->co;
}

#endif
