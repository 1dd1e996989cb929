/* depthwise.h: what the files of depthwise convolution share. */
#ifndef FROSTLINE_KERNEL_ISA_DEPTHWISE_H
#define FROSTLINE_KERNEL_ISA_DEPTHWISE_H

#include "kernel/isa/spread.h"

INLINE vf get(const bool whole, const float *p, int n) {
    return whole ? load(p) : load_some(p, n);
}

#define depthwise_dw_work FL_ISA(fl_depthwise_dw_work)
#define depthwise_dw      FL_ISA(fl_depthwise_dw)
/* fl_depthwise's backward_weights, and the floats of work that it wants. */
size_t depthwise_dw_work(const fl_conv *g, int rows);
void depthwise_dw(const fl_conv *g, int rows, const float *x, const float *dy, float *dw,
                  float *work);

#endif
