/* winograd_dw.h: the body of winograd4_dw.c and winograd7_dw.c, which define M: the weight gradient
 * of a 3×3 convolution by F(3×3, M×M): the 3×3 taps are the correlation of a T×T tile of x with the
 * M×M tile of dy above it. In the frequencies the sum over tiles is a matrix product for each:
 *   V (T², ci / VW, tiles, VW) = Bᵀ x B     W (T², co / NR, tiles, NR) = G dy Gᵀ
 *   S (T², ci, co)             = Vᵀ W       dw += Aᵀ S A
 * It goes by chunks of tiles whose V and W stay in the last cache. All threads transform the tiles
 * of a chunk and then share S by blocks, each of which is transformed back while it is in the
 * thread's cache. The order of every sum is fixed by the chunks. */
#include <omp.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/micro.h"
#include "kernel/isa/winograd_tile.h"

enum { BLOCK = VW == 16 ? 8 : 4, CHUNK_BYTES = 10 << 20, SPAN_BYTES = 640 << 10 };

typedef struct shape {
    tiling tiles;
    int blocks, panels;            /* vectors of ci, panels of NR of co */
    int span;                      /* vectors of ci of a block of S */
    size_t most;                   /* tiles of a chunk */
    size_t v_step, w_step, s_step; /* floats from a frequency of V, W, S to the next */
} shape;

static size_t chunk_of(const shape *s, size_t tiles) {
    size_t bytes = (size_t)TT * (s->blocks * VW + s->panels * NR) * sizeof(float);
    size_t most = max_size(32, CHUNK_BYTES / bytes);
    size_t chunks = max_size(1, (tiles + most - 1) / most);
    return max_size(1, (tiles + chunks - 1) / chunks);
}

static shape shape_of(const fl_conv *g, int rows) {
    shape s = {
        .tiles = tiling_of(g, M), .blocks = ceil_div(g->ci, VW), .panels = ceil_div(g->co, NR)};
    s.most = chunk_of(&s, tiles_in(s.tiles, rows));
    s.span = max_int(1, min_int(s.blocks, SPAN_BYTES / (TT * VW * NR * (int)sizeof(float))));
    s.v_step = s.most * s.blocks * VW + PAD;
    s.w_step = s.most * s.panels * NR + PAD;
    s.s_step = (size_t)s.span * VW * NR + PAD;
    return s;
}

static void gradient_tiles(const fl_conv *g, const shape *s, const float *dy, tile t, float *w) {
    window d =
        window_at(dy + (size_t)t.n * g->oh * g->ow * g->co, g->oh, g->ow, g->co, t.oy, t.ox, M);
    float edge[M * M * VW];
    for (int b = 0; b < 2 * s->panels; b++) {
        int n = max_int(0, min_int(VW, g->co - b * VW));
        float *to = w + (size_t)(b / 2) * s->most * NR + b % 2 * VW;
        if (d.whole && n == VW) {
            gradient_tile(d.at + b * VW, d.line, d.pixel, to, s->w_step, s->most * NR);
        } else {
            window_copy(&d, M, n ? d.at + b * VW : d.at, n, edge);
            gradient_tile(edge, M * VW, VW, to, s->w_step, s->most * NR);
        }
    }
}

/* ---- product ---- */

/* sum (BLOCK, 2 VW) = Σ over n tiles of a (tiles, VW), its first BLOCK columns, times b (tiles,
 * NR). */
INLINE void sum_tiles(size_t n, const float *a, size_t next, const float *b, vf sum[BLOCK][2]) {
    UNROLL
    for (int r = 0; r < BLOCK; r++) sum[r][0] = sum[r][1] = (vf){0};
#pragma GCC unroll 4
    for (; n > 0; n--, a += VW, b += NR) {
        vf b0 = load(b), b1 = load(b + VW);
        __builtin_prefetch(a + next);
        UNROLL
        for (int r = 0; r < BLOCK; r++) {
            vf x = splat(a[r]);
            sum[r][0] += x * b0;
            sum[r][1] += x * b1;
        }
    }
}

/* c (BLOCK, NR) = that. */
static void put_products(size_t n, const float *a, size_t next, const float *b, float *c) {
    for (size_t i = 0; i < n; i += PART) {
        vf sum[BLOCK][2];
        sum_tiles(min_size(PART, n - i), a + i * VW, next, b + i * NR, sum);
        UNROLL
        for (int r = 0; r < BLOCK; r++) {
            store_sum(c + r * NR, sum[r][0], i > 0);
            store_sum(c + r * NR + VW, sum[r][1], i > 0);
        }
    }
}

