/* kernel.h: the numerical kernels behind the layers, one const table per implementation.
 * Activations are channels-last, convolution weights are (kh, kw, ci, co) in memory, dense weights
 * (out, in). */
#ifndef FROSTLINE_KERNEL_H
#define FROSTLINE_KERNEL_H

#include "frostline/base.h"

typedef struct fl_conv { /* geometry of a convolution or pooling window over one row */
    int h, w, ci;        /* input */
    int oh, ow, co;      /* output; depthwise: co = ci * multiplier */
    int kh, kw, sh, sw;  /* kernel and strides */
    int top, left; /* zero padding before the first row and column; what lies after follows from oh,
                      ow */
} fl_conv;

/* Taps lo ≤ k < hi of the window at one output position lie inside the input, at first + k. */
typedef struct fl_taps {
    int first, lo, hi;
} fl_taps;

static inline fl_taps fl_taps_of(int first, int k, int n) {
    int lo = first < 0 ? -first : 0, hi = n - first < k ? n - first : k;
    if (lo > k) lo = k;
    return (fl_taps){first, lo, hi > lo ? hi : lo};
}
static inline fl_taps fl_taps_y(const fl_conv *g, int oy) {
    return fl_taps_of(oy * g->sh - g->top, g->kh, g->h);
}
static inline fl_taps fl_taps_x(const fl_conv *g, int ox) {
    return fl_taps_of(ox * g->sw - g->left, g->kw, g->w);
}

typedef struct fl_kernels {
    const char *name;  /* "reference", "baseline", … */
    const char *plain; /* what its convolutions without an algorithm are: "im2col", "loops" */
    const struct fl_isa *isa; /* faster ways for what they fit (conv.h); NULL: none */

    /* C = op(A) op(B) + beta C, row-major; op transposes where ta, tb. A is m×k, B k×n, C m×n after
     * op. */
    void (*gemm)(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b,
                 int ldb, float beta, float *c, int ldc);

    /* Floats of work memory that the three convolution kernels want for up to `rows` rows. */
    size_t (*conv_work)(const fl_conv *g, int rows);
    /* y (rows, oh, ow, co) = x (rows, h, w, ci) * w (kh, kw, ci, co); cross-correlation, as in
     * every framework */
    void (*conv_forward)(const fl_conv *g, int rows, const float *x, const float *w, float *y,
                         float *work);
    /* dx += the adjoint in x of dy */
    void (*conv_backward_data)(const fl_conv *g, int rows, const float *dy, const float *w,
                               float *dx, float *work);
    /* dw += the adjoint in w of dy */
    void (*conv_backward_weights)(const fl_conv *g, int rows, const float *x, const float *dy,
                                  float *dw, float *work);

    /* Depthwise: channel c of x makes channels c*m … c*m+m-1 of y, m = co / ci; w is (kh, kw, co).
     */
    void (*depthwise_forward)(const fl_conv *g, int rows, const float *x, const float *w, float *y);
    void (*depthwise_backward_data)(const fl_conv *g, int rows, const float *dy, const float *w,
                                    float *dx);
    void (*depthwise_backward_weights)(const fl_conv *g, int rows, const float *x, const float *dy,
                                       float *dw);
} fl_kernels;

/* The table in force: FROSTLINE_ISA=reference|baseline|avx2|avx512, else the best this machine has.
 * An unknown name, or a set that this machine or build lacks, is FL_ERR_CONFIG and lists those
 * there are. */
fl_status fl_kernels_select(const fl_kernels **out);
extern const fl_kernels fl_kernels_reference; /* plain C, complete: the yardstick */

/* All tables that run on this machine; NULL-terminated. */
const fl_kernels *const *fl_kernels_all(void);

/* Threads that OpenBLAS and the loops of the kernels may use in this process; OpenBLAS's version
 * text. */
void fl_blas_set_threads(int n);
/* From now on products by OpenBLAS have the same bits whatever number of threads was set before. */
void fl_blas_same_bits(bool same);
const char *fl_blas_version(void);

#endif
