/* winograd7_dw.c: weight gradients by F(3×3, 7×7). */
#define M 7
#include "kernel/isa/winograd_dw.h"

const fl_conv_dw_algo FL_ISA(fl_conv_dw_winograd7) = ALGORITHM("winograd7");