/* ---- the algorithm ---- */

typedef struct call {
    const fl_conv *g;
    const float *x, *dy;
    float *dw, *v, *w, *sums; /* a block of sums for each thread */
    shape s;
} call;

static void transform(const call *c, size_t first, size_t i) {
    const shape *s = &c->s;
    tile t = tile_at(s->tiles, first + i);
    input_tiles(c->g, c->x, t, c->v + i * VW, s->most * VW, s->v_step);
    gradient_tiles(c->g, s, c->dy, t, c->w + i * NR);
}

/* Blocks low ≤ b < high of ci by a panel of co, of n tiles: sum (T², (high - low) VW, NR). */
static void multiply(const call *c, size_t n, int low, int high, int panel, float *sum) {
    const shape *s = &c->s;
    for (int f = 0; f < TT; f++) {
        const float *v = c->v + f * s->v_step + low * s->most * VW;
        const float *w = c->w + f * s->w_step + panel * s->most * NR;
        float *to = sum + f * s->s_step;
        for (int b = low; b < high; b++, v += s->most * VW)
            for (int r = 0; r < VW; r += BLOCK, to += BLOCK * NR)
                put_products(n, v + r, s->most * VW, w, to);
    }
}

/* Adds one channel of ci of a panel of sums to dw. What comes two channels later is asked for: it
 * lies in nine distant places. */
static void add_taps(const fl_conv *g, const shape *s, const float *sum, int channel, int panel,
                     float *dw) {
    size_t tap = (size_t)g->ci * g->co;
    dw += (size_t)channel * g->co;
    for (int o = panel * NR; o < min_int(g->co, panel * NR + NR); o += VW, sum += VW) {
        int n = min_int(VW, g->co - o);
        float *to = dw + o;
        vf taps[9];
        for (int t = 0; t < 9; t++) __builtin_prefetch(to + t * tap + 2 * g->co, 1);
        taps_tile(sum, s->s_step, taps);
        for (int t = 0; t < 9; t++, to += tap) store_some(to, load_some(to, n) + taps[t], n);
    }
}

static void run_block(const call *c, size_t n, int low, int panel, float *sum) {
    int high = min_int(c->s.blocks, low + c->s.span);
    multiply(c, n, low, high, panel, sum);
    for (int channel = low * VW; channel < min_int(c->g->ci, high * VW); channel++)
        add_taps(c->g, &c->s, sum + (size_t)(channel - low * VW) * NR, channel, panel, c->dw);
}

static bool fits(const fl_conv *g) {
    return g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1;
}

static size_t work(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows);
    return TT * (s.v_step + s.w_step + s.s_step * omp_get_max_threads());
}

/* A chunk of n tiles, by all threads of the region that this is called in. */
static void run_chunk(const call *c, size_t first, size_t n) {
    const shape *s = &c->s;
    float *sum = c->sums + TT * s->s_step * omp_get_thread_num();
#pragma omp for schedule(static)
    for (size_t i = 0; i < n; i++) transform(c, first, i);
    int tasks = ceil_div(s->blocks, s->span) * s->panels;
#pragma omp for schedule(dynamic)
    for (int i = 0; i < tasks; i++) run_block(c, n, i / s->panels * s->span, i % s->panels, sum);
}

static void run(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                float *scratch) {
    call c = {g, x, dy, dw, scratch, NULL, NULL, shape_of(g, rows)};
    c.w = c.v + TT * c.s.v_step;
    c.sums = c.w + TT * c.s.w_step;
    size_t tiles = tiles_in(c.s.tiles, rows);
#pragma omp parallel
    for (size_t first = 0; first < tiles; first += c.s.most)
        run_chunk(&c, first, min_size(c.s.most, tiles - first));
}

/* Products; transforms, and taps, by measurement. */
static double cost(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows);
    double tiles = (double)tiles_in(s.tiles, rows), ci = s.blocks * VW, co = s.panels * NR;
    double chunks = tiles / (double)s.most + 1;
    return TT * (tiles * ci * co * 2e-11 + tiles * (ci + co) * 5e-10 + chunks * ci * co * 1.5e-10);
}

#define ALGORITHM(text)                                                                            \
    { .name = text, .fits = fits, .work = work, .run = run, .cost = cost }
