/* Hash, clock, and the text of a shape. */
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

const char *fl_shape_text(fl_shape s, char *buf) {
    int at = snprintf(buf, 64, "(");
    for (int i = 0; i < s.n; i++)
        at += snprintf(buf + at, 64 - (size_t)at, "%s%lld", i ? ", " : "", (long long)s.d[i]);
    snprintf(buf + at, 64 - (size_t)at, ")");
    return buf;
}
