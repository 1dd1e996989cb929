/* spread.h: the lanes of a depthwise convolution with multiplier m: channel c of the output belongs
 * to channel c / m of the input. */
#ifndef FROSTLINE_KERNEL_ISA_SPREAD_H
#define FROSTLINE_KERNEL_ISA_SPREAD_H

#include "kernel/isa/vec.h"

typedef struct spread { /* of some neighbouring output channels */
    int first, count;   /* input channels that they belong to */
    vi from;            /* of each, counted from the first */
} spread;

/* Of n output channels from c on. */
INLINE spread spread_at(int m, int c, int n) {
    spread s = {.first = c / m, .count = (c + n - 1) / m - c / m + 1};
    for (int i = 0; i < VW; i++) s.from[i] = i;
    /* The half keeps rounding away from the whole numbers. */
    vf lane = __builtin_convertvector(s.from, vf) + ((float)(c % m) + 0.5f);
    s.from = __builtin_convertvector(lane * (1 / (float)m), vi);
    return s;
}

/* The input x of those channels. */
INLINE vf load_spread(const spread *s, const float *x) {
    return __builtin_shuffle(load_some(x + s->first, s->count), s->from);
}

/* to += what the first n of those channels have, in the input's */
INLINE void add_folded(const spread *s, vf v, int n, float *to) {
    float value[VW];
    int32_t at[VW];
    memcpy(value, &v, sizeof v);
    memcpy(at, &s->from, sizeof at);
    for (int i = 0; i < n; i++) to[s->first + at[i]] += value[i];
}

#endif
