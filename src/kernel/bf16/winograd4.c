/* winograd4.c: F(4×4, 3×3) with transformed operands rounded to bfloat16 and sums in float32, in
 * the way of isa/winograd_forward.h: V (36, tiles / MR, ci / VW, MR, VW)   transformed input,
 * bfloat16 U (co / NR, 36, ci / 2, NR, 2)        transformed weights, bfloat16 P (36, tiles, NR) =
 * V * U             float32, transformed back for each panel of NR channels The transforms
 * themselves are in float32. */
#include <omp.h>

#include "kernel/bf16/bf16.h"
#include "kernel/isa/tiles.h"
#include "kernel/isa/winograd.h"

enum { M = 4, T = 6, TT = T * T, PAD = 2 * VW, L2_BYTES = 1 << 20, BIG_OUTPUT = 4 << 20 };

typedef struct shape {
    tiling tiles;
    int blocks, panels;    /* vectors of ci, panels of NR of co */
    int subs;              /* row blocks (of MR tiles) of a group */
    size_t v_step, p_step; /* bf16 of V, floats of P: to the next frequency */
    bool past;             /* y is too large for the caches: it is written past them */
} shape;

/* Row blocks of a group, whose V is to stay in the second-level cache; few tiles are dealt to all
 * threads. */
static int subs_of(size_t tiles, int blocks, int threads) {
    size_t bytes = (size_t)TT * blocks * VW * MR * sizeof(bf16);
    size_t most = max_size(2, min_size(4, L2_BYTES / bytes));
    size_t share = (tiles + (size_t)MR * threads - 1) / ((size_t)MR * threads);
    return (int)max_size(1, min_size(most, share));
}

static shape shape_of(const fl_conv *g, int rows, int threads) {
    shape s = {.tiles = tiling_of(g, M), .blocks = ceil_div(g->ci, VW)};
    s.panels = ceil_div(g->co, NR);
    s.subs = subs_of(tiles_in(s.tiles, rows), s.blocks, threads);
    /* The padding keeps the frequencies of a tile off each other's cache set. */
    s.v_step = (size_t)s.subs * s.blocks * MR * VW + PAD;
    s.p_step = (size_t)s.subs * MR * NR + PAD;
    return s;
}

static size_t group_floats(const shape *s) {
    return floats_of(TT * s->v_step) + TT * s->p_step;
}

/* ---- weights ---- */

/* n channels of w (taps apart by `tap`) to all frequencies. */
static void transform_weights(const float *w, size_t tap, int n, vf u[TT]) {
    vf mid[T][3];
    for (int x = 0; x < 3; x++) {
        vf g[3], column[T];
        for (int y = 0; y < 3; y++) g[y] = load_some(w + (y * 3 + x) * tap, n);
        weights6(g, column);
        for (int i = 0; i < T; i++) mid[i][x] = column[i];
    }
    for (int i = 0; i < T; i++) weights6(mid[i], u + i * T);
}

static size_t frequency_halves(const fl_conv *g) {
    return (size_t)ceil_div(g->ci, VW) * VW * NR;
}

static size_t packed(const fl_conv *g) {
    return floats_of(ceil_div(g->co, NR) * TT * frequency_halves(g));
}

/* Input channels c and c + 1 of a panel. */
static void pack_pair(const fl_conv *g, const float *w, int panel, int c, bf16 *to) {
    size_t tap = (size_t)g->ci * g->co, step = frequency_halves(g);
    for (int half = 0; half < 2; half++, to += 2 * VW) {
        int o = panel * NR + half * VW, n = min_int(VW, max_int(0, g->co - o));
        vf u[2][TT] = {{{0}}};
        for (int i = 0; i < 2 && n > 0 && c + i < g->ci; i++)
            transform_weights(w + (size_t)(c + i) * g->co + o, tap, n, u[i]);
        for (int f = 0; f < TT; f++) store_pairs(to + f * step, u[0][f], u[1][f]);
    }
}

static void pack(const fl_conv *g, const float *w, float *to) {
    int couples = ceil_div(g->ci, VW) * VW / 2, panels = ceil_div(g->co, NR);
    size_t panel = TT * frequency_halves(g);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < panels * couples; i++)
        pack_pair(g, w, i / couples, i % couples * 2,
                  (bf16 *)to + i / couples * panel + (size_t)(i % couples) * 2 * NR);
}

