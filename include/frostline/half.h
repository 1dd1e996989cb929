/* half.h: numbers of two bytes: float16 (IEEE 754 binary16) and bfloat16 (the upper half of a
 * float). In plain C without branches, so that loops over them are vectorised, and without
 * subnormal floats, which a flush-to-zero mode would lose. */
#ifndef FROSTLINE_HALF_H
#define FROSTLINE_HALF_H

#include <string.h>

#include "frostline/base.h"

static inline uint32_t fl_float_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline float fl_float_of_bits(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* To the nearest, ties to even; what is finite stays so: beyond ±65504, the largest, it is ±65504.
 * Subnormal halves are multiples of 2^-24, which is the last place of a float in [0.5, 1): adding
 * 0.5 leaves their number in the low bits, rounded by the machine. */
static inline uint16_t fl_to_float16(float v) {
    const uint32_t largest = fl_float_bits(65504), normal = fl_float_bits(0x1p-14f),
                   infinite = 0x7f800000;
    uint32_t bits = fl_float_bits(v), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    uint32_t kept = size < largest ? size : largest;
    uint32_t even = kept >> 13 & 1;
    uint32_t usual = ((kept + 0xfff + even) >> 13) - ((127 - 15) << 10);
    uint32_t tiny = fl_float_bits(fl_float_of_bits(kept) + 0.5f) - fl_float_bits(0.5f);
    uint32_t finite = kept < normal ? tiny : usual, other = size > infinite ? 0x7e00 : 0x7c00;
    return (uint16_t)(sign | (size < infinite ? finite : other));
}

/* Exact. */
static inline float fl_from_float16(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, size = half & 0x7fff;
    uint32_t usual = (size << 13) + ((127 - 15) << 23), other = size << 13 | 0x7f800000;
    uint32_t tiny = fl_float_bits((float)(int32_t)size * 0x1p-24f);
    return fl_float_of_bits(sign | (size < 0x400 ? tiny : size < 0x7c00 ? usual : other));
}

/* To the nearest, ties to even; a NaN stays one. */
static inline uint16_t fl_to_bfloat16(float v) {
    uint32_t bits = fl_float_bits(v), rounded = bits + 0x7fff + (bits >> 16 & 1);
    bool nan = (bits & 0x7fffffff) > 0x7f800000;
    return (uint16_t)((nan ? bits | 0x400000 : rounded) >> 16);
}

/* Exact. */
static inline float fl_from_bfloat16(uint16_t half) {
    return fl_float_of_bits((uint32_t)half << 16);
}

#endif
