/* ref_each.c: each.h, written straight from the definitions; sums in double. */
#include "frostline/each.h"

#include <math.h>
#include <string.h>

#include "kernel/parts.h"

static void add(fl_activation f, size_t n, const float *a, const float *b, float *y) {
    for (size_t i = 0; i < n; i++) y[i] = a[i] + b[i];
    fl_ref_activate(f, 1, n, y, y);
}

/* ---- the statistics of channels ---- */

static void moments(size_t rows, size_t channels, const float *x, double *mean, double *squares) {
    memset(mean, 0, channels * sizeof *mean);
    memset(squares, 0, channels * sizeof *squares);
    for (size_t i = 0; i < rows * channels; i++) mean[i % channels] += x[i] / (double)rows;
    for (size_t i = 0; i < rows * channels; i++) {
        double d = x[i] - mean[i % channels];
        squares[i % channels] += d * d;
    }
}

static float affine_at(const fl_affine *a, size_t c, float x) {
    float y = (x - a->shift[c]) * a->scale[c] + a->offset[c];
    fl_ref_activate(a->f, 1, 1, &y, &y);
    return y;
}

static void affine(const fl_affine *a, size_t rows, size_t channels, const float *x, float *y) {
    for (size_t i = 0; i < rows * channels; i++) y[i] = affine_at(a, i % channels, x[i]);
}

static float affine_gradient(const fl_affine *a, size_t c, float x, float dy) {
    float y = a->f == FL_ACT_LINEAR ? 0 : affine_at(a, c, x);
    fl_ref_activate_back(a->f, 1, 1, &y, NULL, &dy, NULL);
    return dy;
}

static void affine_sums(const fl_affine *a, size_t rows, size_t channels, const float *x,
                        const float *dy, double *sum, double *product) {
    memset(sum, 0, channels * sizeof *sum);
    memset(product, 0, channels * sizeof *product);
    for (size_t i = 0; i < rows * channels; i++) {
        size_t c = i % channels;
        double d = affine_gradient(a, c, x[i], dy[i]);
        sum[c] += d;
        product[c] += d * ((double)x[i] - a->shift[c]);
    }
}

static void affine_back(const fl_affine *a, size_t rows, size_t channels, const float *x,
                        const float *dy, const float *mean, const float *slope, bool add,
                        float *dx) {
    for (size_t i = 0; i < rows * channels; i++) {
        size_t c = i % channels;
        double d = affine_gradient(a, c, a->f || mean ? x[i] : 0, dy[i]);
        if (mean) d -= mean[c] + ((double)x[i] - a->shift[c]) * slope[c];
        dx[i] = (add ? dx[i] : 0) + (float)(d * a->scale[c]);
    }
}

/* ---- pooling ---- */

typedef struct position {
    int n, oy, ox;
    fl_taps y, x;
} position;

static size_t positions(const fl_conv *g, int rows) {
    return (size_t)rows * g->oh * g->ow;
}

static position position_of(const fl_conv *g, size_t i) {
    position p = {.n = (int)(i / g->ow / g->oh), .oy = (int)(i / g->ow % g->oh)};
    p.ox = (int)(i % g->ow);
    p.y = fl_taps_y(g, p.oy);
    p.x = fl_taps_x(g, p.ox);
    return p;
}

static size_t pixel(const fl_conv *g, const position *p, int ky, int kx) {
    return fl_x_at(g, p->n, p->y.first + ky, p->x.first + kx);
}

static int largest(const fl_conv *g, const position *p, const float *x, float *y) {
    int best = -1;
    for (int ky = p->y.lo; ky < p->y.hi; ky++)
        for (int kx = p->x.lo; kx < p->x.hi; kx++) {
            float v = x[pixel(g, p, ky, kx)];
            if (best >= 0 && (v <= *y || *y != *y)) continue;
            best = ky * g->kw + kx;
            *y = v;
        }
    return best;
}

