/* winograd7.c: F(7×7, 3×3): 81 products for 49 outputs, 5.44 times fewer than the definition. Seven
 * divides the sides of the images of most nets: 224, 112, 56, 28, 14, 7. */
#define M 7
#include "kernel/isa/winograd_forward.h"

const fl_conv_algo FL_ISA(fl_conv_winograd7) = ALGORITHM("winograd7");
const fl_conv_algo FL_ISA(fl_conv_dx_winograd7) = ALGORITHM_BACK("winograd7");
