/* winograd_forward.h: the body of winograd4.c and winograd7.c, F(M×M, 3×3), which define M.
 *
 * For each group of tiles
 *   V (T², tiles / MR, ci / VW, MR, VW) = transformed input
 *   P (T², tiles, NR)                   = V * U, one matrix product a frequency
 *   y                                   = transformed back, with bias, activation and pooling
 * with U (T², ci, NR) the transformed weights of a panel of NR output channels. There are two ways:
 *
 * - Small weights are kept transformed; groups are small and each is one thread's, so that V, P and
 *   a panel of U stay in the second-level cache.
 * - Large ones would come from memory, T² / 9 times as many floats as the weights have. They are
 *   transformed where they are used, a panel at a time, for a group as large as the last cache
 *   takes; all threads transform its input and then share the panels.
 *
 * Channels are padded with zeros to the vector (ci) and to NR (co). */
#include <omp.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/micro.h"
#include "kernel/isa/winograd_output.h"
#include "kernel/isa/winograd_weights.h"

enum {
    OWN_BYTES = 1200 << 10, /* of V where each thread has its own: of the second-level cache */
    SHARED_BYTES = 11 << 20 /* of V where all threads share it: of the last */
};

typedef struct shape {
    tiling tiles;
    bool kept;
    int blocks, panels;            /* vectors of ci, panels of NR of co */
    int group;                     /* tiles of a group */
    size_t u_step, v_step, p_step; /* floats from a frequency of U, of V, of P to the next */
} shape;

static size_t v_bytes(const shape *s) { /* of a row block */
    return (size_t)TT * s->blocks * VW * MR * sizeof(float);
}

/* As many row blocks as there is cache for, but few tiles are dealt evenly, and to all threads. */
static void cut_apart(shape *s, size_t tiles, int threads) {
    size_t most = max_size(1, min_size(4, OWN_BYTES / v_bytes(s))) * MR;
    size_t groups = (tiles + most - 1) / most;
    if (groups < (size_t)(4 * threads)) groups = (groups + threads - 1) / threads * threads;
    size_t n = groups ? (tiles + groups - 1) / groups : 1;
    int square = s->tiles.pair * s->tiles.pair;
    s->group = ceil_div((int)n, square) * square;
}

static void cut_together(shape *s, size_t tiles) {
    size_t most = max_size(4 * MR, SHARED_BYTES * MR / v_bytes(s));
    size_t groups = max_size(1, (tiles + most - 1) / most);
    int square = s->tiles.pair * s->tiles.pair;
    s->group = max_int(1, ceil_div((int)((tiles + groups - 1) / groups), square)) * square;
}

static shape shape_of(const fl_conv *g, int rows, int pool, int threads) {
    shape s = {.tiles = tiling_of_squares(g, M, pool), .kept = is_kept(g)};
    size_t tiles = tiles_in(s.tiles, rows);
    s.blocks = ceil_div(g->ci, VW);
    s.panels = ceil_div(g->co, NR);
    if (s.kept)
        cut_apart(&s, tiles, threads);
    else
        cut_together(&s, tiles);
    s.u_step = weight_step(g);
    s.v_step = (size_t)ceil_div(s.group, MR) * s.blocks * MR * VW + PAD;
    s.p_step = (size_t)ceil_div(s.group, MR) * MR * NR + PAD;
    return s;
}

/* ---- product ---- */

static void multiply(const shape *s, int count, const float *v, const float *u, int n, float *p) {
    for (int f = 0; f < count; f++, v += s->v_step, u += s->u_step, p += s->p_step)
        for (int i = 0; i < n; i += MR)
            micro(min_int(MR, n - i), s->blocks, v + (size_t)i * s->blocks * VW, u,
                  p + (size_t)i * NR, NR);
}

/* ---- the algorithm ---- */

typedef struct call {
    const fl_conv *g;
    const fl_epilogue *e;
    const float *x, *packed;
    float *y;
    shape s;
    size_t tiles;
} call;

static void transform(const call *c, size_t first, int i, float *v) {
    const shape *s = &c->s;
    v += (size_t)(i / MR) * s->blocks * MR * VW + (size_t)(i % MR) * VW;
    input_tiles(c->g, c->x, tile_at(s->tiles, first + i), v, MR * VW, s->v_step);
}

static int group_size(const call *c, size_t first) {
    return (int)min_size(c->s.group, c->tiles - first);
}

static void put_panel(const call *c, size_t first, int n, int panel, const float *p) {
    int square = c->s.tiles.pair * c->s.tiles.pair;
    for (int i = 0; i < n; i += square)
        output(c->g, c->e, p + (size_t)i * NR, c->s.p_step, tile_at(c->s.tiles, first + i),
               panel * NR, c->y);
}

static void run_apart(const call *c, int threads, float *scratch) {
    const shape *s = &c->s;
    size_t own = TT * (s->v_step + s->p_step), groups = (c->tiles + s->group - 1) / s->group;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t k = 0; k < groups; k++) {
        size_t first = k * s->group;
        int n = group_size(c, first);
        float *v = scratch + own * omp_get_thread_num(), *p = v + TT * s->v_step;
        for (int i = 0; i < n; i++) transform(c, first, i, v);
        for (int panel = 0; panel < s->panels; panel++) {
            multiply(s, TT, v, c->packed + panel * TT * s->u_step, n, p);
            put_panel(c, first, n, panel, p);
        }
    }
}

