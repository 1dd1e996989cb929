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

enum { T = M + 2, TT = T * T, PAD = VW };

typedef struct shape {
    tiling tiles;
    int blocks, panels; /* vectors of ci, panels of NR of co */
    int subs;           /* row blocks (of MR tiles) of a group */
    size_t frequency;   /* floats of V of one frequency */
    size_t v, p;        /* floats of V and P of a group */
} shape;

static int tuned(const char *name, int other) {
    const char *s = getenv(name);
    return s ? atoi(s) : other;
}

static shape shape_of(const fl_conv *g) {
    shape s = {.tiles = tiling_of(g, M), .blocks = ceil_div(g->ci, VW)};
    s.panels = ceil_div(g->co, NR);
    s.subs = tuned("SUBS", 2);
    /* The padding keeps the frequencies of a tile off each other's cache set. */
    s.frequency = (size_t)s.subs * s.blocks * MR * VW + PAD;
    s.v = s.frequency * TT;
    s.p = (size_t)TT * s.subs * MR * NR;
    return s;
}

/* ---- weights ---- */

INLINE void pack_vector(const float *w, size_t tap, int n, float *u, size_t frequency) {
    vf mid[T][3];
    UNROLL
    for (int x = 0; x < 3; x++) {
        vf g[3], column[T];
        UNROLL
        for (int y = 0; y < 3; y++) {
            const float *p = w + (y * 3 + x) * tap;
            g[y] = n == VW ? load(p) : load_some(p, n);
        }
        weights1(g, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][x] = column[i];
    }
    UNROLL
    for (int i = 0; i < T; i++) {
        vf row[T];
        weights1(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) store(u + (i * T + j) * frequency, row[j]);
    }
}

static size_t packed(const fl_conv *g) {
    shape s = shape_of(g);
    return (size_t)s.panels * TT * s.blocks * VW * NR;
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
    shape s = shape_of(g);
    int depth = s.blocks * VW;
    size_t frequency = (size_t)depth * NR, rows = (size_t)s.panels * depth;
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
    UNROLL
    for (int j = 0; j < T; j++) {
        vf d[T], column[T];
        UNROLL
        for (int i = 0; i < T; i++) d[i] = load(x + i * line + j * pixel);
        input1(d, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][j] = column[i];
    }
    UNROLL
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
            transform_vector(d.at + b * VW, d.line, d.pixel, v, s->frequency);
        } else {
            window_copy(&d, T, d.at + b * VW, n, edge);
            transform_vector(edge, T * VW, VW, v, s->frequency);
        }
    }
}

static float *row_of(const shape *s, float *v, int i) { /* of tile i of a group */
    return v + (size_t)(i / MR) * s->blocks * MR * VW + i % MR * VW;
}

/* Rows that no tile fills are zeroed, as far as the register kernel reads them. */
static void transform_group(const fl_conv *g, const shape *s, const float *x, size_t first, int n,
                            float *v) {
    for (int i = 0; i < n; i++)
        transform_tile(g, s, x, tile_at(s->tiles, first + i), row_of(s, v, i));
    if (n % 2)
        for (int f = 0; f < TT; f++)
            for (int b = 0; b < s->blocks; b++)
                store(row_of(s, v, n) + f * s->frequency + b * MR * VW, (vf){0});
}

/* ---- product ---- */

/* Brings the input of the next group near while this one's products keep the arithmetic busy: by
 * lines of tiles, and only the pixels that no tile to the left or above has. */
typedef struct ahead {
    const float *x;
    size_t line, end; /* lines of tiles: tile * M + line */
} ahead;

static void fetch_line(const fl_conv *g, const shape *s, const ahead *a) {
    tile t = tile_at(s->tiles, a->line / M);
    int y = t.oy - g->top + 2 + (int)(a->line % M), left = max_int(0, t.ox - g->left + 2);
    int right = min_int(g->w, t.ox - g->left + T);
    if (y < 0 || y >= g->h) return;
    const float *row = a->x + ((size_t)t.n * g->h + y) * g->w * g->ci;
    const float *from = row + (ptrdiff_t)left * g->ci, *to = row + (ptrdiff_t)right * g->ci;
    for (; from < to; from += 64 / sizeof *from) __builtin_prefetch(from);
}

static void fetch_some(const fl_conv *g, const shape *s, ahead *a, size_t lines) {
    for (; lines > 0 && a->line < a->end; lines--, a->line++) fetch_line(g, s, a);
}

