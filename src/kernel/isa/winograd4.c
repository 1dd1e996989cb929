/* winograd4.c: F(4×4, 3×3): 36 products for 16 outputs, 4 times fewer than the definition. */
#include <omp.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/winograd.h"

enum { M = 4 };
#define input1   input6
#define weights1 weights6
#define output1  output6

#include "kernel/isa/winograd_forward.h"

const fl_conv_algo FL_ISA(fl_conv_winograd4) = {
    .name = "winograd4",
    .fits = fits,
    .packed = packed,
    .pack = pack,
    .work = work,
    .run = run,
    .cost = cost,
};
