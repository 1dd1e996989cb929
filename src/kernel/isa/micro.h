/* micro.h: the register kernel of the matrix products (Goto & van de Geijn 2008): MR rows by NR
 * columns of C stay in registers while A is broadcast and B is streamed. A lies in blocks of VW
 * columns, (k / VW, MR, VW), so that what writes it can write vectors along k. */
#ifndef FROSTLINE_KERNEL_ISA_MICRO_H
#define FROSTLINE_KERNEL_ISA_MICRO_H

#include "kernel/isa/vec.h"

enum {
    PART = 128, /* of a long sum: parts are summed apart, which halves the rounding error */
    AHEAD = 2   /* blocks of A that are asked for before they are used: it may come from far */
};

/* sum (rows, 2 VW) = a (blocks, MR, VW) * b (blocks * VW, NR) */
INLINE void sum_part(const int rows, int blocks, const float *a, const float *b, vf sum[MR][2]) {
    UNROLL
    for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = (vf){0};
    for (; blocks > 0; blocks--, a += (MR - 1) * VW) {
        UNROLL
        for (int r = 0; r < rows; r++) __builtin_prefetch(a + (AHEAD * MR + r) * VW);
#pragma GCC unroll 4
        for (int k = 0; k < VW; k++, a++, b += NR) {
            vf b0 = load(b), b1 = load(b + VW);
            UNROLL
            for (int r = 0; r < rows; r++) {
                vf x = splat(a[r * VW]);
                sum[r][0] += x * b0;
                sum[r][1] += x * b1;
            }
        }
    }
}

INLINE void store_sum(float *c, vf sum, bool add) {
    store(c, add ? load(c) + sum : sum);
}

/* c (rows, NR), rows apart by ldc, = a * b. `rows` is constant where this is inlined. */
INLINE void micro_rows(const int rows, int blocks, const float *a, const float *b, float *c,
                       size_t ldc) {
    UNROLL
    for (int r = 0; r < rows; r++) {
        __builtin_prefetch(c + r * ldc, 1);
        __builtin_prefetch(c + r * ldc + VW, 1);
    }
    for (int first = 0; first < blocks; first += PART / VW) {
        int n = min_int(PART / VW, blocks - first);
        vf sum[MR][2];
        sum_part(rows, n, a + (size_t)first * MR * VW, b + (size_t)first * VW * NR, sum);
        UNROLL
        for (int r = 0; r < rows; r++) {
            store_sum(c + r * ldc, sum[r][0], first > 0);
            store_sum(c + r * ldc + VW, sum[r][1], first > 0);
        }
    }
}

/* The same for any 0 < rows <= MR; it may write up to the next even number of rows. */
static inline void micro(int rows, int blocks, const float *a, const float *b, float *c,
                         size_t ldc) {
    switch ((rows + 1) / 2) {
    case 1: micro_rows(2, blocks, a, b, c, ldc); break;
    case 2: micro_rows(4, blocks, a, b, c, ldc); break;
#if MR == 6
    default: micro_rows(6, blocks, a, b, c, ldc); break;
#else
    case 3: micro_rows(6, blocks, a, b, c, ldc); break;
    case 4: micro_rows(8, blocks, a, b, c, ldc); break;
    case 5: micro_rows(10, blocks, a, b, c, ldc); break;
    case 6: micro_rows(12, blocks, a, b, c, ldc); break;
    default: micro_rows(14, blocks, a, b, c, ldc); break;
#endif
    }
}

#endif
