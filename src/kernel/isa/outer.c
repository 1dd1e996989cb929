/* outer.c: the register kernel of weight gradients, for each number of rows and vectors. */
#include "kernel/isa/outer.h"

INLINE void add(int m, int nv, const outer *o) {
    vf sum[OUTER_ROWS][OUTER_VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < m; i++)
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) sum[i][v] = (vf){0};
    const float *dy = o->dy;
    for (int p = 0; p < o->count; p++, dy += o->step) {
        const float *x = o->x[p] + o->row;
        vf b[OUTER_VECTORS];
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++) b[v] = load(dy + v * VW);
#pragma GCC unroll 8
        for (int i = 0; i < m; i++)
#pragma GCC unroll 3
            for (int v = 0; v < nv; v++) sum[i][v] += x[i] * b[v];
    }
    int last = o->columns - (nv - 1) * VW;
#pragma GCC unroll 8
    for (int i = 0; i < m; i++) {
        float *to = o->sum + i * o->ld;
#pragma GCC unroll 3
        for (int v = 0; v < nv; v++, to += VW) {
            int n = v < nv - 1 ? VW : last;
            if (n == VW)
                store(to, load(to) + sum[i][v]);
            else
                store_some(to, load_some(to, n) + sum[i][v], n);
        }
    }
}

#define ONE(m, nv)                                                                                 \
    static void add_##m##_##nv(const outer *o) {                                                   \
        add(m, nv, o);                                                                             \
    }
#define ROW(m) ONE(m, 1) ONE(m, 2) ONE(m, 3)
#define NAMES(m)                                                                                   \
    { add_##m##_1, add_##m##_2, add_##m##_3 }

ROW(1)
ROW(2)
ROW(3)
ROW(4)
#if VW == 16
ROW(5)
ROW(6)
ROW(7)
ROW(8)
#endif

static void (*const kernels[OUTER_ROWS][OUTER_VECTORS])(const outer *) = {
    NAMES(1), NAMES(2), NAMES(3), NAMES(4),
#if VW == 16
    NAMES(5), NAMES(6), NAMES(7), NAMES(8),
#endif
};

void outer_add(int m, const outer *o) {
    kernels[m - 1][ceil_div(o->columns, VW) - 1](o);
}
