/* half.h: float16 (IEEE 754 binary16), in plain C that compilers vectorise. */
#ifndef FROSTLINE_FROST_HALF_H
#define FROSTLINE_FROST_HALF_H

#include "frostline/base.h"

/* To the nearest, ties to even; what is finite stays so: beyond ±65504, the largest, it is ±65504.
 */
void fl_half_narrow(size_t n, const float *v, uint16_t *half);
void fl_half_widen(size_t n, const uint16_t *half, float *v); /* exact */

#endif
