/* affine.c: y = f((x - shift) scale + offset) for each channel, and its gradient. */
#include <math.h>

#include "kernel/isa/columns.h"
#include "kernel/isa/each.h"

typedef struct matrix { /* some rows of (rows, channels) */
    const fl_affine *a;
    size_t rows, channels;
    const float *x, *dy, *mean, *slope;
    float *to;
} matrix;

INLINE void forward_strip(const int vectors, const bool whole, int n, int at, const fl_activation f,
                          const matrix *m) {
    vf shift[GROUP], scale[GROUP], start[GROUP], low = splat(f ? 0 : -INFINITY);
    vf high = splat(f == FL_ACT_RELU6 ? 6 : INFINITY);
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        shift[k] = get(whole, m->a->shift + at + k * VW, n);
        scale[k] = get(whole, m->a->scale + at + k * VW, n);
        start[k] = get(whole, m->a->offset + at + k * VW, n);
    }
    size_t p = (size_t)at;
    for (size_t r = 0; r < m->rows; r++, p += m->channels)
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            vf y = (get(whole, m->x + p + k * VW, n) - shift[k]) * scale[k] + start[k];
            put(whole, m->to + p + k * VW, f ? vmin(high, vmax(low, y)) : y, n);
        }
}

/* centred: mean and slope are given. */
INLINE void back_strip(const int vectors, const bool whole, int n, int at, const fl_activation f,
                       const bool centred, const bool add, const matrix *m) {
    const fl_affine *a = m->a;
    vf shift[GROUP], scale[GROUP], start[GROUP], mean[GROUP], slope[GROUP];
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        int c = at + k * VW;
        scale[k] = get(whole, a->scale + c, n);
        if (f || centred) shift[k] = get(whole, a->shift + c, n);
        if (f) start[k] = get(whole, a->offset + c, n);
        if (centred) mean[k] = get(whole, m->mean + c, n);
        if (centred) slope[k] = get(whole, m->slope + c, n);
    }
    size_t p = (size_t)at;
    for (size_t r = 0; r < m->rows; r++, p += m->channels)
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            vf d = get(whole, m->dy + p + k * VW, n), x = {0};
            if (f || centred) x = get(whole, m->x + p + k * VW, n) - shift[k];
            if (f) d = relu_back(f, x * scale[k] + start[k], d);
            if (centred) d -= mean[k] + x * slope[k];
            float *to = m->to + p + k * VW;
            put(whole, to, add ? get(whole, to, n) + d * scale[k] : d * scale[k], n);
        }
}

typedef void rows_run(const matrix *m);

static void forward_linear(const matrix *m) {
    FOR_STRIPS(m->channels, forward_strip, FL_ACT_LINEAR, m);
}
static void forward_relu(const matrix *m) {
    FOR_STRIPS(m->channels, forward_strip, FL_ACT_RELU, m);
}
static void forward_relu6(const matrix *m) {
    FOR_STRIPS(m->channels, forward_strip, FL_ACT_RELU6, m);
}
#define BACK(name, f, centred)                                                                     \
    static void name##_add(const matrix *m) {                                                      \
        FOR_STRIPS(m->channels, back_strip, f, centred, true, m);                                  \
    }                                                                                              \
    static void name##_put(const matrix *m) {                                                      \
        FOR_STRIPS(m->channels, back_strip, f, centred, false, m);                                 \
    }
BACK(linear, FL_ACT_LINEAR, false)
BACK(relu, FL_ACT_RELU, false)
BACK(relu6, FL_ACT_RELU6, false)
BACK(centred_linear, FL_ACT_LINEAR, true)
BACK(centred_relu, FL_ACT_RELU, true)
BACK(centred_relu6, FL_ACT_RELU6, true)

static void run(const matrix *all, rows_run *f) {
    size_t step = rows_at_once(all->channels), blocks = (all->rows + step - 1) / step;
#pragma omp parallel for schedule(static) if (all->rows * all->channels >= WORTH_THREADS)
    for (size_t b = 0; b < blocks; b++) {
        matrix m = *all;
        size_t first = b * step, at = first * m.channels;
        m.rows = min_size(step, all->rows - first);
        m.to += at;
        if (m.x) m.x += at;
        if (m.dy) m.dy += at;
        f(&m);
    }
}

void each_affine(const fl_affine *a, size_t rows, size_t channels, const float *x, float *y) {
    static rows_run *const by[] = {forward_linear, forward_relu, forward_relu6};
    matrix m = {.a = a, .rows = rows, .channels = channels, .x = x, .to = y};
    run(&m, by[a->f]);
}

void each_affine_back(const fl_affine *a, size_t rows, size_t channels, const float *x,
                      const float *dy, const float *mean, const float *slope, bool add, float *dx) {
    static rows_run *const by[2][3][2] = {
        {{linear_put, linear_add}, {relu_put, relu_add}, {relu6_put, relu6_add}},
        {{centred_linear_put, centred_linear_add},
         {centred_relu_put, centred_relu_add},
         {centred_relu6_put, centred_relu6_add}}};
    matrix m = {.a = a, .rows = rows, .channels = channels, .x = x, .dy = dy, .to = dx};
    m.mean = mean, m.slope = slope;
    run(&m, by[mean != NULL][a->f][add]);
}
