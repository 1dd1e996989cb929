/* Numbers of two bytes whose rounding errors go along the next time. */
#include "comm/half.h"

#include <math.h>

#include "frostline/half.h"

static float rest_of(float x, float sent) {
    return isfinite(sent) ? x - sent : 0;
}

void fl_half_encode(fl_wire wire, const float *v, float *rest, uint16_t *to, size_t n) {
    for (size_t i = 0; i < n && wire == FL_WIRE_BFLOAT16; i++) {
        float x = v[i] + rest[i];
        to[i] = fl_to_bfloat16(x);
        rest[i] = rest_of(x, fl_from_bfloat16(to[i]));
    }
    for (size_t i = 0; i < n && wire == FL_WIRE_FLOAT16; i++) {
        float x = v[i] + rest[i];
        to[i] = fl_to_float16(x);
        rest[i] = rest_of(x, fl_from_float16(to[i]));
    }
}

void fl_half_decode(fl_wire wire, const uint16_t *from, float *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        v[i] = wire == FL_WIRE_BFLOAT16 ? fl_from_bfloat16(from[i]) : fl_from_float16(from[i]);
}