static int get_tap(const fl_conv *g, const void *tap, size_t i) {
    bool wide = fl_tap_bytes(g) == sizeof(uint32_t);
    return wide ? (int)((const uint32_t *)tap)[i] : ((const uint16_t *)tap)[i];
}

static void put_tap(const fl_conv *g, void *tap, size_t i, int value) {
    if (fl_tap_bytes(g) == sizeof(uint32_t))
        ((uint32_t *)tap)[i] = (uint32_t)value;
    else
        ((uint16_t *)tap)[i] = (uint16_t)value;
}

static void max_pool(const fl_conv *g, int rows, const float *x, float *y, void *tap) {
    for (size_t i = 0; i < positions(g, rows) * g->ci; i++) {
        position p = position_of(g, i / g->ci);
        int best = largest(g, &p, x + i % g->ci, &y[i]);
        if (tap) put_tap(g, tap, i, best);
    }
}

static size_t input_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->h * g->w * g->ci;
}

static void max_pool_back(const fl_conv *g, int rows, const float *dy, const void *tap, bool add,
                          float *dx) {
    for (size_t i = 0; !add && i < input_size(g, rows); i++) dx[i] = 0;
    for (size_t i = 0; i < positions(g, rows) * g->ci; i++) {
        position p = position_of(g, i / g->ci);
        int t = get_tap(g, tap, i);
        dx[pixel(g, &p, t / g->kw, t % g->kw) + i % g->ci] += dy[i];
    }
}

static int pixels(const position *p) {
    return (p->y.hi - p->y.lo) * (p->x.hi - p->x.lo);
}

static void avg_pool(const fl_conv *g, int rows, const float *x, float *y) {
    for (size_t i = 0; i < positions(g, rows) * g->ci; i++) {
        position p = position_of(g, i / g->ci);
        double sum = 0;
        for (int ky = p.y.lo; ky < p.y.hi; ky++)
            for (int kx = p.x.lo; kx < p.x.hi; kx++) sum += x[pixel(g, &p, ky, kx) + i % g->ci];
        y[i] = (float)(sum / pixels(&p));
    }
}

static void avg_pool_back(const fl_conv *g, int rows, const float *dy, bool add, float *dx) {
    for (size_t i = 0; !add && i < input_size(g, rows); i++) dx[i] = 0;
    for (size_t i = 0; i < positions(g, rows) * g->ci; i++) {
        position p = position_of(g, i / g->ci);
        for (int ky = p.y.lo; ky < p.y.hi; ky++)
            for (int kx = p.x.lo; kx < p.x.hi; kx++)
                dx[pixel(g, &p, ky, kx) + i % g->ci] += dy[i] / (float)pixels(&p);
    }
}

static void drop(const fl_drop *d, size_t n, const float *x, bool add_it, float *y) {
    uint32_t word[4];
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0) fl_rng_words(&d->rng, (uint64_t)d->salt << 32 | i / 4, word);
        float left = word[i % 4] >= d->least ? x[i] * d->scale : 0;
        y[i] = add_it ? y[i] + left : left;
    }
}

static void adam(const fl_adam_step *s, size_t n, float *w, const float *gradient, float *m,
                 float *v) {
    for (size_t i = 0; i < n; i++) {
        float g = s->scale * gradient[i] + s->l2 * w[i];
        m[i] = s->keep_1 * m[i] + s->new_1 * g;
        v[i] = s->keep_2 * v[i] + s->new_2 * g * g;
        w[i] -= s->fade * w[i] + s->rate * m[i] / (sqrtf(v[i]) * s->unbias + s->epsilon);
    }
}

const fl_each fl_each_reference = {
    .activate = fl_ref_activate,
    .activate_back = fl_ref_activate_back,
    .activate_into = fl_ref_activate_into,
    .add = add,
    .drop = drop,
    .moments = moments,
    .affine = affine,
    .affine_sums = affine_sums,
    .affine_back = affine_back,
    .max_pool = max_pool,
    .max_pool_back = max_pool_back,
    .avg_pool = avg_pool,
    .avg_pool_back = avg_pool_back,
    .adam = adam,
};
