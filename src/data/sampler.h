/* sampler.h: which samples, in which order, in which batch, on which rank. Pure functions. */
#ifndef FROSTLINE_DATA_SAMPLER_H
#define FROSTLINE_DATA_SAMPLER_H

#include "frostline/base.h"

/* order[n]: of the samples of an epoch; 0, 1, 2 … unless shuffled. */
void fl_sample_order(int64_t *order, int64_t n, bool shuffle, uint64_t seed, int64_t epoch);

/* Which of its `variants` augmented inputs a sample has in an epoch (from 1). Epochs 1 … variants
 * bring each once, and so does each round of as many that follows; where a round begins is drawn,
 * so that the variants of different samples do not keep company. */
int64_t fl_sample_variant(int64_t variants, uint64_t seed, int64_t epoch, int64_t sample);

typedef struct fl_range {
    int64_t lo, hi;
} fl_range;

/* Part i of r cut into `parts`, whose lengths differ by at most one. */
fl_range fl_range_part(fl_range r, int64_t i, int64_t parts);

typedef struct fl_cutting { /* of an epoch into steps, micro-batches and ranks */
    int64_t rows, batch_size, accumulation;
    int rank, size; /* this rank has the parts from `rank` on, */
    int parts;      /* so many of `size` */
} fl_cutting;

int64_t fl_cutting_steps(const fl_cutting *c);
int64_t fl_cutting_micros(const fl_cutting *c, int64_t step); /* of a step, none of them empty */

typedef struct fl_cut { /* positions in the order of the epoch */
    fl_range step, micro, mine;
} fl_cut;

/* Of this rank's nth part. */
fl_cut fl_cutting_at(const fl_cutting *c, int64_t step, int64_t micro, int nth);

#endif
