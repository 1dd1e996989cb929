/* The sum over vectors that all lie in this process's memory. */
#include "comm/sum.h"

#include <string.h>

#include "comm/payload.h"

/* So many floats of each vector at a time: what the next addition reads is then still in the cache
 * that the one before left it in. */
enum { BLOCK = 2048 };

static void add_to(float *restrict to, const float *v, const float *w, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = v[i] + w[i];
}

/* Each element is read once and written once, which two vectors need no cache for. */
static void add_both(float *restrict v, float *restrict w, size_t n) {
    for (size_t i = 0; i < n; i++) v[i] = w[i] = v[i] + w[i];
}

/* All but the last addition of the tree: then v[0] + v[1] is the sum. */
static void gather(float *const *v, int count, size_t at, size_t n) {
    int p = fl_power_of_two_within(count);
    for (int r = 0; r + p < count; r++) fl_payload_add(v[r] + at, v[r + p] + at, n);
    for (int d = p / 2; d > 1; d /= 2)
        for (int r = 0; r < d; r++) fl_payload_add(v[r] + at, v[r + d] + at, n);
}

static size_t block(size_t n, size_t at) {
    return n - at < BLOCK ? n - at : BLOCK;
}

void fl_sum_everywhere(float *const *v, int count, size_t n) {
    for (size_t at = 0; at < n && count > 1; at += BLOCK) {
        size_t some = block(n, at);
        gather(v, count, at, some);
        add_both(v[0] + at, v[1] + at, some);
        for (int r = 2; r < count; r++) memcpy(v[r] + at, v[0] + at, some * sizeof(float));
    }
}

void fl_sum_into(float *const *v, int count, int to, size_t n) {
    for (size_t at = 0; at < n && count > 1; at += BLOCK) {
        size_t some = block(n, at);
        gather(v, count, at, some);
        if (to == 0)
            fl_payload_add(v[0] + at, v[1] + at, some);
        else if (to == 1)
            fl_payload_add(v[1] + at, v[0] + at, some);
        else
            add_to(v[to] + at, v[0] + at, v[1] + at, some);
    }
}
