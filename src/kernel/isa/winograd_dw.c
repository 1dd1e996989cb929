/* winograd_dw.c: the weight gradient of a 3×3 convolution by F(3×3, 4×4): the 3×3 taps are the
 * correlation of a 6×6 tile of x with the 4×4 tile of dy above it. In the frequencies the sum over
 * all tiles is a matrix product for each, and is transformed back once:
 *   V (36, ci / VW, tiles, VW) = Bᵀ x B     W (36, co / NR, tiles, NR) = G dy Gᵀ
 *   S (36, co / NR, ci, NR)   += Vᵀ W       dw += Aᵀ S A
 * It goes by chunks of tiles, so that V and W stay in cache. All threads transform the tiles of a
 * chunk and then share S, so the order of every sum is fixed. */
#include <math.h>
#include <omp.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/micro.h"
#include "kernel/isa/tiles.h"
#include "kernel/isa/winograd.h"

enum { M = 4, T = 6, TT = T * T, BLOCK = VW == 16 ? 8 : 4, PAD = VW };

typedef struct shape {
    tiling tiles;
    int blocks, panels;            /* vectors of ci, panels of NR of co */
    size_t most;                   /* tiles of a chunk */
    size_t v_step, w_step, s_step; /* floats from a frequency of V, W, S to the next */
} shape;

/* Tiles of a chunk. S is read and written once for each chunk, V and W grow with it: so the more
 * channels, the more tiles. */
static size_t chunk_of(const fl_conv *g, size_t tiles) {
    size_t wanted = (size_t)(0.75 * sqrt((double)g->ci * g->co));
    wanted = max_size(64, min_size(wanted, 384));
    size_t chunks = max_size(1, (tiles + wanted / 2) / wanted);
    return max_size(1, (tiles + chunks - 1) / chunks);
}

static shape shape_of(const fl_conv *g, int rows) {
    shape s = {
        .tiles = tiling_of(g, M), .blocks = ceil_div(g->ci, VW), .panels = ceil_div(g->co, NR)};
    s.most = chunk_of(g, tiles_in(s.tiles, rows));
    s.v_step = s.most * s.blocks * VW + PAD;
    s.w_step = s.most * s.panels * NR + PAD;
    s.s_step = (size_t)s.blocks * VW * s.panels * NR;
    return s;
}

/* ---- transforms ---- */

INLINE void input_vector(const float *x, size_t line, size_t pixel, float *v, size_t step) {
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
        for (int j = 0; j < T; j++) store(v + (i * T + j) * step, row[j]);
    }
}

INLINE void gradient_vector(const float *y, size_t line, size_t pixel, float *w, size_t step) {
    vf mid[T][M];
    ROLLED
    for (int j = 0; j < M; j++) {
        vf d[M], column[T];
        UNROLL
        for (int i = 0; i < M; i++) d[i] = load(y + i * line + j * pixel);
        gradient6(d, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][j] = column[i];
    }
    ROLLED
    for (int i = 0; i < T; i++) {
        vf row[T];
        gradient6(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) store(w + (i * T + j) * step, row[j]);
    }
}

static void input_tile(const fl_conv *g, const shape *s, const float *x, tile t, float *v) {
    window d = window_at(x + (size_t)t.n * g->h * g->w * g->ci, g->h, g->w, g->ci, t.oy - g->top,
                         t.ox - g->left, T);
    float edge[TT * VW];
    for (int b = 0; b < s->blocks; b++, v += s->most * VW) {
        int n = min_int(VW, g->ci - b * VW);
        if (d.whole && n == VW) {
            input_vector(d.at + b * VW, d.line, d.pixel, v, s->v_step);
        } else {
            window_copy(&d, T, d.at + b * VW, n, edge);
            input_vector(edge, T * VW, VW, v, s->v_step);
        }
    }
}

static void gradient_tile(const fl_conv *g, const shape *s, const float *dy, tile t, float *w) {
    window d =
        window_at(dy + (size_t)t.n * g->oh * g->ow * g->co, g->oh, g->ow, g->co, t.oy, t.ox, M);
    float edge[M * M * VW];
    for (int b = 0; b < 2 * s->panels; b++) {
        int n = max_int(0, min_int(VW, g->co - b * VW));
        float *to = w + (size_t)(b / 2) * s->most * NR + b % 2 * VW;
        if (d.whole && n == VW) {
            gradient_vector(d.at + b * VW, d.line, d.pixel, to, s->w_step);
        } else {
            window_copy(&d, M, n ? d.at + b * VW : d.at, n, edge);
            gradient_vector(edge, M * VW, VW, to, s->w_step);
        }
    }
}

/* ---- product ---- */

/* sum (BLOCK, 2 VW) = Σ over n tiles of a (tiles, VW), its first BLOCK columns, times b (tiles,
 * NR).
 */