/* Row i of the frequencies of a panel: its weights, in u, and its products. */
static void multiply_row(const call *c, int i, int n, const float *raw, const float *v, float *u,
                         float *p) {
    const shape *s = &c->s;
    for (int k = 0; k < s->blocks * VW; k++, raw += 9 * NR)
        for (int half = 0; half < NR; half += VW)
            weights_row(raw + half, NR, i, u + (size_t)k * NR + half, s->u_step);
    multiply(s, T, v + i * T * s->v_step, u, n, p + i * T * s->p_step);
}

static void run_together(const call *c, int threads, float *scratch) {
    const shape *s = &c->s;
    size_t raw = (size_t)s->blocks * VW * 9 * NR, own = T * s->u_step + TT * s->p_step;
    float *v = scratch;
#pragma omp parallel num_threads(threads)
    for (size_t first = 0; first < c->tiles; first += s->group) {
        int n = group_size(c, first);
        float *u = v + TT * s->v_step + own * omp_get_thread_num(), *p = u + T * s->u_step;
#pragma omp for schedule(static)
        for (int i = 0; i < n; i++) transform(c, first, i, v);
#pragma omp for schedule(dynamic)
        for (int panel = 0; panel < s->panels; panel++) {
            for (int i = 0; i < T; i++) multiply_row(c, i, n, c->packed + panel * raw, v, u, p);
            put_panel(c, first, n, panel, p);
        }
    }
}

static void pack(const fl_conv *g, const float *w, float *to) {
    pack_from(gather_forward, g, w, to);
}

static bool fits(const fl_conv *g, const fl_epilogue *e) {
    return g->kh == 3 && g->kw == 3 && g->sh == 1 && g->sw == 1 && e->activation <= FL_CONV_RELU6 &&
           (e->pool == 1 || e->pool == 2);
}

static size_t work(const fl_conv *g, int rows) {
    size_t most = 0;
    for (int threads = 1; threads <= omp_get_max_threads(); threads++)
        for (int pool = 1; pool <= 2; pool++) {
            shape s = shape_of(g, rows, pool, threads);
            size_t own = TT * s.p_step + (s.kept ? TT * s.v_step : T * s.u_step);
            most = max_size(most, own * threads + (s.kept ? 0 : TT * s.v_step));
        }
    return most;
}

static void run(const fl_conv *g, int rows, const float *x, const float *u, const fl_epilogue *e,
                float *y, float *scratch) {
    int threads = omp_get_max_threads();
    call c = {g, e, x, u, y, shape_of(g, rows, e->pool, threads), 0};
    c.tiles = tiles_in(c.s.tiles, rows);
    (c.s.kept ? run_apart : run_together)(&c, threads, scratch);
}

/* Products; transforms, and those of weights for each group, by measurement. */
static double cost(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows, 1, 1);
    double tiles = (double)tiles_in(s.tiles, rows), ci = s.blocks * VW, co = s.panels * NR;
    double groups = s.kept ? 0 : tiles / s.group + 1;
    return TT *
           (tiles * ci * co * 2e-11 + tiles * (ci * 5e-10 + co * 2e-10) + groups * ci * co * 2e-10);
}

/* ---- backward data ---- */

static bool fits_back(const fl_conv *g, const fl_epilogue *e) {
    fl_conv h;
    return fits(g, e) && e->pool == 1 && fl_conv_adjoint(g, &h);
}

static fl_conv adjoint(const fl_conv *g) {
    fl_conv h;
    fl_conv_adjoint(g, &h);
    return h;
}

static size_t packed_back(const fl_conv *g) {
    fl_conv h = adjoint(g);
    return packed(&h);
}

static void pack_back(const fl_conv *g, const float *w, float *to) {
    fl_conv h = adjoint(g);
    pack_from(gather_backward, &h, w, to);
}

static size_t work_back(const fl_conv *g, int rows) {
    fl_conv h = adjoint(g);
    return work(&h, rows);
}

static void run_back(const fl_conv *g, int rows, const float *dy, const float *u,
                     const fl_epilogue *e, float *dx, float *scratch) {
    fl_conv h = adjoint(g);
    run(&h, rows, dy, u, e, dx, scratch);
}

static double cost_back(const fl_conv *g, int rows) {
    fl_conv h = adjoint(g);
    return cost(&h, rows);
}

#define ALGORITHM(text)                                                                            \
    {                                                                                              \
        .name = text, .fits = fits, .packed = packed, .pack = pack, .work = work, .run = run,      \
        .cost = cost                                                                               \
    }
#define ALGORITHM_BACK(text)                                                                       \
    {                                                                                              \
        .name = text, .fits = fits_back, .packed = packed_back, .pack = pack_back,                 \
        .work = work_back, .run = run_back, .cost = cost_back                                      \
    }
