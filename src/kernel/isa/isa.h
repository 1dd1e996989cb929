/* isa.h: the algorithms that one instruction set's table is put together from. */
#ifndef FROSTLINE_KERNEL_ISA_ISA_H
#define FROSTLINE_KERNEL_ISA_ISA_H

#include "kernel/isa/vec.h"

extern const fl_isa FL_ISA(fl_isa);

extern const fl_conv_algo FL_ISA(fl_conv_winograd4), FL_ISA(fl_conv_winograd7);
extern const fl_conv_algo FL_ISA(fl_conv_dx_winograd4), FL_ISA(fl_conv_dx_winograd7);
extern const fl_conv_dw_algo FL_ISA(fl_conv_dw_winograd4), FL_ISA(fl_conv_dw_winograd7);

extern const fl_conv_algo FL_ISA(fl_conv_gemm), FL_ISA(fl_conv_implicit), FL_ISA(fl_conv_direct);
extern const fl_conv_algo FL_ISA(fl_conv_dx_implicit);
extern const fl_conv_dw_algo FL_ISA(fl_conv_dw_implicit), FL_ISA(fl_conv_dw_direct);
extern const fl_depthwise FL_ISA(fl_depthwise_vector);
extern const fl_dense FL_ISA(fl_dense_stream);
extern const fl_each FL_ISA(fl_each_vector);

#endif
