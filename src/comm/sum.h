/* sum.h: adding vectors that lie side by side, in the order of the fixed tree (tree.c). */
#ifndef FROSTLINE_COMM_SUM_H
#define FROSTLINE_COMM_SUM_H

#include "frostline/base.h"

static inline int fl_power_of_two_within(int n) {
    int p = 1;
    while (p <= n / 2) p *= 2;
    return p;
}

/* On return each of the `count` vectors of n floats is the sum of all. */
void fl_sum_everywhere(float *const *v, int count, size_t n);
/* The same bits in v[to] alone; the others hold sums of some. */
void fl_sum_into(float *const *v, int count, int to, size_t n);

#endif
