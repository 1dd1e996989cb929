/* depthwise.c: depthwise convolution, vectors along the output's channels. Some neighbouring
 * positions at a time, so that each weight is loaded once for all of them and their sums do not
 * wait for each other; at the left and right edge, where taps are missing, one. */
#include <math.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/spread.h"
#include "kernel/sweep.h"

enum { AT_ONCE = 8, PARTS = 8, MOST_TAPS = 49 };

/* How channels of the source meet those of the target: one to one, or, with a multiplier, forward
 * and backward. */
typedef enum way { ALONE, SPREAD, FOLDED, WAYS } way;

typedef struct line { /* one row of target pixels */
    const fl_sweep *s;
    const fl_conv *g;
    const float *source; /* the image */
    const float *w;
    fl_taps ty;
    const fl_epilogue *e;
    float *target; /* the target's row */
} line;

typedef struct group { /* of neighbouring positions that have the same taps */
    int taps, n, m;    /* n: channels of the weights */
    const float *x[MOST_TAPS], *w[MOST_TAPS]; /* of the first position */
    size_t in, out;                           /* floats to the next position's */
    const float *bias;
    float low, high; /* the activation's */
    float *target;
} group;

INLINE vf get(const bool whole, const float *p, int n) {
    return whole ? load(p) : load_some(p, n);
}

INLINE void finish(const bool add, const bool whole, const group *g, vf sum, float *to, int n) {
    vf v = vmin(splat(g->high), vmax(splat(g->low), sum)); /* NaN passes through */
    if (add) v = sum + get(whole, to, n);
    if (whole)
        store(to, v);
    else
        store_some(to, v, n);
}

/* `count` positions, n channels from c. The first four are constant where this is inlined. */
INLINE void positions(const way how, const int count, const bool add, const bool whole,
                      const group *g, int c, int n) {
    spread s = how == ALONE ? (spread){.first = c} : spread_at(g->m, c, n);
    vf sum[AT_ONCE], bias = g->bias ? load_some(g->bias + c, n) : (vf){0};
#pragma GCC unroll 8
    for (int u = 0; u < count; u++) sum[u] = bias;
    for (int t = 0; t < g->taps; t++) {
        const float *x = g->x[t];
        vf k = get(whole, g->w[t] + c, n);
#pragma GCC unroll 8
        for (int u = 0; u < count; u++, x += g->in)
            sum[u] += k * (how == SPREAD ? load_spread(&s, x) : get(whole, x + c, n));
    }
    float *to = g->target;
#pragma GCC unroll 8
    for (int u = 0; u < count; u++, to += g->out)
        if (how == FOLDED)
            add_folded(&s, sum[u], n, to);
        else
            finish(add, whole, g, sum[u], to + c, n);
}

INLINE void channels(const way how, const int count, const bool add, const group *g) {
    int c = 0;
    if (how == FOLDED && !add)
        for (int u = 0; u < count; u++)
            memset(g->target + u * g->out, 0, (size_t)(g->n / g->m) * sizeof(float));
    for (; c + VW <= g->n; c += VW) positions(how, count, add, true, g, c, VW);
    if (c < g->n) positions(how, count, add, false, g, c, g->n - c);
}

typedef void positions_of(const group *);

#define COUNT(how, name, count, add)                                                               \
    static void how##_##name##_##count(const group *g) {                                           \
        channels(how, count, add, g);                                                              \
    }
#define COUNTS(how, name, add)                                                                     \
    COUNT(how, name, 1, add)                                                                       \
    COUNT(how, name, 2, add)                                                                       \
    COUNT(how, name, 4, add)                                                                       \
    COUNT(how, name, 8, add)
