/* winograd_forward.h: the body of winograd4.c and winograd6.c, F(M×M, 3×3), which define M and the
 * transforms input1, weights1 and output1 of T = M + 2 points.
 *
 * Work goes in groups of tiles that a thread computes whole. For each group
 *   V (T², ci / VW, tiles, VW) = transformed input
 *   P (T², tiles, chunk)       = V * U, one matrix product a frequency
 *   y                          = transformed back, with bias, activation and pooling
 * with U (co / NR, T², ci, NR) the packed weights. Small nets of channels keep V, P and a panel of
 * U in the second-level cache; for many channels a group is large, so that U, which comes from
 * memory, is read seldom. Channels are padded with zeros to the vector (ci) and to NR (co). */
#include "kernel/isa/micro.h"
#include "kernel/isa/tiles.h"

enum { T = M + 2, TT = T * T, PAD = VW, BIG_WEIGHTS = 8 << 20, BIG_INPUT = 9 << 19 };

typedef struct shape {
    tiling tiles;
    int blocks, panels;    /* vectors of ci, panels of NR of co */
    int subs;              /* row blocks (of MR tiles) of a group */
    size_t v_step, p_step; /* floats from a frequency of V, of P to the next */
    size_t v, p;           /* floats of V and P of a group */
} shape;

/* Row blocks of a group: of 28 tiles, or of up to 56 where the packed weights are larger than what
 * stays in the cache; few tiles are dealt evenly, and to all threads. */
static int subs_of(const fl_conv *g, size_t tiles, int threads) {
    size_t floats = (size_t)TT * g->ci * sizeof(float);
    bool big = floats * g->co > BIG_WEIGHTS;
    size_t target = big ? max_size(28, min_size(56, BIG_INPUT / floats)) : 28;
    if (tiles >= 4 * target * threads) return ceil_div((int)target, MR);
    size_t groups = max_int(threads, (int)((tiles + target / 2) / target));
    return max_int(1, ceil_div(ceil_div((int)tiles, (int)groups), MR));
}

static shape shape_of(const fl_conv *g, int rows, int threads) {
    shape s = {.tiles = tiling_of(g, M), .blocks = ceil_div(g->ci, VW)};
    s.panels = ceil_div(g->co, NR);
    s.subs = subs_of(g, tiles_in(s.tiles, rows), threads);
    /* The padding keeps the frequencies of a tile off each other's cache set. */
    s.v_step = (size_t)s.subs * s.blocks * MR * VW + PAD;
    s.p_step = (size_t)s.subs * MR * NR + PAD;
    s.v = s.v_step * TT;
    s.p = s.p_step * TT;
    return s;
}

/* ---- weights ---- */

INLINE void pack_vector(const float *w, size_t tap, int n, float *u, size_t frequency) {
    vf mid[T][3];
    ROLLED
    for (int x = 0; x < 3; x++) {
        vf g[3], column[T];
        ROLLED
        for (int y = 0; y < 3; y++) {
            const float *p = w + (y * 3 + x) * tap;
            g[y] = n == VW ? load(p) : load_some(p, n);
        }
        weights1(g, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][x] = column[i];
    }
    ROLLED
    for (int i = 0; i < T; i++) {
        vf row[T];
        weights1(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) store(u + (i * T + j) * frequency, row[j]);
    }
}

static size_t packed(const fl_conv *g) {
    return (size_t)ceil_div(g->co, NR) * TT * ceil_div(g->ci, VW) * VW * NR;
}

static void pack_row(const fl_conv *g, const float *w, int panel, int c, float *u,
                     size_t frequency) {
    size_t tap = (size_t)g->ci * g->co;
    for (int half = 0; half < 2; half++) {
        int o = panel * NR + half * VW, n = c < g->ci ? min_int(VW, max_int(0, g->co - o)) : 0;
        const float *from = w + (n ? (size_t)c * g->co + o : 0);
        if (n == VW)
            pack_vector(from, tap, VW, u + half * VW, frequency);
        else
            pack_vector(from, tap, n, u + half * VW, frequency);
    }
}

