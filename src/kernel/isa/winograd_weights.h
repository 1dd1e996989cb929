/* winograd_weights.h: the weights of winograd_forward.h, which are packed in panels of NR output
 * channels, padded with zeros to NR and to whole vectors of input channels (depth):
 *   kept   (T², depth, NR), transformed
 *   others (depth, 9, NR), taps side by side, to be transformed where they are used */
#ifndef FROSTLINE_KERNEL_ISA_WINOGRAD_WEIGHTS_H
#define FROSTLINE_KERNEL_ISA_WINOGRAD_WEIGHTS_H

#include "kernel/isa/winograd_tile.h"

enum { KEPT_BYTES = 6 << 20 /* of transformed weights, at most: a share of the last cache */ };

static bool is_kept(const fl_conv *g) {
    return (size_t)TT * g->ci * g->co * sizeof(float) <= KEPT_BYTES;
}

static int depth_of(const fl_conv *g) {
    return ceil_div(g->ci, VW) * VW;
}

/* Floats from a frequency to the next. The padding keeps them off each other's cache sets. */
static size_t weight_step(const fl_conv *g) {
    return (size_t)depth_of(g) * NR + PAD;
}

static size_t panel_floats(const fl_conv *g) {
    return is_kept(g) ? TT * weight_step(g) : (size_t)depth_of(g) * 9 * NR;
}

static size_t packed(const fl_conv *g) {
    return panel_floats(g) * ceil_div(g->co, NR);
}

/* The taps of VW input channels from c on and NR output channels from o on, to (VW, 9, NR), which
 * is zero where there is no channel: what differs between forward and backward. */
typedef void gather(const fl_conv *g, const float *w, int c, int o, float *to);

/* w (3, 3, ci, co) */
static void gather_forward(const fl_conv *g, const float *w, int c, int o, float *to) {
    int n = min_int(NR, g->co - o), rows = min_int(VW, g->ci - c);
    for (int i = 0; i < rows; i++)
        for (int t = 0; t < 9; t++, to += NR)
            memcpy(to, w + ((size_t)t * g->ci + c + i) * g->co + o, (size_t)n * sizeof *to);
}

/* g is the adjoint geometry: w (3, 3, co, ci) is turned and transposed on the way. */
static void gather_backward(const fl_conv *g, const float *w, int c, int o, float *to) {
    int n = min_int(NR, g->co - o), rows = min_int(VW, g->ci - c);
    for (int t = 0; t < 9; t++)
        for (int j = 0; j < n; j++) {
            const float *from = w + ((size_t)(8 - t) * g->co + o + j) * g->ci + c;
            for (int i = 0; i < rows; i++) to[(i * 9 + t) * NR + j] = from[i];
        }
}

/* What gather left, transformed, to rows of u (T², depth, NR). */
static void transform_block(const float *taps, float *u, size_t step) {
    for (int i = 0; i < VW; i++)
        for (int half = 0; half < NR; half += VW)
            weights_tile(taps + i * 9 * NR + half, NR, u + i * NR + half, step);
}

static void pack_block(gather *from, const fl_conv *g, const float *w, int c, int o, float *panel) {
    enum { TAPS = VW * 9 * NR };
    float local[TAPS], *taps = is_kept(g) ? local : panel + (size_t)c * 9 * NR;
    bool whole = g->ci - c >= VW && g->co - o >= NR;
    if (!whole) memset(taps, 0, TAPS * sizeof *taps);
    from(g, w, c, o, taps);
    if (is_kept(g)) transform_block(taps, panel + (size_t)c * NR, weight_step(g));
}

static void pack_from(gather *from, const fl_conv *g, const float *w, float *to) {
#pragma omp parallel for schedule(static) collapse(2)
    for (int o = 0; o < g->co; o += NR)
        for (int c = 0; c < g->ci; c += VW)
            pack_block(from, g, w, c, o, to + o / NR * panel_floats(g));
}

#endif
