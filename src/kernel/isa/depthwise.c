/* depthwise.c: depthwise convolution with multiplier 1, vectors along the channels. Some
 * neighbouring positions at a time, so that each weight is loaded once for all of them and their
 * sums do not wait for each other; at the left and right edge, where taps are missing, one. */
#include <math.h>

#include "kernel/isa/isa.h"
#include "kernel/sweep.h"

enum { AT_ONCE = 8, PARTS = 8, MOST_TAPS = 49 };

typedef struct line { /* one row of target pixels */
    const fl_sweep *s;
    const float *source; /* the image */
    const float *w;
    int kw;
    fl_taps ty;
    const fl_epilogue *e;
    float *target; /* the target's row */
} line;

typedef struct group { /* of neighbouring positions that have the same taps */
    int taps, n;       /* channels */
    const float *x[MOST_TAPS], *w[MOST_TAPS]; /* of the first position */
    size_t in, out;                           /* floats to the next position's */
    const float *bias;
    float low, high; /* the activation's */
    float *target;
} group;

/* `count` positions, n channels from c. The first three are constant where this is inlined. */
INLINE void positions(const int count, const bool add, const bool whole, const group *g, int c,
                      int n) {
    vf sum[AT_ONCE], bias = g->bias ? load_some(g->bias + c, n) : (vf){0};
#pragma GCC unroll 8
    for (int u = 0; u < count; u++) sum[u] = bias;
    for (int t = 0; t < g->taps; t++) {
        const float *x = g->x[t] + c, *w = g->w[t] + c;
        vf k = whole ? load(w) : load_some(w, n);
#pragma GCC unroll 8
        for (int u = 0; u < count; u++)
            sum[u] += k * (whole ? load(x + u * g->in) : load_some(x + u * g->in, n));
    }
    vf low = splat(g->low), high = splat(g->high);
    float *to = g->target + c;
    size_t out = g->out;
#pragma GCC unroll 8
    for (int u = 0; u < count; u++, to += out) {
        vf v = vmin(high, vmax(low, sum[u])); /* NaN passes through */
        if (add) v = sum[u] + (whole ? load(to) : load_some(to, n));
        if (whole)
            store(to, v);
        else
            store_some(to, v, n);
    }
}

INLINE void channels(const int count, const bool add, const group *g) {
    int c = 0;
    for (; c + VW <= g->n; c += VW) positions(count, add, true, g, c, VW);
    if (c < g->n) positions(count, add, false, g, c, g->n - c);
}

static void put_many(const group *g) {
    channels(AT_ONCE, false, g);
}
static void put_some(const group *g) {
    channels(AT_ONCE / 2, false, g);
}
static void put_one(const group *g) {
    channels(1, false, g);
}
static void add_many(const group *g) {
    channels(AT_ONCE, true, g);
}
static void add_some(const group *g) {
    channels(AT_ONCE / 2, true, g);
}
static void add_one(const group *g) {
    channels(1, true, g);
}

static fl_taps taps_at(const fl_axis *a, int j) {
    return fl_taps_of(a->in_first + j * a->in_step, a->taps, a->source);
}

static void gather(const line *l, int j, fl_taps tx, group *g) {
    const fl_sweep *s = l->s;
    g->taps = 0;
    for (int y = l->ty.lo; y < l->ty.hi; y++)
        for (int x = tx.lo; x < tx.hi; x++) {
            int ky = s->y.k_first + y * s->y.k_step, kx = s->x.k_first + x * s->x.k_step;
            size_t at = (size_t)(l->ty.first + y) * s->x.source + tx.first + x;
            g->x[g->taps] = l->source + at * s->pixel;
            g->w[g->taps++] = l->w + ((size_t)ky * l->kw + kx) * s->from;
        }
    g->target = l->target + (size_t)(s->x.out_first + j * s->x.out_step) * s->to;
}

/* How many positions from j on, up to AT_ONCE, have the taps that j has. */
static int alike(const fl_axis *a, int j) {
    fl_taps t = taps_at(a, j);
    int n = 1;
    for (; n < AT_ONCE && j + n < a->n; n++) {
        fl_taps next = taps_at(a, j + n);
        if (next.lo != t.lo || next.hi != t.hi) break;
    }
    return n;
}

