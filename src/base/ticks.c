/* A clock that is cheap to read: the processor's counter, told in seconds by comparing it with the
 * system's clock over the whole life of the process. */
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "frostline/base.h"

typedef struct moment { /* by both clocks */
    uint64_t ticks;
    double clock;
} moment;

static bool even; /* the counter runs at one rate, in sleep and on every core */
static moment start;

static bool runs_evenly(void) {
#ifdef __x86_64__
    enum { POWER = (int)0x80000007, INVARIANT = 1 << 8 };
    unsigned a, b, c, d;
    return __get_cpuid((unsigned)POWER, &a, &b, &c, &d) && (d & INVARIANT);
#else
    return false;
#endif
}

uint64_t fl_ticks(void) {
#ifdef __x86_64__
    if (even) return __builtin_ia32_rdtsc();
#endif
    return (uint64_t)(fl_clock() * 1e9);
}

/* The closest of a few readings: between two clocks another process may run. */
static moment now(void) {
    moment best = {0};
    uint64_t closest = UINT64_MAX;
    for (int i = 0; i < 4; i++) {
        uint64_t before = fl_ticks();
        double clock = fl_clock();
        uint64_t gap = fl_ticks() - before;
        if (gap < closest) best = (moment){before + gap / 2, clock};
        closest = gap < closest ? gap : closest;
    }
    return best;
}

__attribute__((constructor)) static void begin(void) {
    even = runs_evenly();
    start = now();
}

double fl_tick(void) {
    if (!even) return 1e-9;
    moment m = now();
    return (m.clock - start.clock) / (double)(m.ticks - start.ticks);
}
