/* tiles.h: the output of a convolution cut into square tiles, and the input that belongs to each.
 */
#ifndef FROSTLINE_KERNEL_ISA_TILES_H
#define FROSTLINE_KERNEL_ISA_TILES_H

#include "kernel/isa/vec.h"

enum { TILE_MAX = 8 };

typedef struct tiling {
    int size;         /* output pixels of a tile's side */
    int pair;         /* tiles of a square's side: a square's tiles have neighbouring numbers */
    int across, down; /* squares of a row of the batch */
} tiling;

typedef struct tile {
    int n, oy, ox; /* row of the batch, first output pixel */
} tile;

static inline tiling tiling_of_squares(const fl_conv *g, int size, int pair) {
    return (tiling){size, pair, ceil_div(g->ow, size * pair), ceil_div(g->oh, size * pair)};
}
static inline tiling tiling_of(const fl_conv *g, int size) {
    return tiling_of_squares(g, size, 1);
}
static inline size_t tiles_in(tiling s, int rows) {
    return (size_t)rows * s.down * s.across * s.pair * s.pair;
}
static inline tile tile_at(tiling s, size_t i) {
    int in = (int)(i % (s.pair * s.pair));
    size_t square = i / (s.pair * s.pair);
    return (tile){(int)(square / s.across / s.down),
                  ((int)(square / s.across % s.down) * s.pair + in / s.pair) * s.size,
                  ((int)(square % s.across) * s.pair + in % s.pair) * s.size};
}

/* A square of side `side` in an image (h, w, c) whose first pixel is (y, x); the image may end
 * inside. */
typedef struct window {
    const float *at;    /* where (y, x) is or would be */
    fl_taps rows, cols; /* what lies in the image */
    size_t line, pixel; /* distances in floats */
    bool whole;
} window;

static inline window window_at(const float *image, int h, int w, int c, int y, int x, int side) {
    window v = {.at = image + ((ptrdiff_t)y * w + x) * c,
                .rows = fl_taps_of(y, side, h),
                .cols = fl_taps_of(x, side, w),
                .line = (size_t)w * c,
                .pixel = (size_t)c};
    v.whole = v.rows.hi - v.rows.lo == side && v.cols.hi - v.cols.lo == side;
    return v;
}

/* The first n <= VW channels of a window as (side, side, VW), zero where there is no image. */
static inline void window_copy(const window *v, int side, const float *from, int n, float *to) {
    memset(to, 0, sizeof *to * side * side * VW);
    for (int i = v->rows.lo; i < v->rows.hi; i++)
        for (int j = v->cols.lo; j < v->cols.hi; j++) {
            const float *p = from + i * v->line + j * v->pixel;
            store(to + (i * side + j) * VW, n == VW ? load(p) : load_some(p, n));
        }
}

#endif
