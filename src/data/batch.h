/* batch.h: the memory of one batch, and its filling. */
#ifndef FROSTLINE_DATA_BATCH_H
#define FROSTLINE_DATA_BATCH_H

#include <stdatomic.h>

#include "data/sampler.h"
#include "data/set.h"

typedef struct fl_slot { /* memory for one batch */
    float *x;            /* (max rows, input) */
    float *target;       /* (max rows, outputs), or NULL */
    int32_t *label;      /* (max rows), or NULL */
    int64_t *sample;     /* (max rows) */
    int64_t *input;      /* (max rows) */
    char *message;
    fl_batch batch; /* what the caller sees */
} fl_slot;

typedef struct fl_filling { /* what it takes to fill a slot */
    const fl_dataset *set;
    fl_cutting cutting;
    const int64_t *order; /* (rows): of the epoch */
    bool augment, inputs;
    int64_t variants; /* of a sample; 0: a new one each epoch */
    uint64_t seed;
    int64_t epoch;
    fl_work work;
    const atomic_bool *cancel; /* set from another thread: leave the rest */
} fl_filling;

void fl_slot_open(fl_slot *s, const fl_dataset *d, int max_rows);
void fl_slot_close(fl_slot *s);
/* With batch `k` of a step, from 0. */
void fl_slot_fill(fl_slot *s, fl_filling *f, int64_t step, int64_t k);

#endif
