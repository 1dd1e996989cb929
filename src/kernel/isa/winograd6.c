/* winograd6.c: F(6×6, 3×3): 64 products for 36 outputs, 5.06 times fewer than the definition. */
#include <omp.h>

#include "kernel/isa/isa.h"
#include "kernel/isa/winograd.h"

enum { M = 6 };
#define input1   input8
#define weights1 weights8
#define output1  output8

#include "kernel/isa/winograd_forward.h"

const fl_conv_algo FL_ISA(fl_conv_winograd6) = {
    .name = "winograd6",
    .fits = fits,
    .packed = packed,
    .pack = pack,
    .work = work,
    .run = run,
    .cost = cost,
};
