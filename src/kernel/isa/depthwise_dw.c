/* depthwise_dw.c: the weights' gradients of a depthwise convolution, vectors along the output's
 * channels. */
#include "kernel/isa/depthwise.h"

enum { PARTS = 8, TOGETHER = 4, LINE = 16 };

/* Weight gradients: lines are dealt to PARTS, each with sums of its own, which are added in order.
 */

static size_t weights_of(const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->co;
}

size_t depthwise_dw_work(const fl_conv *g, int rows) {
    (void)rows;
    return PARTS * weights_of(g);
}

typedef struct row { /* of the kernel, and what it meets: a line of x and one of dy */
    const fl_conv *g;
    const float *x, *dy; /* of the first position, x its first tap, maybe left of the line */
    float *sum;          /* (kw, co) */
    bool new_x, new_dy;  /* which no line before has read */
} row;

/* What the next positions read from far away. */
INLINE void look_ahead(const row *r, int j) {
    ptrdiff_t x = (ptrdiff_t)TOGETHER * r->g->sw * r->g->ci, dy = (ptrdiff_t)TOGETHER * r->g->co;
    const float *ahead = r->x + (j / TOGETHER + 1) * x + r->g->kw * r->g->ci;
    for (ptrdiff_t i = 0; i < x && r->new_x; i += LINE) __builtin_prefetch(ahead + i);
    ahead = r->dy + (j / TOGETHER + 1) * dy;
    for (ptrdiff_t i = 0; i < dy && r->new_dy; i += LINE) __builtin_prefetch(ahead + i);
}

/* Adds `count` positions from j on to the taps lo … hi - 1, for n channels from c. */
INLINE void add_some(const bool alone, const bool whole, const int count, const row *r, int j,
                     int lo, int hi, int c, int n) {
    const fl_conv *g = r->g;
    spread s = alone ? (spread){.first = c} : spread_at(g->co / g->ci, c, n);
    ptrdiff_t step = (ptrdiff_t)g->sw * g->ci;
    const float *x = r->x + j * step + (alone ? c : 0);
    float *sum = r->sum + (ptrdiff_t)lo * g->co + c;
    vf d[TOGETHER];
    UNROLL
    for (int u = 0; u < count; u++) d[u] = get(whole, r->dy + (ptrdiff_t)(j + u) * g->co + c, n);
    for (int k = lo; k < hi; k++, sum += g->co) {
        const float *tap = x + (ptrdiff_t)k * g->ci;
        vf v[2] = {get(whole, sum, n)};
        UNROLL
        for (int u = 0; u < count; u++)
            v[u % 2] +=
                d[u] * (alone ? get(whole, tap + u * step, n) : load_spread(&s, tap + u * step));
        if (whole)
            store(sum, v[0] + v[1]);
        else
            store_some(sum, v[0] + v[1], n);
    }
}

INLINE void add_positions(const bool alone, const int count, const row *r, int j, int lo, int hi) {
    int c = 0, n = r->g->co;
    if (count > 1) look_ahead(r, j);
    for (; c + VW <= n; c += VW) add_some(alone, true, count, r, j, lo, hi, c, VW);
    if (c < n) add_some(alone, false, count, r, j, lo, hi, c, n - c);
}

INLINE void add_row(const bool alone, const row *r) {
    const fl_conv *g = r->g;
    for (int j = 0; j < g->ow;) {
        fl_taps here = fl_taps_x(g, j);
        int last = j + TOGETHER - 1;
        bool all =
            here.hi - here.lo == g->kw && last < g->ow && last * g->sw - g->left + g->kw <= g->w;
        if (all)
            add_positions(alone, TOGETHER, r, j, 0, g->kw);
        else
            add_positions(alone, 1, r, j, here.lo, here.hi);
        j += all ? TOGETHER : 1;
    }
}

static void add_line(const fl_conv *g, int oy, const float *image, const float *dy, float *sum) {
    fl_taps ty = fl_taps_y(g, oy);
    for (int ky = ty.lo; ky < ty.hi; ky++) {
        ptrdiff_t first = (ptrdiff_t)(ty.first + ky) * g->w - g->left;
        row r = {.g = g,
                 .x = image + first * g->ci,
                 .dy = dy,
                 .sum = sum + (size_t)ky * g->kw * g->co,
                 .new_x = ky >= ty.hi - g->sh,
                 .new_dy = ky == ty.lo};
        if (g->ci == g->co)
            add_row(true, &r);
        else
            add_row(false, &r);
    }
}

void depthwise_dw(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                  float *work) {
    size_t lines = (size_t)rows * g->oh, n = weights_of(g);
#pragma omp parallel for schedule(dynamic)
    for (int part = 0; part < PARTS; part++) {
        float *sum = work + part * n;
        memset(sum, 0, n * sizeof *sum);
        for (size_t i = lines * part / PARTS; i < lines * (part + 1) / PARTS; i++)
            add_line(g, (int)(i % g->oh), x + i / g->oh * g->h * g->w * g->ci,
                     dy + i * g->ow * g->co, sum);
    }
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (int part = 0; part < PARTS; part++) sum += work[part * n + i];
        dw[i] += sum;
    }
}