static void multiply(const fl_conv *g, const shape *s, const float *v, const float *u, int n,
                     ahead *a, float *p) {
    size_t panel = (size_t)s->blocks * VW * NR;
    size_t lines = (s->subs * MR * M + s->panels * TT - 1) / (s->panels * TT);
    for (int f = 0; f < TT; f++, v += s->frequency, u += panel, p += (size_t)s->subs * MR * NR) {
        fetch_some(g, s, a, lines);
        for (int i = 0; i < n; i += MR)
            micro(min_int(MR, n - i), s->blocks, v + (size_t)i * s->blocks * VW, u,
                  p + (size_t)i * NR, NR);
    }
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

INLINE void put(const finish *f, float *y, vf v) {
    if (f->n == VW) {
        store(y, f->accumulate ? load(y) + v : v);
    } else {
        store_some(y, f->accumulate ? load_some(y, f->n) + v : v, f->n);
    }
}

/* y (M, M) of one tile and vector: what lies within `down` by `across` pixels is stored. */
INLINE void output_vector(const float *p, size_t frequency, const finish *f, int pool, int down,
                          int across, float *y, size_t line, size_t pixel) {
    vf mid[M][T], all[M][M];
    UNROLL
    for (int j = 0; j < T; j++) {
        vf m[T], column[M];
        UNROLL
        for (int i = 0; i < T; i++) m[i] = load(p + (i * T + j) * frequency);
        output1(m, column);
        UNROLL
        for (int i = 0; i < M; i++) mid[i][j] = column[i];
    }
    UNROLL
    for (int i = 0; i < M; i++) {
        output1(mid[i], all[i]);
        UNROLL
        for (int j = 0; j < M; j++) all[i][j] = finished(f, all[i][j]);
    }
    UNROLL
    for (int i = 0; i < M; i += pool) UNROLL
    for (int j = 0; j < M; j += pool) {
        if (i / pool >= down || j / pool >= across) continue;
        vf v = all[i][j];
        if (pool == 2) v = vmax(vmax(v, all[i][j + 1]), vmax(all[i + 1][j], all[i + 1][j + 1]));
        put(f, y + i / pool * line + j / pool * pixel, v);
    }
}

static void output_tile(const fl_conv *g, const shape *s, const float *p, tile t, int o,
                        const fl_epilogue *e, float *y) {
    int pool = e->pool, h = g->oh / pool, w = g->ow / pool, c = g->co;
    int down = min_int(M, h - t.oy / pool), across = min_int(M, w - t.ox / pool);
    size_t frequency = (size_t)s->subs * MR * NR;
    y += (((size_t)t.n * h + t.oy / pool) * w + t.ox / pool) * c + o;
    for (int i = 0; i < NR && o + i < c; i += VW) {
        finish f = finish_of(e, o + i, min_int(VW, c - o - i));
        if (pool == 2)
            output_vector(p + i, frequency, &f, 2, down, across, y + i, (size_t)w * c, c);
        else
            output_vector(p + i, frequency, &f, 1, down, across, y + i, (size_t)w * c, c);
    }
}

/* ---- the algorithm ---- */

static bool fits(const fl_conv *g, const fl_epilogue *e) {
    return g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1 && e->activation <= FL_CONV_RELU6 &&
           (e->pool == 1 || e->pool == 2);
}

static size_t work(const fl_conv *g, int rows) {
    shape s = shape_of(g);
    (void)rows;
    return (s.v + s.p) * omp_get_max_threads();
}

static void run_group(const fl_conv *g, const shape *s, const float *x, const float *u,
                      const fl_epilogue *e, size_t first, int n, ahead a, float *y, float *v) {
    float *p = v + s->v;
    transform_group(g, s, x, first, n, v);
    for (int c = 0; c < s->panels; c++, u += (size_t)TT * s->blocks * VW * NR) {
        multiply(g, s, v, u, n, &a, p);
        for (int i = 0; i < n; i++)
            output_tile(g, s, p + (size_t)i * NR, tile_at(s->tiles, first + i), c * NR, e, y);
    }
}

static void run(const fl_conv *g, int rows, const float *x, const float *u, const fl_epilogue *e,
                float *y, float *scratch) {
    shape s = shape_of(g);
    size_t tiles = tiles_in(s.tiles, rows), group = (size_t)s.subs * MR;
    size_t groups = (tiles + group - 1) / group;
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < groups; i++) {
        size_t first = i * group, n = min_size(group, tiles - first);
        size_t next = min_size(first + group * omp_get_num_threads(), tiles);
        ahead a = {x, next * M, min_size(next + group, tiles) * M};
        if (getenv("NOPRE")) a.end = 0;
        run_group(g, &s, x, u, e, first, (int)n, a, y,
                  scratch + (s.v + s.p) * omp_get_thread_num());
    }
}

static double cost(const fl_conv *g, int rows) {
    shape s = shape_of(g);
    double tiles = (double)tiles_in(s.tiles, rows), ci = s.blocks * VW, co = s.panels * NR;
    double products = 2 * TT * ci * co * tiles, transforms = 60.0 * TT * (ci + co) * tiles;
    return (products + transforms) / 100e9;
}
