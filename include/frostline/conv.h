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

#include "frostline/each.h"

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
    const char *name; /* "winograd4", "winograd7", "implicit", "gemm", "direct", … */
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

/* Depthwise convolution with multiplier co / ci, w (kh, kw, co), as it is. */
typedef struct fl_depthwise {
    bool (*fits)(const fl_conv *g, const fl_epilogue *e);
    void (*forward)(const fl_conv *g, int rows, const float *x, const float *w,
                    const fl_epilogue *e, float *y);
    /* dx = or, if add, += */
    void (*backward_data)(const fl_conv *g, int rows, const float *dy, const float *w, bool add,
                          float *dx);
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
    /* dw = dyᵀ x, or with `add` dw += dyᵀ x */
    void (*backward_weights)(int rows, int in, int out, const float *x, const float *dy, float *dw,
                             bool add);
} fl_dense;

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

/* The geometry of backward-data: from dy (oh, ow, co) to dx (h, w, ci). False if it is no
 * convolution: stride over 1, or padding of a whole kernel. */
bool fl_conv_adjoint(const fl_conv *g, fl_conv *h);
/* Its weights: out (kh, kw, co, ci) = w (kh, kw, ci, co), turned by 180° and transposed. */
void fl_conv_rotate(const fl_conv *g, const float *w, float *out);

/* ---- which of them runs a layer ---- */

typedef enum fl_pass { FL_PASS_FORWARD, FL_PASS_DX, FL_PASS_DW, FL_PASSES } fl_pass;

typedef struct fl_conv_setting {   /* what a user wants of one convolution */
    const char *forced[FL_PASSES]; /* the algorithm's name; NULL: the cheapest */
    bool bf16;                     /* where it is static: operands in bfloat16 */
} fl_conv_setting;

/* What runs the three passes of one convolution. An algorithm that is NULL: the plain way of the
 * kernels' table. */
typedef struct fl_conv_choice {
    const fl_conv_algo *forward, *data;
    const fl_conv_dw_algo *weights;
    fl_conv data_geometry; /* what `data` is given: the forward one, or its adjoint, */
    bool rotate;           /* with rotated weights */
} fl_conv_choice;

/* The cheapest for about `rows` rows at a time, or those that the setting (NULL: none) forces,
 * which must be among fl_conv_fitting. The weights are packed at each call. */
fl_conv_choice fl_conv_choose(const fl_kernels *k, const fl_conv *g, int rows,
                              const fl_conv_setting *s);
/* "winograd4", …; the plain way has a name as well (fl_kernels.plain). */
const char *fl_conv_choice_name(const fl_kernels *k, const fl_conv_choice *c, fl_pass pass);

/* What these kernels have for operands in bfloat16, with sums in float32; NULL-terminated, and
 * empty on a machine without such dot products. Their names are those of conv and "_bf16". */
const fl_conv_algo *const *fl_conv_bf16(const fl_kernels *k);

enum { FL_MAX_ALGORITHMS = 16 };
/* Fills in the names of all that these kernels have for a pass of this convolution, the plain way
 * last; returns how many. */
int fl_conv_fitting(const fl_kernels *k, const fl_conv *g, fl_pass pass,
                    const char *names[FL_MAX_ALGORITHMS]);

/* Floats of scratch that an algorithm wants for any number of rows up to `rows`. */
size_t fl_conv_algo_work(const fl_conv_algo *a, const fl_conv *g, int rows);
/* Floats of work that any of the three convolution calls wants for up to `rows` rows. */
size_t fl_conv_choice_work(const fl_kernels *k, const fl_conv *g, int rows,
                           const fl_conv_choice *c);

/* ---- what layers call ---- */

/* e's bias and activation on y (rows, n); not its pool. */
void fl_epilogue_apply(const fl_epilogue *e, size_t rows, size_t n, float *y);

/* y (rows, oh, ow, co) = x * w (kh, kw, ci, co), then e (its pool 1) */
void fl_kernels_conv_forward(const fl_kernels *k, const fl_conv_choice *c, const fl_conv *g,
                             int rows, const float *x, const float *w, const fl_epilogue *e,
                             float *y, float *work);
/* dx = or, if add, += … ; dw += … */
void fl_kernels_conv_backward_data(const fl_kernels *k, const fl_conv_choice *c, const fl_conv *g,
                                   int rows, const float *dy, const float *w, bool add, float *dx,
                                   float *work);
void fl_kernels_conv_backward_weights(const fl_kernels *k, const fl_conv_choice *c,
                                      const fl_conv *g, int rows, const float *x, const float *dy,
                                      float *dw, float *work);

/* "depthwise", or "loops" where the set does not take this one. */
const char *fl_kernels_depthwise_name(const fl_kernels *k, const fl_conv *g);
void fl_kernels_depthwise_forward(const fl_kernels *k, const fl_conv *g, int rows, const float *x,
                                  const float *w, const fl_epilogue *e, float *y);
void fl_kernels_depthwise_backward_data(const fl_kernels *k, const fl_conv *g, int rows,
                                        const float *dy, const float *w, bool add, float *dx);
size_t fl_kernels_depthwise_work(const fl_kernels *k, const fl_conv *g, int rows); /* floats */
void fl_kernels_depthwise_backward_weights(const fl_kernels *k, const fl_conv *g, int rows,
                                           const float *x, const float *dy, float *dw, float *work);

/* "dense" for few rows, or "gemm". */
const char *fl_kernels_dense_name(const fl_kernels *k, int rows);
/* y (rows, out) = x (rows, in) wᵀ, w (out, in), then e; dx += dy w; dw = dyᵀ x, or with `add`
 * dw += dyᵀ x */
void fl_kernels_dense_forward(const fl_kernels *k, int rows, int in, int out, const float *x,
                              const float *w, const fl_epilogue *e, float *y);
void fl_kernels_dense_backward_data(const fl_kernels *k, int rows, int in, int out, const float *dy,
                                    const float *w, float *dx);
void fl_kernels_dense_backward_weights(const fl_kernels *k, int rows, int in, int out,
                                       const float *x, const float *dy, float *dw, bool add);

#endif
