/* bfloat16: the upper half of a float. float16: IEEE 754 binary16. */
#include "comm/half.h"

#include <math.h>
#include <string.h>

typedef union word {
    float f;
    uint32_t u;
} word;

/* To the nearest, ties to even; a NaN stays one. */
static uint16_t to_bfloat16(float x) {
    word w = {.f = x};
    if (x != x) return (uint16_t)(w.u >> 16 | 0x40);
    return (uint16_t)((w.u + 0x7fff + (w.u >> 16 & 1)) >> 16);
}

static float from_bfloat16(uint16_t h) {
    return (word){.u = (uint32_t)h << 16}.f;
}

/* What is finite stays so: the rest keeps what lies beyond. */
static uint16_t to_float16(float x) {
    const float most = 65504;
    float inside = isinf(x) || x != x ? x : x > most ? most : x < -most ? -most : x;
    _Float16 h = (_Float16)inside;
    uint16_t bits;
    memcpy(&bits, &h, sizeof bits);
    return bits;
}

static float from_float16(uint16_t bits) {
    _Float16 h;
    memcpy(&h, &bits, sizeof h);
    return (float)h;
}

static float rest_of(float x, float sent) {
    return isfinite(sent) ? x - sent : 0;
}

void fl_half_encode(fl_wire wire, const float *v, float *rest, uint16_t *to, size_t n) {
    for (size_t i = 0; i < n && wire == FL_WIRE_BFLOAT16; i++) {
        float x = v[i] + rest[i];
        to[i] = to_bfloat16(x);
        rest[i] = rest_of(x, from_bfloat16(to[i]));
    }
    for (size_t i = 0; i < n && wire == FL_WIRE_FLOAT16; i++) {
        float x = v[i] + rest[i];
        to[i] = to_float16(x);
        rest[i] = rest_of(x, from_float16(to[i]));
    }
}

void fl_half_decode(fl_wire wire, const uint16_t *from, float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        v[i] = wire == FL_WIRE_BFLOAT16 ? from_bfloat16(from[i]) : from_float16(from[i]);
}
