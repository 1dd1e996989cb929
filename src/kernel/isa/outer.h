/* outer.h: the register kernel of weight gradients: a sum of outer products. For each position, m
 * numbers of a source pixel (rows) times up to three vectors of a target gradient (columns). */
#ifndef FROSTLINE_KERNEL_ISA_OUTER_H
#define FROSTLINE_KERNEL_ISA_OUTER_H

#include "kernel/isa/vec.h"

enum {
    OUTER_ROWS = VW == 16 ? 8 : 4,
    OUTER_VECTORS = 3,
};

typedef struct outer {
    int count;             /* positions */
    const float *const *x; /* (count): the source pixels */
    int row;               /* the first number of a pixel */
    const float *dy;       /* the columns of the first position; whole vectors can be read */
    size_t step;           /* floats to those of the next */
    float *sum;            /* the first row; the sums are added to what is there */
    size_t ld;             /* floats to the next row */
    int columns;           /* that exist */
} outer;

#define outer_add FL_ISA(fl_outer_add)
/* m rows, 1 … OUTER_ROWS, and columns of 1 … OUTER_VECTORS vectors. */
void outer_add(int m, const outer *o);

#endif
