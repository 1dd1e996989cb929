/* rng.h: counter-based random numbers, Philox4x32-10 (Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011). A number is a pure function of (seed, stream, epoch, sample, index):
 * no state, so it depends neither on the rank nor on what was drawn before. */
#ifndef FROSTLINE_RNG_H
#define FROSTLINE_RNG_H

#include <stddef.h>
#include <stdint.h>

typedef enum fl_stream { /* keeps the uses of one seed apart */
                         FL_STREAM_INIT,
                         FL_STREAM_SHUFFLE,
                         FL_STREAM_SPLIT,
                         FL_STREAM_AUGMENT,
                         FL_STREAM_DROPOUT,
                         FL_STREAM_SYNTHETIC,
                         FL_STREAM_VARIANT,
} fl_stream;

typedef struct fl_rng {
    uint64_t seed;
    uint32_t stream, epoch;
    uint64_t sample;
} fl_rng;

uint64_t fl_rng_bits(const fl_rng *r, uint64_t index);  /* 64 random bits */
double fl_rng_uniform(const fl_rng *r, uint64_t index); /* [0, 1) */
/* out[i] = fl_rng_uniform(r, first + i * step), for n of them; twice as fast. */
void fl_rng_uniforms(const fl_rng *r, uint64_t first, uint64_t step, size_t n, double *out);
double fl_rng_normal(const fl_rng *r, uint64_t index);              /* mean 0, deviation 1 */
uint64_t fl_rng_below(const fl_rng *r, uint64_t index, uint64_t n); /* 0 … n-1, n > 0 */

/* The four words that number `index` is made of, the lower bits first; and what beside index and
 * sample decides them: Philox's key. For who draws many at a time. */
void fl_rng_words(const fl_rng *r, uint64_t index, uint32_t word[4]);
uint64_t fl_rng_key(const fl_rng *r);

/* Fills order[0..n) with a permutation of 0 … n-1 (Fisher-Yates). */
void fl_rng_permute(const fl_rng *r, int64_t *order, int64_t n);

#endif
