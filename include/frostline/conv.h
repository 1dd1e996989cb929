/* conv.h: fast convolutions as *algorithms*, of which a plan chooses one a layer. Each instruction
 * set has its table; all of them compute what fl_kernels_reference computes, up to rounding.
 *
 * For every algorithm:
 * - Activations are channels-last, float32. Any size, channel count and padding that `fits` accepts
 *   is right.
 * - Results are bitwise the same for any number of OpenMP threads.
 * - `run` allocates nothing. `packed` and `work` need no alignment, but a page (fl_alloc_pages) is
 *   best. The thread count must not rise between `work` and `run`.
 * - rows may be 0.
 *
 * Backward-data of a convolution with stride 1 is the forward algorithm on the adjoint geometry
 * with rotated weights and `accumulate`. */
#ifndef FROSTLINE_CONV_H
#define FROSTLINE_CONV_H

#include "frostline/kernel.h"

/* Activations that can be fused; the values are those of fl_activation. */
enum { FL_CONV_LINEAR, FL_CONV_RELU, FL_CONV_RELU6 };

typedef struct fl_epilogue { /* what is done to the output before it is stored */
    const float *bias;       /* (co) or NULL */
    int activation;          /* FL_CONV_… */
    int pool;        /* 1, or 2: its 2x2 max pooling with stride 2 (valid) is stored instead:
                        (rows, oh / 2, ow / 2, co) */
    bool accumulate; /* adds to y instead of storing; then linear, no bias and no pool */
} fl_epilogue;

typedef struct fl_conv_algo {
    const char *name; /* "winograd4", "winograd6", "implicit", "gemm", "direct", … */
    bool (*fits)(const fl_conv *g, const fl_epilogue *e);
    size_t (*packed)(const fl_conv *g);                            /* floats of packed weights */
    void (*pack)(const fl_conv *g, const float *w, float *packed); /* w (kh, kw, ci, co) */
    size_t (*work)(const fl_conv *g, int rows); /* floats of scratch, over all threads */
    void (*run)(const fl_conv *g, int rows, const float *x, const float *packed,
                const fl_epilogue *e, float *y, float *work);
    /* Modelled seconds of a run on one core of 100 GFLOP/s; only their order matters. */
    double (*cost)(const fl_conv *g, int rows);
} fl_conv_algo;

typedef struct fl_conv_dw_algo { /* weight gradients: dw (kh, kw, ci, co) += adjoint(x, dy) */
    const char *name;
    bool (*fits)(const fl_conv *g);
    size_t (*work)(const fl_conv *g, int rows);
    void (*run)(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                float *work);
    double (*cost)(const fl_conv *g, int rows);
} fl_conv_dw_algo;

/* Depthwise convolution with multiplier 1 (ci = co), w (kh, kw, co), as it is. */
typedef struct fl_depthwise {
    bool (*fits)(const fl_conv *g, const fl_epilogue *e);
    void (*forward)(const fl_conv *g, int rows, const float *x, const float *w,
                    const fl_epilogue *e, float *y);
    /* dx += */
    void (*backward_data)(const fl_conv *g, int rows, const float *dy, const float *w, float *dx);
    size_t (*work)(const fl_conv *g, int rows); /* floats of scratch for weight gradients */
    /* dw += */
    void (*backward_weights)(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                             float *work);
} fl_depthwise;

/* Dense layers of few rows: the weights (out, in) are read where they lie and once. Any number of
 * rows is right; up to `rows` of them it is faster than a packing product. */
typedef struct fl_dense {
    int rows;
    /* y (rows, out) = x (rows, in) wᵀ, then e (pool 1) */
    void (*forward)(int rows, int in, int out, const float *x, const float *w, const fl_epilogue *e,
                    float *y);
    /* dx += dy w */
    void (*backward_data)(int rows, int in, int out, const float *dy, const float *w, float *dx);
    /* dw += dyᵀ x */
    void (*backward_weights)(int rows, int in, int out, const float *x, const float *dy, float *dw);
} fl_dense;

typedef struct fl_adam_step { /* the numbers of one step of Adam */
    float scale;              /* on the gradient */
    float l2;                 /* · w, added to the gradient */
    float fade;               /* · w, taken off the weight */
    float keep_1, keep_2, new_1, new_2, rate, unbias, epsilon;
} fl_adam_step;

/* What is done to each number by itself, where that is faster than the plain loop. */
typedef struct fl_each {
    /* g = scale gradient + l2 w; m = keep_1 m + new_1 g; v = keep_2 v + new_2 g²;
     * w -= fade w + rate m / (√v unbias + epsilon); each number's result is the same wherever in
     * the array it lies */
    void (*adam)(const fl_adam_step *s, size_t n, float *w, const float *gradient, float *m,
                 float *v);
    /* The largest of each window that has at least one pixel, (rows, oh, ow, ci); tap, if wanted:
     * which it was, ky * kw + kx, the first of equals. NaN counts as the largest. */
    bool (*fits_max_pool)(const fl_conv *g);
    void (*max_pool)(const fl_conv *g, int rows, const float *x, float *y, uint16_t *tap);
} fl_each;