INLINE void sum_tiles(size_t n, const float *a, const float *b, vf sum[BLOCK][2]) {
    UNROLL
    for (int r = 0; r < BLOCK; r++) sum[r][0] = sum[r][1] = (vf){0};
#pragma GCC unroll 4
    for (; n > 0; n--, a += VW, b += NR) {
        vf b0 = load(b), b1 = load(b + VW);
        UNROLL
        for (int r = 0; r < BLOCK; r++) {
            vf x = splat(a[r]);
            sum[r][0] += x * b0;
            sum[r][1] += x * b1;
        }
    }
}

/* c (BLOCK, NR) = or += that. */
static void add_products(size_t n, const float *a, const float *b, float *c, bool add) {
    for (size_t i = 0; i < n; i += PART, add = true) {
        vf sum[BLOCK][2];
        sum_tiles(min_size(PART, n - i), a + i * VW, b + i * NR, sum);
        UNROLL
        for (int r = 0; r < BLOCK; r++) {
            store_sum(c + r * NR, sum[r][0], add);
            store_sum(c + r * NR + VW, sum[r][1], add);
        }
    }
}

static void multiply_panel(const shape *s, size_t n, const float *v, const float *w, float *sum,
                           bool add) {
    for (int b = 0; b < s->blocks; b++, v += s->most * VW)
        for (int r = 0; r < VW; r += BLOCK, sum += BLOCK * NR) add_products(n, v + r, w, sum, add);
}

/* ---- back ---- */

static void add_taps(const float *sum, size_t step, int n, float *dw, size_t tap) {
    vf mid[3][T];
    for (int j = 0; j < T; j++) {
        vf m[T], column[3];
        for (int i = 0; i < T; i++) m[i] = load(sum + (i * T + j) * step);
        taps6(m, column);
        for (int i = 0; i < 3; i++) mid[i][j] = column[i];
    }
    for (int i = 0; i < 3; i++) {
        vf row[3];
        taps6(mid[i], row);
        for (int j = 0; j < 3; j++) {
            float *to = dw + (i * 3 + j) * tap;
            store_some(to, load_some(to, n) + row[j], n);
        }
    }
}

/* One row of a panel of S: one channel of ci. */
static void add_row(const fl_conv *g, const shape *s, size_t r, const float *sum, float *dw) {
    int depth = s->blocks * VW, panel = (int)(r / depth), c = (int)(r % depth);
    if (c >= g->ci) return;
    for (int o = panel * NR; o < min_int(g->co, panel * NR + NR); o += VW)
        add_taps(sum + r * NR + o % NR, s->s_step, min_int(VW, g->co - o),
                 dw + (size_t)c * g->co + o, (size_t)g->ci * g->co);
}

/* ---- the algorithm ---- */

static bool fits(const fl_conv *g) {
    return g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1;
}

static size_t work(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows);
    return TT * (s.v_step + s.w_step + s.s_step);
}

/* A chunk of n tiles, by all threads of the region that this is called in. */
static void run_chunk(const fl_conv *g, const shape *s, const float *x, const float *dy,
                      size_t first, size_t n, float *v, float *w, float *sum) {
#pragma omp for schedule(static)
    for (size_t i = 0; i < n; i++) {
        tile t = tile_at(s->tiles, first + i);
        input_tile(g, s, x, t, v + i * VW);
        gradient_tile(g, s, dy, t, w + i * NR);
    }
    int tasks = TT * s->panels;
#pragma omp for schedule(static)
    for (int i = 0; i < tasks; i++) {
        int f = i / s->panels, p = i % s->panels;
        multiply_panel(s, n, v + f * s->v_step, w + f * s->w_step + (size_t)p * s->most * NR,
                       sum + f * s->s_step + (size_t)p * s->blocks * VW * NR, first > 0);
    }
}

static void run(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                float *scratch) {
    shape s = shape_of(g, rows);
    float *v = scratch, *w = v + TT * s.v_step, *sum = w + TT * s.w_step;
    size_t tiles = tiles_in(s.tiles, rows), lines = (size_t)s.panels * s.blocks * VW;
    if (tiles == 0) return;
#pragma omp parallel
    {
        for (size_t first = 0; first < tiles; first += s.most)
            run_chunk(g, &s, x, dy, first, min_size(s.most, tiles - first), v, w, sum);
#pragma omp for schedule(static)
        for (size_t r = 0; r < lines; r++) add_row(g, &s, r, sum, dw);
    }
}

static double cost(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows);
    double tiles = (double)tiles_in(s.tiles, rows), ci = s.blocks * VW, co = s.panels * NR;
    double chunks = tiles / (double)s.most + 1;
    return TT * (tiles * ci * co * 2e-11 + tiles * (ci + co) * 12e-11 + chunks * ci * co * 4e-10);
}

const fl_conv_dw_algo FL_ISA(fl_conv_dw_winograd4) = {
    .name = "winograd4",
    .fits = fits,
    .work = work,
    .run = run,
    .cost = cost,
};
