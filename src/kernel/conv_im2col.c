/* conv_im2col.c: convolution as a matrix product. The windows of some output rows are laid out as
 * the rows of a matrix (ow * chunk, kh * kw * ci), which is multiplied with the weights (kh * kw *
 * ci, co). A chunk is small enough to stay in cache, so the work memory does not grow with the
 * batch. A 1x1 convolution with stride 1 and no padding is that product already and needs no copy.
 */
#include <limits.h>
#include <string.h>

#include "kernel/parts.h"

enum { CHUNK_BYTES = 8 << 20 };

typedef struct chunk {
    size_t first, last; /* output rows of the batch: n * oh + oy */
} chunk;

static int depth(const fl_conv *g) {
    return g->kh * g->kw * g->ci;
}

static bool is_product(const fl_conv *g) {
    return g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && g->top == 0 && g->left == 0 &&
           g->oh == g->h && g->ow == g->w;
}

static size_t chunk_rows(const fl_conv *g, int rows) {
    size_t all = (size_t)rows * g->oh;
    size_t most =
        is_product(g) ? (size_t)INT_MAX / g->ow : CHUNK_BYTES / (sizeof(float) * g->ow * depth(g));
    if (most < 1) most = 1;
    return all < most ? all : most;
}

static bool next(chunk *k, const fl_conv *g, int rows) {
    size_t all = (size_t)rows * g->oh;
    k->first = k->last;
    k->last = k->first + chunk_rows(g, rows);
    if (k->last > all) k->last = all;
    return k->first < all;
}

static int product_rows(const fl_conv *g, chunk k) {
    return (int)(k.last - k.first) * g->ow;
}

size_t fl_im2col_work(const fl_conv *g, int rows) {
    return is_product(g) ? 0 : chunk_rows(g, rows) * g->ow * depth(g);
}

/* One line of a window, (kw, ci): pixels from `row`, zero outside of it and where row is NULL. */
static void copy_line(const fl_conv *g, const float *row, fl_taps t, float *to) {
    size_t ci = g->ci, lo = row ? t.lo : g->kw, hi = row ? t.hi : g->kw;
    memset(to, 0, lo * ci * sizeof *to);
    if (hi > lo)
        memcpy(to + lo * ci, row + (t.first + (int)lo) * (ptrdiff_t)ci,
               (hi - lo) * ci * sizeof *to);
    memset(to + hi * ci, 0, (g->kw - hi) * ci * sizeof *to);
}

/* The windows of one output row: (ow, kh, kw, ci). */
static void unfold_row(const fl_conv *g, const float *image, int oy, float *to) {
    fl_taps ty = fl_taps_y(g, oy);
    for (int ox = 0; ox < g->ow; ox++) {
        fl_taps tx = fl_taps_x(g, ox);
        for (int ky = 0; ky < g->kh; ky++, to += g->kw * g->ci) {
            bool inside = ky >= ty.lo && ky < ty.hi;
            copy_line(g, inside ? image + fl_x_at(g, 0, ty.first + ky, 0) : NULL, tx, to);
        }
    }
}

/* The matrix of a chunk, in work, or in x itself. */
static const float *unfold(const fl_conv *g, chunk k, const float *x, float *work) {
    if (is_product(g)) return x + k.first * g->ow * g->ci;
    size_t stride = (size_t)g->ow * depth(g);
#pragma omp parallel for schedule(static)
    for (size_t r = k.first; r < k.last; r++)
        unfold_row(g, x + fl_x_at(g, (int)(r / g->oh), 0, 0), (int)(r % g->oh),
                   work + (r - k.first) * stride);
    return work;
}

/* Adds to one line of dx (w, ci) what the windows of one output row, at tap line ky, hold for it.
 */
static void fold_line(const fl_conv *g, const float *windows, float *line) {
    for (int ox = 0; ox < g->ow; ox++, windows += depth(g)) {
        fl_taps t = fl_taps_x(g, ox);
        const float *from = windows + (size_t)t.lo * g->ci;
        float *to = line + (t.first + t.lo) * (ptrdiff_t)g->ci;
        for (int i = 0; i < (t.hi - t.lo) * g->ci; i++) to[i] += from[i];
    }
}

/* The adjoint of unfold. Goes by lines of dx, each of which gathers: so lines are independent. */
static void fold(const fl_conv *g, chunk k, const float *work, float *dx) {
    size_t stride = (size_t)g->ow * depth(g), line = (size_t)g->w * g->ci;
    size_t low = k.first / g->oh * g->h, high = ((k.last - 1) / g->oh + 1) * g->h;
#pragma omp parallel for schedule(static)
    for (size_t i = low; i < high; i++)
        for (int ky = 0; ky < g->kh; ky++) {
            int oy = fl_output_of((int)(i % g->h), ky, g->top, g->sh, g->oh);
            size_t r = i / g->h * g->oh + oy;
            if (oy >= 0 && r >= k.first && r < k.last)
                fold_line(g, work + (r - k.first) * stride + ky * g->kw * g->ci, dx + i * line);
        }
}

void fl_im2col_forward(const fl_conv *g, int rows, const float *x, const float *w, float *y,
                       float *work) {
    int d = depth(g);
    for (chunk k = {0}; next(&k, g, rows);) {
        const float *windows = unfold(g, k, x, work);
        fl_gemm_blas(false, false, product_rows(g, k), g->co, d, windows, d, w, g->co, 0,
                     y + k.first * g->ow * g->co, g->co);
    }
}

void fl_im2col_backward_data(const fl_conv *g, int rows, const float *dy, const float *w, float *dx,
                             float *work) {
    int d = depth(g);
    bool direct = is_product(g);
    for (chunk k = {0}; next(&k, g, rows);) {
        float *to = direct ? dx + k.first * g->ow * g->ci : work;
        fl_gemm_blas(false, true, product_rows(g, k), d, g->co, dy + k.first * g->ow * g->co, g->co,
                     w, g->co, direct, to, d);
        if (!direct) fold(g, k, work, dx);
    }
}

void fl_im2col_backward_weights(const fl_conv *g, int rows, const float *x, const float *dy,
                                float *dw, float *work) {
    int d = depth(g);
    for (chunk k = {0}; next(&k, g, rows);) {
        const float *windows = unfold(g, k, x, work);
        fl_gemm_blas(true, false, d, g->co, product_rows(g, k), windows, d,
                     dy + k.first * g->ow * g->co, g->co, 1, dw, g->co);
    }
}
