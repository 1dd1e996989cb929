/* implicit.c: a convolution of any window as a product: the windows of some target pixels are
 * rounded to bfloat16 as rows of A, multiplied with all panels of weights, and forgotten.
 *   A (pixels / MR, depth / VW, MR, VW)   B (co / NR, depth / 2, NR, 2)
 * The depth is (kh, kw, ci), ci filled up with zeros to whole vectors. */
#include <omp.h>

#include "kernel/bf16/bf16.h"

enum { A_BYTES = 512 << 10, MOST_SUBS = 8 };

typedef struct shape {
    int blocks, depth, panels; /* vectors of ci; of the product; panels of NR of co */
    int subs;                  /* row blocks (of MR pixels) of a group */
    size_t pixels, groups;
} shape;

static shape shape_of(const fl_conv *g, int rows, int threads) {
    shape s = {.blocks = ceil_div(g->ci, VW), .panels = ceil_div(g->co, NR)};
    s.depth = g->kh * g->kw * s.blocks * VW;
    s.pixels = (size_t)rows * g->oh * g->ow;
    size_t bytes = (size_t)s.depth * MR * sizeof(bf16);
    size_t most = max_size(1, min_size(MOST_SUBS, A_BYTES / bytes));
    size_t share = (s.pixels + (size_t)MR * threads - 1) / ((size_t)MR * threads);
    s.subs = (int)max_size(1, min_size(most, share));
    s.groups = (s.pixels + (size_t)s.subs * MR - 1) / ((size_t)s.subs * MR);
    return s;
}

static size_t group_floats(const shape *s) {
    return floats_of((size_t)s->subs * MR * s->depth) + MR * NR;
}

/* ---- weights ---- */

static size_t packed(const fl_conv *g) {
    shape s = shape_of(g, 1, 1);
    return floats_of((size_t)s.panels * s.depth * NR);
}

/* Channels c and c + 1 of one tap, w (ci, co), of one panel. */
static void pack_pair(const fl_conv *g, const float *w, int panel, int c, bf16 *to) {
    for (int o = panel * NR; o < panel * NR + NR; o += VW, to += 2 * VW) {
        int n = min_int(VW, max_int(0, g->co - o));
        vf v[2] = {{0}};
        for (int i = 0; i < 2 && n > 0 && c + i < g->ci; i++)
            v[i] = load_some(w + (size_t)(c + i) * g->co + o, n);
        store_pairs(to, v[0], v[1]);
    }
}

static void pack(const fl_conv *g, const float *w, float *to) {
    shape s = shape_of(g, 1, 1);
    int couples = s.blocks * VW / 2;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < s.panels * s.depth / 2; i++) {
        int panel = i / (s.depth / 2), k = i % (s.depth / 2), tap = k / couples;
        pack_pair(g, w + (size_t)tap * g->ci * g->co, panel, k % couples * 2,
                  (bf16 *)to + (size_t)i * 2 * NR);
    }
}

/* ---- windows ---- */

/* ci channels of one source pixel, or zeros, into row r of the blocks at `to`. */
static void gather_pixel(const fl_conv *g, const float *x, bf16 *to) {
    for (int c = 0; c < g->ci; c += VW, to += MR * VW) {
        int n = min_int(VW, g->ci - c);
        store_bf16(to, !x ? (vf){0} : n == VW ? load(x + c) : load_some(x + c, n));
    }
}

static void gather_window(const fl_conv *g, const shape *s, const float *x, size_t pixel,
                          bf16 *to) {
    int ox = (int)(pixel % g->ow), oy = (int)(pixel / g->ow % g->oh);
    const float *image = x + pixel / g->ow / g->oh * g->h * g->w * g->ci;
    for (int ky = 0; ky < g->kh; ky++)
        for (int kx = 0; kx < g->kw; kx++, to += (size_t)s->blocks * MR * VW) {
            int iy = oy * g->sh - g->top + ky, ix = ox * g->sw - g->left + kx;
            bool inside = iy >= 0 && iy < g->h && ix >= 0 && ix < g->w;
            gather_pixel(g, inside ? image + ((size_t)iy * g->w + ix) * g->ci : NULL, to);
        }
}

/* ---- targets ---- */

/* n channels, from o on, of one target pixel. */
static void finish(const fl_epilogue *e, int o, int n, const float *sum, float *y) {
    for (int i = 0; i < n; i += VW) {
        int lanes = min_int(VW, n - i);
        vf v = load(sum + i);
        if (e->accumulate) v += load_some(y + i, lanes);
        if (e->bias) v += load_some(e->bias + o + i, lanes);
        if (e->activation != FL_CONV_LINEAR) v = vmax((vf){0}, v);
        if (e->activation == FL_CONV_RELU6) v = vmin(splat(6), v);
        store_some(y + i, v, lanes);
    }
}

static void run_group(const fl_conv *g, const shape *s, const float *x, const bf16 *b,
                      const fl_epilogue *e, size_t first, int n, float *y, float *scratch) {
    bf16 *a = (bf16 *)scratch;
    float *sum = scratch + floats_of((size_t)s->subs * MR * s->depth);
    for (int i = 0; i < n; i++)
        gather_window(g, s, x, first + i, a + (size_t)(i / MR) * s->depth * MR + i % MR * VW);
    for (int o = 0; o < g->co; o += NR, b += (size_t)s->depth * NR)
        for (int i = 0; i < n; i += MR) {
            int some = min_int(MR, n - i);
            micro_bf16(some, s->depth / VW, a + (size_t)i * s->depth, b, sum);
            for (int r = 0; r < some; r++)
                finish(e, o, min_int(NR, g->co - o), sum + r * NR, y + (first + i + r) * g->co + o);
        }
}

/* ---- the algorithm ---- */

static bool fits(const fl_conv *g, const fl_epilogue *e) {
    (void)g;
    return e->activation <= FL_CONV_RELU6 && e->pool == 1;
}

static size_t work(const fl_conv *g, int rows) {
    size_t most = 0;
    for (int threads = 1; threads <= omp_get_max_threads(); threads++) {
        shape s = shape_of(g, rows, threads);
        most = max_size(most, group_floats(&s) * threads);
    }
    return most;
}

static void run(const fl_conv *g, int rows, const float *x, const float *b, const fl_epilogue *e,
                float *y, float *scratch) {
    int threads = omp_get_max_threads();
    shape s = shape_of(g, rows, threads);
    size_t group = (size_t)s.subs * MR;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < s.groups; i++)
        run_group(g, &s, x, (const bf16 *)b, e, i * group,
                  (int)min_size(group, s.pixels - i * group), y,
                  scratch + group_floats(&s) * omp_get_thread_num());
}

/* Products, windows, targets (by measurement). */
static double cost(const fl_conv *g, int rows) {
    shape s = shape_of(g, rows, 1);
    double co = s.panels * NR, pixels = (double)s.pixels;
    return pixels * (s.depth * (co * 1e-11 + 6e-11) + co * 8e-11);
}

const fl_conv_algo fl_conv_implicit_bf16 = {
    .name = "implicit_bf16",
    .fits = fits,
    .packed = packed,
    .pack = pack,
    .work = work,
    .run = run,
    .cost = cost,
};
