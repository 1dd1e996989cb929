/* columns.h: matrices (rows, channels) cut into strips: some rows of a few vectors of channels, so
 * that what belongs to a channel stays in registers. */
#ifndef FROSTLINE_KERNEL_ISA_COLUMNS_H
#define FROSTLINE_KERNEL_ISA_COLUMNS_H

#include "kernel/isa/vec.h"

enum {
    GROUP = VW == 16 ? 4 : 2, /* vectors of a strip */
    STRIP_FLOATS = 16 << 10,  /* of the rows that are gone through once for each strip */
    MOST_ROWS = 64,           /* that are summed in float */
    PARTS = 16,               /* of the rows, each with sums of its own, which are added in order */
    SUM_COLUMNS = 256,        /* channels that are summed at a time */
    WORTH_THREADS = 32 << 10, /* floats */
};

/* Rows that are gone through together. */
static inline size_t rows_at_once(size_t channels) {
    size_t n = STRIP_FLOATS / channels;
    return n < 4 ? 4 : n > MOST_ROWS ? MOST_ROWS : n;
}

INLINE vf get(const bool whole, const float *p, int n) {
    return whole ? load(p) : load_some(p, n);
}
INLINE void put(const bool whole, float *p, vf v, int n) {
    if (whole)
        store(p, v);
    else
        store_some(p, v, n);
}

/* The gradient in z from that in y = f(z): linear, relu or relu6. */
INLINE vf relu_back(const fl_activation f, vf y, vf d) {
    vi on = y > 0;
    if (f == FL_ACT_RELU6) on &= y < 6;
    return f == FL_ACT_LINEAR ? d : (vf)(on & (vi)d);
}

/* Calls f(vectors, whole, lanes, column) for the strips of n columns; `vectors` and `whole` are
 * constant in each call. */
#define FOR_STRIPS(n, f, ...)                                                                      \
    do {                                                                                           \
        int at_ = 0, n_ = (int)(n);                                                                \
        for (; at_ + GROUP * VW <= n_; at_ += GROUP * VW) f(GROUP, true, VW, at_, __VA_ARGS__);    \
        for (; GROUP > 2 && at_ + 2 * VW <= n_; at_ += 2 * VW) f(2, true, VW, at_, __VA_ARGS__);   \
        for (; at_ + VW <= n_; at_ += VW) f(1, true, VW, at_, __VA_ARGS__);                        \
        if (at_ < n_) f(1, false, n_ - at_, at_, __VA_ARGS__);                                     \
    } while (0)

#define columns_sum FL_ISA(fl_columns_sum)
/* sum (channels) += Σ rows of v; where f is relu or relu6 with output y, v is first taken back
 * through it, in place. */
void columns_sum(fl_activation f, size_t rows, size_t channels, const float *y, float *v,
                 float *sum);

#endif
