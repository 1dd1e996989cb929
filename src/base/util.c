/* Hash, clock, quantiles, and the text of a shape. */
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <xxhash.h>

#include "frostline/base.h"
#include "frostline/tensor.h"

uint64_t fl_hash(const void *data, size_t len, uint64_t seed) {
    return XXH3_64bits_withSeed(data, len, seed);
}

double fl_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double fl_quantile(int n, const double *v, size_t stride, double q) {
    if (n == 0) return NAN;
    double *sorted = fl_alloc((size_t)n * sizeof *sorted), at = q * (n - 1);
    int low = (int)at, high = low + 1 < n ? low + 1 : low;
    for (int i = 0; i < n; i++) sorted[i] = *(const double *)((const char *)v + (size_t)i * stride);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    double value = sorted[low] + (at - low) * (sorted[high] - sorted[low]);
    fl_free(sorted);
    return value;
}

const char *fl_shape_text(fl_shape s, char *buf) {
    int at = snprintf(buf, 64, "(");
    for (int i = 0; i < s.n; i++)
        at += snprintf(buf + at, 64 - (size_t)at, "%s%lld", i ? ", " : "", (long long)s.d[i]);
    snprintf(buf + at, 64 - (size_t)at, ")");
    return buf;
}