static void pack(const fl_conv *g, const float *w, float *to) {
    int depth = ceil_div(g->ci, VW) * VW;
    size_t frequency = (size_t)depth * NR, rows = (size_t)ceil_div(g->co, NR) * depth;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < rows; r++) {
        int panel = (int)(r / depth), c = (int)(r % depth);
        pack_row(g, w, panel, c, to + panel * frequency * TT + (size_t)c * NR, frequency);
    }
}

/* ---- input ---- */

INLINE void transform_vector(const float *x, size_t line, size_t pixel, float *v,
                             size_t frequency) {
    vf mid[T][T];
    ROLLED
    for (int j = 0; j < T; j++) {
        vf d[T], column[T];
        UNROLL
        for (int i = 0; i < T; i++) d[i] = load(x + i * line + j * pixel);
        input1(d, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][j] = column[i];
    }
    ROLLED
    for (int i = 0; i < T; i++) {
        vf row[T];
        input1(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) store(v + (i * T + j) * frequency, row[j]);
    }
}

static void transform_tile(const fl_conv *g, const shape *s, const float *x, tile t, float *v) {
    window d = window_at(x + (size_t)t.n * g->h * g->w * g->ci, g->h, g->w, g->ci, t.oy - g->top,
                         t.ox - g->left, T);
    float edge[TT * VW];
    for (int b = 0; b < s->blocks; b++, v += MR * VW) {
        int n = min_int(VW, g->ci - b * VW);
        if (d.whole && n == VW) {
            transform_vector(d.at + b * VW, d.line, d.pixel, v, s->v_step);
        } else {
            window_copy(&d, T, d.at + b * VW, n, edge);
            transform_vector(edge, T * VW, VW, v, s->v_step);
        }
    }
}

/* Rows that no tile fills stay what they are: their products are not looked at. */
static void transform_group(const fl_conv *g, const shape *s, const float *x, size_t first, int n,
                            float *v) {
    for (int i = 0; i < n; i++)
        transform_tile(g, s, x, tile_at(s->tiles, first + i),
                       v + (size_t)(i / MR) * s->blocks * MR * VW + i % MR * VW);
}

/* ---- product ---- */

static void multiply(const shape *s, const float *v, const float *u, int n, float *p) {
    size_t panel = (size_t)s->blocks * VW * NR;
    for (int f = 0; f < TT; f++, v += s->v_step, u += panel, p += s->p_step)
        for (int i = 0; i < n; i += MR)
            micro(min_int(MR, n - i), s->blocks, v + (size_t)i * s->blocks * VW, u,
                  p + (size_t)i * NR, NR);
}

/* ---- output ---- */

typedef struct finish { /* the epilogue of some channels */
    vf bias, low, high;
    int n; /* channels */
    bool accumulate;
} finish;

static finish finish_of(const fl_epilogue *e, int o, int n) {
    vf infinite = splat(__builtin_inff());
    finish f = {.low = -infinite, .high = infinite, .n = n, .accumulate = e->accumulate};
    if (e->bias) f.bias = n == VW ? load(e->bias + o) : load_some(e->bias + o, n);
    if (e->activation != FL_CONV_LINEAR) f.low = (vf){0};
    if (e->activation == FL_CONV_RELU6) f.high = splat(6);
    return f;
}

INLINE vf finished(const finish *f, vf v) {
    return vmin(f->high, vmax(f->low, v + f->bias));
}

/* One row of the output of a tile (pool 1), or the pooled two (pool 2): n vectors. */
INLINE void output_row(vf mid[][T], int i, const finish *f, const int pool, const int n,
                       vf row[M]) {
    vf y[2][M];
    output1(mid[i], y[0]);
    if (pool == 2) output1(mid[i + 1], y[1]);
    UNROLL
    for (int j = 0; j < n; j++) {
        vf v = y[0][j];
        if (pool == 2)
            v = vmax(vmax(y[0][2 * j], y[0][2 * j + 1]), vmax(y[1][2 * j], y[1][2 * j + 1]));
        row[j] = finished(f, v);
    }
}

