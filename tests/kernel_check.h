/* kernel_check.h: random numbers and comparisons for the tests of the kernels. */
#ifndef FROSTLINE_TESTS_KERNEL_CHECK_H
#define FROSTLINE_TESTS_KERNEL_CHECK_H

#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frostline/kernel.h"
#include "frostline/rng.h"

static uint64_t draws;

static inline int pick(int low, int high) { /* low … high */
    fl_rng r = {.seed = 7};
    return low + (int)fl_rng_below(&r, draws++, (uint64_t)(high - low + 1));
}

static inline float *noise(size_t n) {
    fl_rng r = {.seed = 11};
    float *v = fl_alloc((n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = (float)fl_rng_normal(&r, draws++);
    return v;
}

static inline float *copy(const float *v, size_t n) {
    float *c = fl_alloc((n + 1) * sizeof *c);
    memcpy(c, v, n * sizeof *c);
    return c;
}

static inline double dot(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

static inline void assert_near(const char *what, const float *got, const float *want, size_t n,
                               double size) {
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= 1e-5 * size))
            fail_msg("%s: [%zu] is %g, not %g", what, i, got[i], want[i]);
}

#endif
