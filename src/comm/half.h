/* half.h: numbers of two bytes, for the way between nodes. */
#ifndef FROSTLINE_COMM_HALF_H
#define FROSTLINE_COMM_HALF_H

#include "frostline/comm.h"

/* Puts v + rest, rounded, into `to`, and into `rest` what rounding took: the next time it goes
 * along (Seide et al., "1-Bit Stochastic Gradient Descent", Interspeech 2014; Karimireddy et al.,
 * "Error Feedback Fixes SignSGD", ICML 2019). Infinities and NaN leave no rest. */
void fl_half_encode(fl_wire wire, const float *v, float *rest, uint16_t *to, size_t n);
void fl_half_decode(fl_wire wire, const uint16_t *from, float *v, size_t n);

#endif
