/* winograd4.c: F(4×4, 3×3): 36 products for 16 outputs, 4 times fewer than the definition. */
#define M 4
#include "kernel/isa/winograd_forward.h"

const fl_conv_algo FL_ISA(fl_conv_winograd4) = ALGORITHM("winograd4");
const fl_conv_algo FL_ISA(fl_conv_dx_winograd4) = ALGORITHM_BACK("winograd4");