typedef struct target { /* where a tile of y goes */
    float *y;
    size_t line, pixel;
    int down, across; /* pixels of it that there are */
} target;

INLINE void put_row(const target *to, int i, const finish *f, const int n, const vf *row) {
    float *y = to->y + i * to->line;
    if (f->n == VW && to->across >= n) {
        UNROLL
        for (int j = 0; j < n; j++, y += to->pixel)
            store(y, f->accumulate ? load(y) + row[j] : row[j]);
        return;
    }
    for (int j = 0; j < n && j < to->across; j++, y += to->pixel)
        store_some(y, f->accumulate ? load_some(y, f->n) + row[j] : row[j], f->n);
}

/* One vector of channels of a tile: Aᵀ P A. Pooling comes before what is monotonic. */
INLINE void output_vector(const float *p, size_t frequency, const finish *f, const int pool,
                          const target *to) {
    vf mid[M][T];
    ROLLED
    for (int j = 0; j < T; j++) {
        vf m[T], column[M];
        UNROLL
        for (int i = 0; i < T; i++) m[i] = load(p + (i * T + j) * frequency);
        output1(m, column);
        UNROLL
        for (int i = 0; i < M; i++) mid[i][j] = column[i];
    }
    const int n = pool == 2 ? M / 2 : M;
    for (int i = 0; i < n && i < to->down; i++) {
        vf row[M];
        output_row(mid, i * pool, f, pool, n, row);
        put_row(to, i, f, n, row);
    }
}

static void output_tile(const fl_conv *g, const shape *s, const float *p, tile t, int o,
                        const fl_epilogue *e, float *y) {
    int pool = e->pool, h = g->oh / pool, w = g->ow / pool, c = g->co;
    target to = {.y = y + (((size_t)t.n * h + t.oy / pool) * w + t.ox / pool) * c + o,
                 .line = (size_t)w * c,
                 .pixel = c,
                 .down = h - t.oy / pool,
                 .across = w - t.ox / pool};
    for (int i = 0; i < NR && o + i < c; i += VW, to.y += VW) {
        finish f = finish_of(e, o + i, min_int(VW, c - o - i));
        if (pool == 2)
            output_vector(p + i, s->p_step, &f, 2, &to);
        else
            output_vector(p + i, s->p_step, &f, 1, &to);
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
        most = max_size(most, (s.v + s.p) * threads);
    }
    return most;
}

static void run_group(const fl_conv *g, const shape *s, const float *x, const float *u,
                      const fl_epilogue *e, size_t first, int n, float *y, float *v) {
    float *p = v + s->v;
    transform_group(g, s, x, first, n, v);
    for (int c = 0; c < s->panels; c++, u += (size_t)TT * s->blocks * VW * NR) {
        multiply(s, v, u, n, p);
        for (int i = 0; i < n; i++)
            output_tile(g, s, p + (size_t)i * NR, tile_at(s->tiles, first + i), c * NR, e, y);
    }
}

static void run(const fl_conv *g, int rows, const float *x, const float *u, const fl_epilogue *e,
                float *y, float *scratch) {
    int threads = omp_get_max_threads();
    shape s = shape_of(g, rows, threads);
    size_t tiles = tiles_in(s.tiles, rows), group = (size_t)s.subs * MR;
    size_t groups = (tiles + group - 1) / group;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < groups; i++)
        run_group(g, &s, x, u, e, i * group, (int)min_size(group, tiles - i * group), y,
                  scratch + (s.v + s.p) * omp_get_thread_num());
}

/* Products, transforms (by measurement), and the packed weights read for each group. */
static double cost(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows, 1);
    double tiles = (double)tiles_in(s.tiles, rows), ci = s.blocks * VW, co = s.panels * NR;
    double groups = tiles / (s.subs * MR) + 1;
    return TT * ((tiles + 2 * groups) * ci * co * 2e-11 + tiles * (ci * 12e-11 + co * 8e-11) +
                 groups * ci * co * 2e-10);
}