static void run_line(const line *l) {
    const fl_sweep *s = l->s;
    const fl_epilogue *e = l->e;
    group g = {.n = s->from,
               .in = (size_t)s->x.in_step * s->pixel,
               .out = (size_t)s->x.out_step * s->to,
               .bias = e->bias,
               .low = e->activation == FL_CONV_LINEAR ? -INFINITY : 0,
               .high = e->activation == FL_CONV_RELU6 ? 6 : INFINITY};
    for (int j = 0, n; j < s->x.n; j += n) {
        n = alike(&s->x, j);
        n = n == AT_ONCE ? AT_ONCE : n >= AT_ONCE / 2 ? AT_ONCE / 2 : 1;
        gather(l, j, taps_at(&s->x, j), &g);
        if (e->accumulate)
            (n == AT_ONCE ? add_many : n == 1 ? add_one : add_some)(&g);
        else
            (n == AT_ONCE ? put_many : n == 1 ? put_one : put_some)(&g);
    }
}

/* The j-th row of positions of image n. */
static void run_row(const fl_sweep *s, size_t n, int j, const float *source, const float *w, int kw,
                    const fl_epilogue *e, float *target) {
    int y = s->y.out_first + j * s->y.out_step;
    line l = {.s = s, .w = w, .kw = kw, .e = e, .ty = taps_at(&s->y, j)};
    l.source = source + n * s->y.source * s->x.source * s->pixel;
    l.target = target + (n * s->y.target + y) * s->x.target * s->to;
    run_line(&l);
}

static bool fits(const fl_conv *g, const fl_epilogue *e) {
    return g->ci == g->co && e->pool == 1 && g->kh * g->kw <= MOST_TAPS;
}

static void forward(const fl_conv *g, int rows, const float *x, const float *w,
                    const fl_epilogue *e, float *y) {
    fl_sweep s = fl_sweep_forward(g);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < (size_t)rows * g->oh; i++)
        run_row(&s, i / g->oh, (int)(i % g->oh), x, w, g->kw, e, y);
}

static void backward_data(const fl_conv *g, int rows, const float *dy, const float *w, bool add,
                          float *dx) {
    fl_epilogue e = {.pool = 1, .accumulate = add};
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < (size_t)rows * g->h; i++)
        for (int phase = 0; phase < g->sw; phase++) {
            int y = (int)(i % g->h);
            fl_sweep s = fl_sweep_backward(g, y % g->sh, phase);
            if (fl_sweep_taps(&s) > 0 || !add)
                run_row(&s, i / g->h, y / g->sh, dy, w, g->kw, &e, dx);
        }
}

/* Weight gradients: lines are dealt to PARTS, each with sums of its own, which are added in order.
 */

static size_t weights_of(const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->co;
}

static size_t work_size(const fl_conv *g, int rows) {
    (void)rows;
    return PARTS * weights_of(g);
}

/* Σ over `count` positions of x dy; step, the floats from one x to the next. */
INLINE vf products(const bool whole, int count, const float *x, size_t step, const float *dy,
                   size_t to, int n) {
    vf sum[4] = {0};
    int i = 0;
#define TERM(u)                                                                                    \
    sum[u] += whole ? load(x + (u)*step) * load(dy + (u)*to)                                       \
                    : load_some(x + (u)*step, n) * load_some(dy + (u)*to, n)
    for (; i + 4 <= count; i += 4, x += 4 * step, dy += 4 * to) {
        TERM(0);
        TERM(1);
        TERM(2);
        TERM(3);
    }
    for (; i < count; i++, x += step, dy += to) TERM(0);
#undef TERM
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* One tap of one line: x at the tap's first position, dy at that position. */
static void add_tap(const fl_conv *g, int count, const float *x, const float *dy, float *sum) {
    size_t step = (size_t)g->sw * g->ci;
    int c = 0, n = g->co;
    for (; c + VW <= n; c += VW)
        store(sum + c, load(sum + c) + products(true, count, x + c, step, dy + c, g->co, VW));
    if (c == n) return;
    vf more = products(false, count, x + c, step, dy + c, g->co, n - c);
    store_some(sum + c, load_some(sum + c, n - c) + more, n - c);
}

static void add_line(const fl_conv *g, int oy, const float *image, const float *dy, float *sum) {
    fl_taps ty = fl_taps_y(g, oy);
    for (int kx = 0; kx < g->kw; kx++) {
        int low = ceil_div(max_int(0, g->left - kx), g->sw), last = g->w - 1 + g->left - kx;
        int high = last < 0 ? 0 : min_int(g->ow, last / g->sw + 1);
        for (int ky = ty.lo; ky < ty.hi && low < high; ky++) {
            size_t x = (size_t)(low * g->sw - g->left + kx), y = (size_t)(ty.first + ky);
            add_tap(g, high - low, image + (y * g->w + x) * g->ci, dy + (size_t)low * g->co,
                    sum + ((size_t)ky * g->kw + kx) * g->co);
        }
    }
}

static void backward_weights(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
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

const fl_depthwise FL_ISA(fl_depthwise_vector) = {
    .fits = fits,
    .forward = forward,
    .backward_data = backward_data,
    .work = work_size,
    .backward_weights = backward_weights,
};
