/* winograd_tile.h: two-dimensional transforms of F(M×M, 3×3), where M is 4 or 7, for one vector of
 * channels: of a tile of x, of dy, of the weights, and back. T = M + 2 points a side; a frequency
 * is `step` floats from the next. */
#ifndef FROSTLINE_KERNEL_ISA_WINOGRAD_TILE_H
#define FROSTLINE_KERNEL_ISA_WINOGRAD_TILE_H

#include "kernel/isa/tiles.h"
#include "kernel/isa/winograd.h"

#if M == 4
#define input1      input6
#define weights1    weights6
#define weight_rows weight_rows6
#define output1     output6
#define gradient1   gradient6
#define taps1       taps6
#else
#define input1      input9
#define weights1    weights9
#define weight_rows weight_rows9
#define output1     output9
#define gradient1   gradient9
#define taps1       taps9
#endif

enum { T = M + 2, TT = T * T, PAD = VW };

/* Asks for what the tile to the right will read. */
INLINE void prefetch_column(const float *x, size_t line) {
    UNROLL
    for (int i = 0; i < T; i++) __builtin_prefetch(x + i * line);
}

/* v = Bᵀ x B of a window (T, T) of x */
INLINE void input_tile(const float *x, size_t line, size_t pixel, float *v, size_t step,
                       size_t next) {
    vf mid[T][T];
    ROLLED
    for (int j = 0; j < T; j++) {
        vf d[T], column[T];
        UNROLL
        for (int i = 0; i < T; i++) d[i] = load(x + i * line + j * pixel);
        if (j >= T - M) prefetch_column(x + (j + M) * pixel, line);
        input1(d, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][j] = column[i];
    }
    ROLLED
    for (int i = 0; i < T; i++) {
        vf row[T];
        input1(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) {
            float *to = v + (i * T + j) * step;
            store(to, row[j]);
            __builtin_prefetch(to + next, 1);
        }
    }
}

/* The same for all channels of a tile of x, to v + block * block_step. */
static inline void input_tiles(const fl_conv *g, const float *x, tile t, float *v,
                               size_t block_step, size_t step) {
    window d = window_at(x + (size_t)t.n * g->h * g->w * g->ci, g->h, g->w, g->ci, t.oy - g->top,
                         t.ox - g->left, T);
    float edge[TT * VW];
    for (int c = 0; c < g->ci; c += VW, v += block_step) {
        int n = min_int(VW, g->ci - c);
        if (d.whole && n == VW) {
            input_tile(d.at + c, d.line, d.pixel, v, step, block_step);
        } else {
            window_copy(&d, T, d.at + c, n, edge);
            input_tile(edge, T * VW, VW, v, step, block_step);
        }
    }
}

/* u = G w Gᵀ of taps (3, 3) */
INLINE void weights_tile(const float *w, size_t tap, float *u, size_t step) {
    vf mid[T][3];
    ROLLED
    for (int x = 0; x < 3; x++) {
        vf g[3], column[T];
        UNROLL
        for (int y = 0; y < 3; y++) g[y] = load(w + (y * 3 + x) * tap);
        weights1(g, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][x] = column[i];
    }
    ROLLED
    for (int i = 0; i < T; i++) {
        vf row[T];
        weights1(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) store(u + (i * T + j) * step, row[j]);
    }
}

/* Row i of the same, T frequencies. */
INLINE void weights_row(const float *w, size_t tap, int i, float *u, size_t step) {
    const float a = weight_rows[i][0], b = weight_rows[i][1], c = weight_rows[i][2];
    vf g[3], row[T];
    UNROLL
    for (int x = 0; x < 3; x++)
        g[x] = a * load(w + x * tap) + (b * load(w + (3 + x) * tap) + c * load(w + (6 + x) * tap));
    weights1(g, row);
    UNROLL
    for (int j = 0; j < T; j++) store(u + j * step, row[j]);
}

/* The first half of y = Aᵀ p A: the rows of mid are yet to be transformed by output1. */
INLINE void output_columns(const float *p, size_t step, vf mid[M][T]) {
    ROLLED
    for (int j = 0; j < T; j++) {
        vf m[T], column[M];
        UNROLL
        for (int i = 0; i < T; i++) m[i] = load(p + (i * T + j) * step);
        output1(m, column);
        UNROLL
        for (int i = 0; i < M; i++) mid[i][j] = column[i];
    }
}

/* w = G dy Gᵀ of a tile (M, M) of dy, for the gradient of weights */
INLINE void gradient_tile(const float *dy, size_t line, size_t pixel, float *w, size_t step,
                          size_t next) {
    vf mid[T][M];
    ROLLED
    for (int j = 0; j < M; j++) {
        vf d[M], column[T];
        UNROLL
        for (int i = 0; i < M; i++) d[i] = load(dy + i * line + j * pixel);
        prefetch_column(dy + (j + M) * pixel, line);
        gradient1(d, column);
        UNROLL
        for (int i = 0; i < T; i++) mid[i][j] = column[i];
    }
    ROLLED
    for (int i = 0; i < T; i++) {
        vf row[T];
        gradient1(mid[i], row);
        UNROLL
        for (int j = 0; j < T; j++) {
            float *to = w + (i * T + j) * step;
            store(to, row[j]);
            __builtin_prefetch(to + next, 1);
        }
    }
}

/* taps = Aᵀ s A */
INLINE void taps_tile(const float *s, size_t step, vf taps[9]) {
    vf mid[3][T];
    ROLLED
    for (int j = 0; j < T; j++) {
        vf m[T], column[3];
        UNROLL
        for (int i = 0; i < T; i++) m[i] = load(s + (i * T + j) * step);
        taps1(m, column);
        UNROLL
        for (int i = 0; i < 3; i++) mid[i][j] = column[i];
    }
    UNROLL
    for (int i = 0; i < 3; i++) taps1(mid[i], taps + 3 * i);
}

#endif