typedef struct fl_isa {
    const char *name;                /* "baseline", "avx2", "avx512" */
    const fl_conv_algo *const *conv; /* NULL-terminated, as the others */
    const fl_conv_dw_algo *const *conv_dw;
    /* Backward data of any stride and padding. All functions take the geometry of the forward pass
     * and pack its w; in run, x is dy (rows, oh, ow, co) and y is dx (rows, h, w, ci). */
    const fl_conv_algo *const *conv_dx;
    const fl_depthwise *depthwise; /* NULL in the reference, as the next */
    const fl_dense *dense;
    const fl_each *each;
} fl_isa;

/* All sets that this machine and this build have, best last; NULL-terminated. */
const fl_isa *const *fl_isas_all(void);

/* The set in force: FROSTLINE_ISA, else the best. "reference" is a set without any algorithm. An
 * unknown name is FL_ERR_CONFIG, as in fl_kernels_select. */
fl_status fl_isa_select(const fl_isa **out);

/* The algorithm of that name, or NULL. */
const fl_conv_algo *fl_conv_algo_find(const fl_isa *isa, const char *name);
const fl_conv_dw_algo *fl_conv_dw_algo_find(const fl_isa *isa, const char *name);

/* The cheapest by `cost` of those that fit, or NULL. */
const fl_conv_algo *fl_conv_algo_choose(const fl_isa *isa, const fl_conv *g, const fl_epilogue *e,
                                        int rows);
const fl_conv_dw_algo *fl_conv_dw_algo_choose(const fl_isa *isa, const fl_conv *g, int rows);

/* The geometry of backward-data: from dy (oh, ow, co) to dx (h, w, ci). False if it is no
 * convolution: stride over 1, or padding of a whole kernel. */
bool fl_conv_adjoint(const fl_conv *g, fl_conv *h);
/* Its weights: out (kh, kw, co, ci) = w (kh, kw, ci, co), turned by 180° and transposed. */
void fl_conv_rotate(const fl_conv *g, const float *w, float *out);

/* ---- what layers call: the fastest way that these kernels have ---- */

/* e's bias and activation on y (rows, n); not its pool. */
void fl_epilogue_apply(const fl_epilogue *e, size_t rows, size_t n, float *y);

/* Floats of scratch that an algorithm wants for any number of rows up to `rows`. */
size_t fl_conv_algo_work(const fl_conv_algo *a, const fl_conv *g, int rows);

/* Floats of work that any of the three convolution calls wants for up to `rows` rows. */
size_t fl_kernels_conv_work(const fl_kernels *k, const fl_conv *g, int rows);
/* y (rows, oh, ow, co) = x * w (kh, kw, ci, co), then e (its pool 1) */
void fl_kernels_conv_forward(const fl_kernels *k, const fl_conv *g, int rows, const float *x,
                             const float *w, const fl_epilogue *e, float *y, float *work);
/* dx += … ; dw += … */
void fl_kernels_conv_backward_data(const fl_kernels *k, const fl_conv *g, int rows, const float *dy,
                                   const float *w, float *dx, float *work);
void fl_kernels_conv_backward_weights(const fl_kernels *k, const fl_conv *g, int rows,
                                      const float *x, const float *dy, float *dw, float *work);

void fl_kernels_depthwise_forward(const fl_kernels *k, const fl_conv *g, int rows, const float *x,
                                  const float *w, const fl_epilogue *e, float *y);
void fl_kernels_depthwise_backward_data(const fl_kernels *k, const fl_conv *g, int rows,
                                        const float *dy, const float *w, float *dx);
size_t fl_kernels_depthwise_work(const fl_kernels *k, const fl_conv *g, int rows); /* floats */
void fl_kernels_depthwise_backward_weights(const fl_kernels *k, const fl_conv *g, int rows,
                                           const float *x, const float *dy, float *dw, float *work);

/* y (rows, out) = x (rows, in) wᵀ, w (out, in), then e; dx += dy w; dw += dyᵀ x */
void fl_kernels_dense_forward(const fl_kernels *k, int rows, int in, int out, const float *x,
                              const float *w, const fl_epilogue *e, float *y);
void fl_kernels_dense_backward_data(const fl_kernels *k, int rows, int in, int out, const float *dy,
                                    const float *w, float *dx);
void fl_kernels_dense_backward_weights(const fl_kernels *k, int rows, int in, int out,
                                       const float *x, const float *dy, float *dw);

#endif
