/* each.h: what is bound by memory rather than by products: activations, statistics of channels,
 * pooling, sums, Adam. One table for each instruction set, and a plain one.
 *
 * For every function: matrices are (rows, channels), activations channels-last; rows may be 0;
 * nothing is allocated; results are bitwise the same for any number of OpenMP threads. NaN passes
 * through. */
#ifndef FROSTLINE_EACH_H
#define FROSTLINE_EACH_H

#include "frostline/kernel.h"
#include "frostline/rng.h"

typedef enum fl_activation {
    FL_ACT_LINEAR,
    FL_ACT_RELU,
    FL_ACT_RELU6,
    FL_ACT_LEAKY_RELU, /* slope 0.2 below zero, as in Keras */
    FL_ACT_SIGMOID,
    FL_ACT_TANH,
    FL_ACT_GELU, /* z Φ(z), Φ the normal distribution function (Hendrycks & Gimpel 2016) */
    FL_ACT_SILU,
    FL_ACT_SOFTMAX, /* along the channels */
} fl_activation;
#define FL_ACT_CHOICES "linear|relu|relu6|leaky_relu|sigmoid|tanh|gelu|silu|softmax"

/* Whether backward needs the input z (gelu, silu: not invertible); the others make do with the
 * output y, linear with nothing. */
bool fl_act_needs_input(fl_activation f);

typedef struct fl_adam_step { /* the numbers of one step of Adam */
    float scale;              /* on the gradient */
    float l2;                 /* · w, added to the gradient */
    float fade;               /* · w, taken off the weight; 1 - fade would be rounded */
    float keep_1, keep_2;     /* beta_1, beta_2 */
    float new_1, new_2;       /* 1 - beta_1, 1 - beta_2 */
    float rate;               /* learning_rate / (1 - beta_1^t) */
    float unbias;             /* 1 / √(1 - beta_2^t) */
    float epsilon;
} fl_adam_step;

typedef struct fl_affine { /* y = f((x - shift) scale + offset), channel by channel */
    const float *shift, *scale, *offset;
    fl_activation f; /* linear, relu or relu6 */
} fl_affine;

typedef struct fl_drop { /* element i stays, times scale, if word i % 4 of number */
    fl_rng rng;          /* salt << 32 | i / 4 is at least `least` */
    uint32_t salt, least;
    float scale;
} fl_drop;

typedef struct fl_each {
    /* y = f(x); y may be x */
    void (*activate)(fl_activation f, size_t rows, size_t channels, const float *x, float *y);
    /* d, the gradient in y, becomes that in z, where f(z) = y; of y and z only the one that
     * fl_act_needs_input names is read. sum (channels), unless NULL: += the sum of d's rows. */
    void (*activate_back)(fl_activation f, size_t rows, size_t channels, const float *y,
                          const float *z, float *d, float *sum);
    /* dx = or, if add, += the gradient in z; d stays as it is */
    void (*activate_into)(fl_activation f, size_t rows, size_t channels, const float *y,
                          const float *z, const float *d, bool add, float *dx);

    /* y = f(a + b), f linear, relu or relu6; y may be either */
    void (*add)(fl_activation f, size_t n, const float *a, const float *b, float *y);

    /* y = or += what is left of x, zero for the others; n ≤ 2^32 */
    void (*drop)(const fl_drop *d, size_t n, const float *x, bool add, float *y);

    /* mean (channels) of the rows, and squares: Σ (x - mean)² */
    void (*moments)(size_t rows, size_t channels, const float *x, double *mean, double *squares);
    void (*affine)(const fl_affine *a, size_t rows, size_t channels, const float *x, float *y);
    /* With d = dy f'(affine of x): sum = Σ d, product = Σ d (x - shift) */
    void (*affine_sums)(const fl_affine *a, size_t rows, size_t channels, const float *x,
                        const float *dy, double *sum, double *product);
    /* dx = or += (d - mean - (x - shift) slope) scale; mean and slope (channels), or both NULL for
     * zero: then x is read only where f is not linear */
    void (*affine_back)(const fl_affine *a, size_t rows, size_t channels, const float *x,
                        const float *dy, const float *mean, const float *slope, bool add,
                        float *dx);

    /* The largest of each window that has at least one pixel, (rows, oh, ow, ci), NaN being larger
     * than all; tap, unless NULL: which it was, ky * kw + kx, the first of equals, in integers of
     * fl_tap_bytes. */
    void (*max_pool)(const fl_conv *g, int rows, const float *x, float *y, void *tap);
    void (*max_pool_back)(const fl_conv *g, int rows, const float *dy, const void *tap, bool add,
                          float *dx); /* dx = or += */
    /* The mean of the pixels that each window has. */
    void (*avg_pool)(const fl_conv *g, int rows, const float *x, float *y);
    void (*avg_pool_back)(const fl_conv *g, int rows, const float *dy, bool add,
                          float *dx); /* dx = or += */

    /* g = scale gradient + l2 w; m = keep_1 m + new_1 g; v = keep_2 v + new_2 g²;
     * w -= fade w + rate m / (√v unbias + epsilon); each number's result is the same wherever in
     * the array it lies */
    void (*adam)(const fl_adam_step *s, size_t n, float *w, const float *gradient, float *m,
                 float *v);
} fl_each;

static inline size_t fl_tap_bytes(const fl_conv *g) {
    return (int64_t)g->kh * g->kw > 65536 ? sizeof(uint32_t) : sizeof(uint16_t);
}

extern const fl_each fl_each_reference; /* plain C, complete: the yardstick */

/* Those of the kernels' instruction set. */
const fl_each *fl_kernels_each(const fl_kernels *k);

#endif
