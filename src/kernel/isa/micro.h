/* micro.h: the register kernel of the matrix products (Goto & van de Geijn 2008): MR rows by NR
 * columns of C stay in registers while A is broadcast and B is streamed. A lies in blocks of VW
 * columns, (k / VW, MR, VW), so that what writes it can write vectors along k. */
#ifndef FROSTLINE_KERNEL_ISA_MICRO_H
#define FROSTLINE_KERNEL_ISA_MICRO_H

#include "kernel/isa/vec.h"

/* c (rows, NR), rows apart by ldc, = a (blocks, MR, VW) * b (blocks * VW, NR). `rows` is constant
 * where this is inlined. */
INLINE void micro_rows(const int rows, int blocks, const float *a, const float *b, float *c,
                       size_t ldc) {
    vf sum[MR][2];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = (vf){0};
        __builtin_prefetch(c + r * ldc, 1);
        __builtin_prefetch(c + r * ldc + VW, 1);
    }
    for (; blocks > 0; blocks--, a += (MR - 1) * VW)
#pragma GCC unroll 4
        for (int k = 0; k < VW; k++, a++, b += NR) {
            vf b0 = load(b), b1 = load(b + VW);
#pragma GCC unroll 16
            for (int r = 0; r < rows; r++) {
                vf x = splat(a[r * VW]);
                sum[r][0] += x * b0;
                sum[r][1] += x * b1;
            }
        }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        store(c + r * ldc, sum[r][0]);
        store(c + r * ldc + VW, sum[r][1]);
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
