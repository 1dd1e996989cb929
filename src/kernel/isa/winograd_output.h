/* winograd_output.h: the way back of winograd_forward.h, from the products of a tile to y, with
 * bias, activation and pooling. */
#ifndef FROSTLINE_KERNEL_ISA_WINOGRAD_OUTPUT_H
#define FROSTLINE_KERNEL_ISA_WINOGRAD_OUTPUT_H

#include "kernel/isa/winograd_tile.h"

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

typedef struct target { /* where M × M pixels of y go */
    float *y;
    size_t line, pixel;
    int down, across; /* of them that there are */
} target;

static target target_at(const fl_conv *g, const fl_epilogue *e, tile t, int o, float *y) {
    int h = g->oh / e->pool, w = g->ow / e->pool;
    t.oy /= e->pool, t.ox /= e->pool;
    return (target){.y = y + (((size_t)t.n * h + t.oy) * w + t.ox) * g->co + o,
                    .line = (size_t)w * g->co,
                    .pixel = g->co,
                    .down = h - t.oy,
                    .across = w - t.ox};
}

INLINE void put_row(const target *to, int i, const finish *f, const vf *row) {
    float *y = to->y + i * to->line;
    if (f->n == VW && to->across >= M) {
        UNROLL
        for (int j = 0; j < M; j++, y += to->pixel)
            store(y, f->accumulate ? load(y) + row[j] : row[j]);
        return;
    }
    for (int j = 0; j < M && j < to->across; j++, y += to->pixel)
        store_some(y, f->accumulate ? load_some(y, f->n) + row[j] : row[j], f->n);
}

static void output_plain(const float *p, size_t step, const finish *f, const target *to) {
    vf mid[M][T];
    output_columns(p, step, mid);
    for (int i = 0; i < M && i < to->down; i++) {
        vf row[M];
        output1(mid[i], row);
        UNROLL
        for (int j = 0; j < M; j++) row[j] = finished(f, row[j]);
        put_row(to, i, f, row);
    }
}

static void output_square(const float *p, size_t step, vf y[][2 * M]) {
    vf mid[M][T];
    output_columns(p, step, mid);
    for (int i = 0; i < M; i++) output1(mid[i], y[i]);
}

/* Four tiles, whose numbers are neighbours. Pooling comes before what is monotonic. */
static void output_pooled(const float *p, size_t step, const finish *f, const target *to) {
    vf y[2 * M][2 * M];
    for (int k = 0; k < 4; k++) output_square(p + k * NR, step, (void *)&y[k / 2 * M][k % 2 * M]);
    for (int i = 0; i < M && i < to->down; i++) {
        vf row[M], *a = y[2 * i], *b = y[2 * i + 1];
        UNROLL
        for (int j = 0; j < M; j++)
            row[j] = finished(f, vmax(vmax(a[2 * j], a[2 * j + 1]), vmax(b[2 * j], b[2 * j + 1])));
        put_row(to, i, f, row);
    }
}

/* Channels [o, o + NR) of a tile, or of the four of a square where y is pooled. p (T², …, NR), a
 * tile's neighbour NR floats further. */
static void output(const fl_conv *g, const fl_epilogue *e, const float *p, size_t step, tile t,
                   int o, float *y) {
    target to = target_at(g, e, t, o, y);
    for (int k = 0; k < NR && o + k < g->co; k += VW, to.y += VW) {
        finish f = finish_of(e, o + k, min_int(VW, g->co - o - k));
        if (e->pool == 2)
            output_pooled(p + k, step, &f, &to);
        else
            output_plain(p + k, step, &f, &to);
    }
}

#endif