#define LIST(how, name)                                                                            \
    { how##_##name##_1, how##_##name##_2, how##_##name##_4, how##_##name##_8 }

COUNTS(ALONE, put, false)
COUNTS(ALONE, add, true)
COUNTS(SPREAD, put, false)
COUNTS(SPREAD, add, true)
COUNTS(FOLDED, put, false)
COUNTS(FOLDED, add, true)

static positions_of *const table[WAYS][2][4] = {
    {LIST(ALONE, put), LIST(ALONE, add)},
    {LIST(SPREAD, put), LIST(SPREAD, add)},
    {LIST(FOLDED, put), LIST(FOLDED, add)},
};

static way way_of(const fl_conv *g, const fl_sweep *s) {
    return g->ci == g->co ? ALONE : s->to == g->co ? SPREAD : FOLDED;
}

static fl_taps taps_at(const fl_axis *a, int j) {
    return fl_taps_of(a->in_first + j * a->in_step, a->taps, a->source);
}

static void gather(const line *l, int j, group *g) {
    const fl_sweep *s = l->s;
    fl_taps tx = taps_at(&s->x, j);
    g->taps = 0;
    for (int y = l->ty.lo; y < l->ty.hi; y++)
        for (int x = tx.lo; x < tx.hi; x++) {
            int ky = s->y.k_first + y * s->y.k_step, kx = s->x.k_first + x * s->x.k_step;
            size_t at = (size_t)(l->ty.first + y) * s->x.source + tx.first + x;
            g->x[g->taps] = l->source + at * s->pixel;
            g->w[g->taps++] = l->w + ((size_t)ky * l->g->kw + kx) * g->n;
        }
    g->target = l->target + (size_t)(s->x.out_first + j * s->x.out_step) * s->to;
}

/* The log2 of how many positions from j on, up to AT_ONCE, are done together: they have all taps.
 */
static int together(const fl_axis *a, int j) {
    int first = a->in_first + j * a->in_step, room = a->source - a->taps - first;
    if (first < 0 || room < 0) return 0;
    int n = min_int(a->n - j, room / a->in_step + 1);
    return n >= 8 ? 3 : n >= 4 ? 2 : n >= 2 ? 1 : 0;
}

static void run_line(const line *l) {
    const fl_sweep *s = l->s;
    const fl_epilogue *e = l->e;
    group g = {.n = l->g->co,
               .m = l->g->co / l->g->ci,
               .in = (size_t)s->x.in_step * s->pixel,
               .out = (size_t)s->x.out_step * s->to,
               .bias = e->bias,
               .low = e->activation == FL_CONV_LINEAR ? -INFINITY : 0,
               .high = e->activation == FL_CONV_RELU6 ? 6 : INFINITY};
    positions_of *const *run = table[way_of(l->g, s)][e->accumulate];
    for (int j = 0, n; j < s->x.n; j += n) {
        int size = together(&s->x, j);
        n = 1 << size;
        gather(l, j, &g);
        run[size](&g);
    }
}

/* The j-th row of positions of image n. */
static void run_row(const fl_sweep *s, const fl_conv *g, size_t n, int j, const float *source,
                    const float *w, const fl_epilogue *e, float *target) {
    int y = s->y.out_first + j * s->y.out_step;
    line l = {.s = s, .g = g, .w = w, .e = e, .ty = taps_at(&s->y, j)};
    l.source = source + n * s->y.source * s->x.source * s->pixel;
    l.target = target + (n * s->y.target + y) * s->x.target * s->to;
    run_line(&l);
}

static bool fits(const fl_conv *g, const fl_epilogue *e) {
    return g->co % g->ci == 0 && e->pool == 1 && g->kh * g->kw <= MOST_TAPS;
}

static void forward(const fl_conv *g, int rows, const float *x, const float *w,
                    const fl_epilogue *e, float *y) {
    fl_sweep s = fl_sweep_forward(g);
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < (size_t)rows * g->oh; i++)
        run_row(&s, g, i / g->oh, (int)(i % g->oh), x, w, e, y);
}

static void backward_data(const fl_conv *g, int rows, const float *dy, const float *w, bool add,
                          float *dx) {
    fl_epilogue e = {.pool = 1, .accumulate = add};
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < (size_t)rows * g->h; i++)
        for (int phase = 0; phase < g->sw; phase++) {
            int y = (int)(i % g->h);
            fl_sweep s = fl_sweep_backward(g, y % g->sh, phase);
            if (fl_sweep_taps(&s) > 0 || !add) run_row(&s, g, i / g->h, y / g->sh, dy, w, &e, dx);
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

/* Σ over `count` positions of x dy, for n channels from c on. */
INLINE vf products(const bool alone, const bool whole, const fl_conv *g, int count, const float *x,
                   const float *dy, int c, int n) {
    spread s = alone ? (spread){.first = c} : spread_at(g->co / g->ci, c, n);
    size_t step = (size_t)g->sw * g->ci, to = (size_t)g->co;
    vf sum[4] = {0};
    int i = 0;
#define TERM(u)                                                                                    \
    sum[u] += (alone ? get(whole, x + (u)*step + c, n) : load_spread(&s, x + (u)*step)) *          \
              get(whole, dy + (u)*to, n)
    for (dy += c; i + 4 <= count; i += 4, x += 4 * step, dy += 4 * to) {
        TERM(0);
        TERM(1);
        TERM(2);
        TERM(3);
    }
    for (; i < count; i++, x += step, dy += to) TERM(0);
#undef TERM
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

INLINE void add_products(const bool alone, const fl_conv *g, int count, const float *x,
                         const float *dy, float *sum) {
    int c = 0, n = g->co;
    for (; c + VW <= n; c += VW)
        store(sum + c, load(sum + c) + products(alone, true, g, count, x, dy, c, VW));
    if (c == n) return;
    vf more = products(alone, false, g, count, x, dy, c, n - c);
    store_some(sum + c, load_some(sum + c, n - c) + more, n - c);
}

/* One tap of one line: x at the tap's first position, dy at that position. */
static void add_tap(const fl_conv *g, int count, const float *x, const float *dy, float *sum) {
    if (g->ci == g->co)
        add_products(true, g, count, x, dy, sum);
    else
        add_products(false, g, count, x, dy, sum);
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