/* ---- input ---- */

INLINE void transform_vector(const float *x, size_t line, size_t pixel, bf16 *v, size_t step) {
    vf mid[T][T];
    ROLLED
    for (int j = 0; j < T; j++) {
        vf d[T], column[T];
        UNROLL
        for (int i = 0; i < T; i++) d[i] = load(x + i * line + j * pixel);
        input6(d, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][j] = column[i];
    }
    ROLLED
    for (int i = 0; i < T; i++) {
        vf row[T];
        input6(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) store_bf16(v + (i * T + j) * step, row[j]);
    }
}

/* What the next tile reads and this one does not: hardware does not foresee squares. */
INLINE void prefetch_next(const float *x, size_t line, size_t pixel) {
    UNROLL
    for (int i = 0; i < T; i++) UNROLL
    for (int j = 0; j < M; j++) __builtin_prefetch(x + i * line + (T + j) * pixel);
}

static void transform_tile(const fl_conv *g, const shape *s, const float *x, tile t, bf16 *v) {
    window d = window_at(x + (size_t)t.n * g->h * g->w * g->ci, g->h, g->w, g->ci, t.oy - g->top,
                         t.ox - g->left, T);
    float edge[TT * VW];
    for (int b = 0; b < s->blocks; b++, v += MR * VW) {
        int n = min_int(VW, g->ci - b * VW);
        if (d.whole && n == VW) {
            prefetch_next(d.at + b * VW, d.line, d.pixel);
            transform_vector(d.at + b * VW, d.line, d.pixel, v, s->v_step);
        } else {
            window_copy(&d, T, d.at + b * VW, n, edge);
            transform_vector(edge, T * VW, VW, v, s->v_step);
        }
    }
}

static void multiply(const shape *s, const bf16 *v, const bf16 *u, int n, float *p) {
    size_t panel = (size_t)s->blocks * VW * NR;
    for (int f = 0; f < TT; f++, v += s->v_step, u += panel, p += s->p_step)
        for (int i = 0; i < n; i += MR)
            micro_bf16(min_int(MR, n - i), s->blocks, v + (size_t)i * s->blocks * VW, u,
                       p + (size_t)i * NR);
}

/* ---- output ---- */

typedef struct target { /* where a vector of channels of a tile goes */
    float *y;
    size_t line, pixel;
    int down, across, n; /* pixels and channels of it that there are */
    bool accumulate, past;
} target;

static target target_of(const fl_conv *g, const shape *s, const fl_epilogue *e, tile t, int o,
                        float *y) {
    int pool = e->pool, h = g->oh / pool, w = g->ow / pool, c = g->co;
    return (target){.y = y + (((size_t)t.n * h + t.oy / pool) * w + t.ox / pool) * c + o,
                    .line = (size_t)w * c,
                    .pixel = c,
                    .down = h - t.oy / pool,
                    .across = w - t.ox / pool,
                    .n = min_int(VW, c - o),
                    .accumulate = e->accumulate,
                    .past = s->past};
}

INLINE vf finished(const fl_epilogue *e, vf bias, vf v) {
    v += bias;
    if (e->activation != FL_CONV_LINEAR) v = vmax((vf){0}, v);
    return e->activation == FL_CONV_RELU6 ? vmin(splat(6), v) : v;
}

INLINE void put(const target *to, int i, int j, vf v) {
    float *y = to->y + i * to->line + j * to->pixel;
    if (i >= to->down || j >= to->across) return;
    if (to->past)
        store_past(y, v);
    else
        store_some(y, to->accumulate ? load_some(y, to->n) + v : v, to->n);
}

/* The M×M outputs of one vector of channels: Aᵀ P A. */
INLINE void output_vector(const float *p, size_t step, vf y[M][M]) {
    vf mid[M][T];
    ROLLED
    for (int j = 0; j < T; j++) {
        vf m[T], column[M];
        UNROLL
        for (int i = 0; i < T; i++) m[i] = load(p + (i * T + j) * step);
        output6(m, column);
        UNROLL
        for (int i = 0; i < M; i++) mid[i][j] = column[i];
    }
    UNROLL
    for (int i = 0; i < M; i++) output6(mid[i], y[i]);
}

