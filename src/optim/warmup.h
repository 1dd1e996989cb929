/* The linear warm-up that every schedule can start with (Goyal et al., 2017). */
#ifndef FROSTLINE_OPTIM_WARMUP_H
#define FROSTLINE_OPTIM_WARMUP_H

#include "frostline/optim.h"

/* 1/warmup, 2/warmup, … 1 in the first `warmup` steps, then 1. */
static inline double warmup_factor(int64_t warmup, int64_t step) {
    return step < warmup ? (double)(step + 1) / (double)warmup : 1;
}

/* How much of the steps after the warm-up is behind us at `step`: 0 … 1. */
static inline double warmup_progress(int64_t warmup, int64_t step, int64_t total) {
    if (step <= warmup) return 0;
    return step < total ? (double)(step - warmup) / (double)(total - warmup) : 1;
}

#endif
