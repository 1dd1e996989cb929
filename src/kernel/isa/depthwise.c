/* depthwise.c: depthwise convolution, vectors along the output's channels. Some neighbouring
 * positions at a time, so that each weight is loaded once for all of them and their sums do not
 * wait for each other; at the left and right edge, where taps are missing, one. */
#include <math.h>

#include "kernel/isa/depthwise.h"
#include "kernel/isa/isa.h"
#include "kernel/sweep.h"

enum { AT_ONCE = 8, SUMS = 8, MOST_TAPS = 49, FRESH = 2, LINE = 16 };

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
    int n_fresh;
    const float
        *fresh[FRESH * FRESH]; /* of x, those that no position to the left or above has read */
    size_t in, out;            /* floats to the next position's */
    const float *bias;
    float low, high; /* the activation's */
    float *target;
} group;

INLINE void finish(const bool add, const bool whole, const group *g, vf sum, float *to, int n) {
    vf v = vmin(splat(g->high), vmax(splat(g->low), sum)); /* NaN passes through */
    if (add) v = sum + get(whole, to, n);
    if (whole)
        store(to, v);
    else
        store_some(to, v, n);
}

/* `count` positions, n channels from c, x and target moved on. The first four are constant where
 * this is inlined. */
INLINE void positions(const way how, const int count, const bool add, const bool whole,
                      const group *g, size_t x_on, float *target, int c, int n) {
    spread s = how == ALONE ? (spread){.first = c} : spread_at(g->m, c, n);
    vf sum[AT_ONCE], bias = g->bias ? load_some(g->bias + c, n) : (vf){0};
#pragma GCC unroll 8
    for (int u = 0; u < count; u++) sum[u] = bias;
    for (int t = 0; t < g->taps; t++) {
        const float *x = g->x[t] + x_on;
        vf k = get(whole, g->w[t] + c, n);
#pragma GCC unroll 8
        for (int u = 0; u < count; u++, x += g->in)
            sum[u] += k * (how == SPREAD ? load_spread(&s, x) : get(whole, x + c, n));
    }
#pragma GCC unroll 8
    for (int u = 0; u < count; u++, target += g->out)
        if (how == FOLDED)
            add_folded(&s, sum[u], n, target);
        else
            finish(add, whole, g, sum[u], target + c, n);
}

/* The same where channels meet one to one, for some vectors of them, SUMS in all: a pixel's lie
 * side by side, so that memory is read and written in its order. */
INLINE void strip(const int count, const bool add, const group *g, size_t x_on, float *target,
                  int c) {
    const int vectors = SUMS / count;
    size_t in = g->in, out = g->out;
    vf sum[SUMS], low = splat(g->low), high = splat(g->high);
    UNROLL
    for (int u = 0; u < SUMS; u++)
        sum[u] = g->bias ? load(g->bias + c + u % vectors * VW) : (vf){0};
    for (int t = 0; t < g->taps; t++) {
        const float *x = g->x[t] + x_on + c, *w = g->w[t] + c;
        UNROLL
        for (int v = 0; v < vectors; v++) {
            vf k = load(w + v * VW);
            UNROLL
            for (int u = 0; u < count; u++)
                sum[u * vectors + v] += k * load(x + (size_t)u * in + v * VW);
        }
    }
    UNROLL
    for (int u = 0; u < SUMS; u++) {
        float *y = target + c + (size_t)(u / vectors) * out + u % vectors * VW;
        store(y, add ? load(y) + sum[u] : vmin(high, vmax(low, sum[u])));
    }
}
/* What the next positions read for the first time, and what they write: it lies in too many places
 * for the processor to foresee. */
INLINE void look_ahead(const int count, const group *g, size_t x_on, const float *target) {
    size_t pixels = (size_t)count * g->in, n = (size_t)count * g->out;
    for (int i = 0; i < g->n_fresh; i++)
        for (const float *x = g->fresh[i] + x_on + pixels, *end = x + pixels; x < end; x += LINE)
            __builtin_prefetch(x);
    for (const float *y = target + n; y < target + 2 * n; y += LINE) __builtin_prefetch(y, 1);
}

INLINE void channels(const way how, const int count, const bool add, const group *g, size_t x_on,
                     float *target) {
    const int lanes = SUMS / count * VW;
    int c = 0;
    if (how == ALONE && count > 1) {
        look_ahead(count, g, x_on, target);
        for (; c + lanes <= g->n; c += lanes) strip(count, add, g, x_on, target, c);
    }
    if (how == FOLDED && !add)
        for (int u = 0; u < count; u++)
            memset(target + u * g->out, 0, (size_t)(g->n / g->m) * sizeof(float));
    for (; c + VW <= g->n; c += VW) positions(how, count, add, true, g, x_on, target, c, VW);
    if (c < g->n) positions(how, count, add, false, g, x_on, target, c, g->n - c);
}

typedef void groups_of(const group *, int groups);

#define COUNT(how, name, count, add)                                                               \
    static void how##_##name##_##count(const group *g, int groups) {                               \
        for (size_t k = 0; k < (size_t)groups * count; k += count)                                 \
            channels(how, count, add, g, k * g->in, g->target + k * g->out);                       \
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

static groups_of *const table[WAYS][2][4] = {
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
    int fresh = max_int(l->ty.lo, l->ty.hi - min_int(FRESH, s->y.in_step));
    g->taps = g->n_fresh = 0;
    for (int y = l->ty.lo; y < l->ty.hi; y++)
        for (int x = tx.lo; x < tx.hi; x++) {
            int ky = s->y.k_first + y * s->y.k_step, kx = s->x.k_first + x * s->x.k_step;
            size_t at = (size_t)(l->ty.first + y) * s->x.source + tx.first + x;
            g->x[g->taps] = l->source + at * s->pixel;
            if (y >= fresh && x == tx.lo) g->fresh[g->n_fresh++] = g->x[g->taps];
            g->w[g->taps++] = l->w + ((size_t)ky * l->g->kw + kx) * g->n;
        }
    g->target = l->target + (size_t)(s->x.out_first + j * s->x.out_step) * s->to;
}

/* Positions from j on that have all taps. */
static int whole_ones(const fl_axis *a, int j) {
    int first = a->in_first + j * a->in_step, room = a->source - a->taps - first;
    return first < 0 || room < 0 ? 0 : min_int(a->n - j, room / a->in_step + 1);
}

/* Of a pixel's, as many as leave few over. */
static int vectors_of(int channels) {
    int n = channels / VW;
    return n % 4 == 0 || n > 8 ? 4 : n > 1 ? 2 : 1;
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
    way how = way_of(l->g, s);
    int most = how == ALONE ? SUMS / vectors_of(g.n) : AT_ONCE;
    groups_of *const *run = table[how][e->accumulate];
    for (int j = 0, n; j < s->x.n; j += n) {
        int whole = max_int(1, whole_ones(&s->x, j)), size = 0;
        while (2 << size <= min_int(whole, most)) size++;
        n = whole >> size << size;
        gather(l, j, &g);
        run[size](&g, whole >> size);
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

const fl_depthwise FL_ISA(fl_depthwise_vector) = {
    .fits = fits,
    .forward = forward,
    .backward_data = backward_data,
    .work = depthwise_dw_work,
    .backward_weights = depthwise_dw,
};