/* Pooling comes before what is monotonic. */
INLINE vf largest(vf y[M][M], int i, int j) {
    return vmax(vmax(y[2 * i][2 * j], y[2 * i][2 * j + 1]),
                vmax(y[2 * i + 1][2 * j], y[2 * i + 1][2 * j + 1]));
}

static void output_tile(const fl_conv *g, const shape *s, const float *p, tile t, int o,
                        const fl_epilogue *e, float *y) {
    for (int end = min_int(o + NR, g->co); o < end; o += VW, p += VW) {
        target to = target_of(g, s, e, t, o, y);
        vf bias = e->bias ? load_some(e->bias + o, to.n) : (vf){0}, v[M][M];
        output_vector(p, s->p_step, v);
        if (e->pool == 2)
            for (int i = 0; i < M * M / 4; i++)
                put(&to, i / 2, i % 2, finished(e, bias, largest(v, i / 2, i % 2)));
        else
            for (int i = 0; i < M * M; i++)
                put(&to, i / M, i % M, finished(e, bias, v[i / M][i % M]));
    }
}

/* ---- the algorithm ---- */

static bool fits(const fl_conv *g, const fl_epilogue *e) {
    return g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1 && e->activation <= FL_CONV_RELU6 &&
           (e->pool == 1 || e->pool == 2);
}

static size_t work(const fl_conv *g, int rows) {
    size_t most = 0;
    for (int threads = 1; threads <= omp_get_max_threads(); threads++) {
        shape s = shape_of(g, rows, threads);
        most = max_size(most, group_floats(&s) * threads);
    }
    return most;
}

static bool passes_caches(const fl_conv *g, int rows, const fl_epilogue *e, const float *y) {
    size_t pixels = (size_t)rows * (g->oh / e->pool) * (g->ow / e->pool);
    bool whole = g->co % VW == 0 && (uintptr_t)y % (VW * sizeof(float)) == 0;
    return whole && !e->accumulate && pixels * g->co * sizeof(float) > BIG_OUTPUT;
}

static void run_group(const fl_conv *g, const shape *s, const float *x, const bf16 *u,
                      const fl_epilogue *e, size_t first, int n, float *y, float *scratch) {
    bf16 *v = (bf16 *)scratch;
    float *p = scratch + floats_of(TT * s->v_step);
    for (int i = 0; i < n; i++)
        transform_tile(g, s, x, tile_at(s->tiles, first + i),
                       v + (size_t)(i / MR) * s->blocks * MR * VW + i % MR * VW);
    for (int c = 0; c < s->panels; c++, u += TT * frequency_halves(g)) {
        multiply(s, v, u, n, p);
        for (int i = 0; i < n; i++)
            output_tile(g, s, p + (size_t)i * NR, tile_at(s->tiles, first + i), c * NR, e, y);
    }
    if (s->past) drain();
}

static void run(const fl_conv *g, int rows, const float *x, const float *u, const fl_epilogue *e,
                float *y, float *scratch) {
    int threads = omp_get_max_threads();
    shape s = shape_of(g, rows, threads);
    s.past = passes_caches(g, rows, e, y);
    size_t tiles = tiles_in(s.tiles, rows), group = (size_t)s.subs * MR;
    size_t groups = (tiles + group - 1) / group;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < groups; i++)
        run_group(g, &s, x, (const bf16 *)u, e, i * group, (int)min_size(group, tiles - i * group),
                  y, scratch + group_floats(&s) * omp_get_thread_num());
}

/* Products, transforms, and the packed weights read for each group. */
static double cost(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows, 1);
    double tiles = (double)tiles_in(s.tiles, rows), ci = s.blocks * VW, co = s.panels * NR;
    double groups = tiles / (s.subs * MR) + 1;
    return TT * ((tiles + 2 * groups) * ci * co * 1e-11 + tiles * (ci * 18e-11 + co * 14e-11) +
                 groups * ci * co * 1e-10);
}

const fl_conv_algo fl_conv_winograd4_bf16 = {
    .name = "winograd4_bf16",
    .fits = fits,
    .packed = packed,
    .pack = pack,
    .work = work,
    .run = run,
    .cost = cost,
};
