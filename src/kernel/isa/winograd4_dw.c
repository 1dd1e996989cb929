/* winograd4_dw.c: weight gradients by F(3×3, 4×4). */
#define M 4
#include "kernel/isa/winograd_dw.h"

const fl_conv_dw_algo FL_ISA(fl_conv_dw_winograd4) = ALGORITHM("winograd4");
