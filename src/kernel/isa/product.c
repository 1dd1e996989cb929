/* product.c: the register kernel. */
#include "kernel/isa/product.h"

#include <math.h>

typedef struct finish { /* what becomes of a tile's sums */
    vf bias[2], low, high;
    bool accumulate, past;
    int n[2]; /* floats of each vector that exist */
} finish;

static finish finish_of(const tile *t) {
    const fl_epilogue *e = t->e;
    finish f = {.low = splat(e->activation == FL_CONV_LINEAR ? -INFINITY : 0),
                .high = splat(e->activation == FL_CONV_RELU6 ? 6 : INFINITY),
                .accumulate = e->accumulate,
                .past = t->past};
    for (int v = 0; v < 2; v++) {
        int column = t->column + v * VW;
        f.n[v] = max_int(0, min_int(t->columns - column, VW));
        if (e->bias && f.n[v] > 0) f.bias[v] = load_some(e->bias + column, f.n[v]);
    }
    return f;
}

/* Comparisons are written so that NaN passes through. */
INLINE vf finished(const finish *f, int v, vf sum) {
    return vmin(f->high, vmax(f->low, sum + f->bias[v]));
}

INLINE void put_some(const finish *f, int v, vf sum, float *to) {
    int n = f->n[v];
    store_some(to, f->accumulate ? sum + load_some(to, n) : finished(f, v, sum), n);
}

INLINE void put_whole(const finish *f, int v, vf sum, float *to) {
    if (f->past)
        store_past(to, finished(f, v, sum));
    else
        store(to, f->accumulate ? sum + load(to) : finished(f, v, sum));
}

INLINE void put_row(const int nv, const finish *f, const vf *sum, float *to) {
    if (nv == 2) put_whole(f, 0, sum[0], to);
    if (f->n[nv - 1] == VW)
        put_whole(f, nv - 1, sum[nv - 1], to + (nv - 1) * VW);
    else
        put_some(f, nv - 1, sum[nv - 1], to + (nv - 1) * VW);
}

INLINE void advance(const int nv, const int steps, const float *const *row, int k,
                    const float *panel, vf sum[MR][2]) {
    vf b[4];
#pragma GCC unroll 4
    for (int v = 0; v < steps * nv; v++) b[v] = load(panel + v * VW);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 4
        for (int v = 0; v < steps * nv; v++) sum[i][v % nv] += row[i][k + v / nv] * b[v];
}

/* nv vectors of columns; constant where this is inlined. */
INLINE void multiply(const int nv, const tile *t) {
    const float *const *source = t->source, *panel = t->panel;
    const int steps = nv == 1 ? 4 : 1; /* as many as there are registers for */
    vf sum[MR][2] = {0};
    for (int s = 0; s < t->d.segments; s++, source += MR) {
        const float *row[MR];
#pragma GCC unroll 16
        for (int i = 0; i < MR; i++) row[i] = source[i];
        int k = 0;
        for (; k + steps <= t->d.length; k += steps, panel += steps * nv * VW)
            advance(nv, steps, row, k, panel, sum);
        for (; k < t->d.length; k++, panel += nv * VW) advance(nv, 1, row, k, panel, sum);
    }
    finish f = finish_of(t);
#pragma GCC unroll 16
    for (int i = 0; i < MR; i++)
        if (i < t->rows) put_row(nv, &f, sum[i], t->target[i] + t->column);
}

static void multiply_1(const tile *t) {
    multiply(1, t);
}

static void multiply_2(const tile *t) {
    multiply(2, t);
}

void product_tile(const tile *t) {
    (t->columns - t->column > VW ? multiply_2 : multiply_1)(t);
}
