/* Conversions without a branch: each case is computed, and one is selected. */
#include "frost/half.h"

#include <string.h>

static inline uint32_t bits_of(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Subnormal halves are multiples of 2^-24, which is the last place of a float in [0.5, 1): adding
 * 0.5 leaves their number in the low bits, rounded by the machine. */
static inline uint16_t narrow(float v) {
    const uint32_t largest = bits_of(65504), normal = bits_of(0x1p-14f), infinite = 0x7f800000;
    uint32_t bits = bits_of(v), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    uint32_t kept = size < largest ? size : largest;
    uint32_t even = kept >> 13 & 1;
    uint32_t usual = ((kept + 0xfff + even) >> 13) - ((127 - 15) << 10);
    uint32_t tiny = bits_of(float_of(kept) + 0.5f) - bits_of(0.5f);
    uint32_t finite = kept < normal ? tiny : usual, other = size > infinite ? 0x7e00 : 0x7c00;
    return (uint16_t)(sign | (size < infinite ? finite : other));
}

/* The exponent's bias is mended by a product, which is exact and makes subnormals normal. */
static inline float widen(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, size = (uint32_t)(half & 0x7fff) << 13;
    uint32_t finite = bits_of(float_of(size) * 0x1p112f);
    return float_of(sign | (size >= 0x7c00u << 13 ? size | 0x7f800000 : finite));
}

void fl_half_narrow(size_t n, const float *v, uint16_t *half) {
    for (size_t i = 0; i < n; i++) half[i] = narrow(v[i]);
}

void fl_half_widen(size_t n, const uint16_t *half, float *v) {
    for (size_t i = 0; i < n; i++) v[i] = widen(half[i]);
}
