/* bf16.h: bfloat16 in registers and in memory, and the register kernel of products with operands in
 * it and sums in float32: MR rows by NR columns stay in registers. Both operands lie in pairs along
 * the depth k, for the instruction adds two products at once:
 *   a (k / VW, MR, VW / 2, 2)   b (k / 2, NR, 2)
 * The folder is compiled once, for AVX-512 with its BF16 extension. */
#ifndef FROSTLINE_KERNEL_BF16_BF16_H
#define FROSTLINE_KERNEL_BF16_BF16_H

#include "kernel/isa/vec.h"

typedef uint16_t bf16;

extern const fl_conv_algo *const fl_conv_algos_bf16[];
extern const fl_conv_algo fl_conv_winograd4_bf16, fl_conv_implicit_bf16;

static inline size_t floats_of(size_t halves) {
    return (halves + 1) / 2;
}

/* To the nearest, ties to even. */
INLINE __m256i to_bf16(vf v) {
    return (__m256i)_mm512_cvtneps_pbh((__m512)v);
}
INLINE void store_bf16(bf16 *p, vf v) {
    _mm256_storeu_si256((__m256i *)p, to_bf16(v));
}
/* (VW, 2): a pair for each lane */
INLINE void store_pairs(bf16 *p, vf first, vf second) {
    __m512i low = _mm512_cvtepu16_epi32(to_bf16(first));
    __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(to_bf16(second)), 16);
    _mm512_storeu_si512(p, _mm512_or_si512(low, high));
}

INLINE __m512bh pairs(const bf16 *p) {
    return (__m512bh)_mm512_loadu_si512(p);
}
INLINE __m512bh pair_everywhere(const bf16 *p) {
    int32_t both;
    memcpy(&both, p, sizeof both);
    return (__m512bh)_mm512_set1_epi32(both);
}

/* c (rows, NR), rows apart by NR, = a * b over `blocks` blocks of VW; rows is constant where this
 * is inlined. */
INLINE void micro_rows_bf16(const int rows, int blocks, const bf16 *a, const bf16 *b, float *c) {
    __m512 sum[MR][2];
    UNROLL
    for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
    for (; blocks > 0; blocks--, a += (MR - 1) * VW)
#pragma GCC unroll 2
        for (int k = 0; k < VW; k += 2, a += 2, b += 2 * NR) {
            __m512bh b0 = pairs(b), b1 = pairs(b + 2 * VW);
            UNROLL
            for (int r = 0; r < rows; r++) {
                __m512bh x = pair_everywhere(a + r * VW);
                sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
                sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
            }
        }
    UNROLL
    for (int r = 0; r < rows; r++) {
        store(c + r * NR, (vf)sum[r][0]);
        store(c + r * NR + VW, (vf)sum[r][1]);
    }
}

/* The same for any 0 < rows <= MR; it may write up to the next even number of rows. */
static inline void micro_bf16(int rows, int blocks, const bf16 *a, const bf16 *b, float *c) {
    switch ((rows + 1) / 2) {
    case 1: micro_rows_bf16(2, blocks, a, b, c); break;
    case 2: micro_rows_bf16(4, blocks, a, b, c); break;
    case 3: micro_rows_bf16(6, blocks, a, b, c); break;
    case 4: micro_rows_bf16(8, blocks, a, b, c); break;
    case 5: micro_rows_bf16(10, blocks, a, b, c); break;
    case 6: micro_rows_bf16(12, blocks, a, b, c); break;
    default: micro_rows_bf16(14, blocks, a, b, c); break;
    }
}

#endif
