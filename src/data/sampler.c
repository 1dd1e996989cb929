/* The order of the samples and its cutting. */
#include "data/sampler.h"

#include "frostline/rng.h"

void fl_sample_order(int64_t *order, int64_t n, bool shuffle, uint64_t seed, int64_t epoch) {
    fl_rng rng = {.seed = seed, .stream = FL_STREAM_SHUFFLE, .epoch = (uint32_t)epoch};
    if (shuffle) fl_rng_permute(&rng, order, n);
    for (int64_t i = 0; i < n && !shuffle; i++) order[i] = i;
}

int64_t fl_sample_variant(int64_t variants, uint64_t seed, int64_t epoch, int64_t sample) {
    uint64_t n = (uint64_t)variants, past = (uint64_t)epoch - 1;
    fl_rng round = {seed, FL_STREAM_VARIANT, (uint32_t)(past / n), (uint64_t)sample};
    return (int64_t)((past + fl_rng_below(&round, 0, n)) % n);
}

fl_range fl_range_part(fl_range r, int64_t i, int64_t parts) {
    int64_t n = r.hi - r.lo;
    return (fl_range){r.lo + n * i / parts, r.lo + n * (i + 1) / parts};
}

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t fl_cutting_steps(const fl_cutting *c) {
    return (c->rows + c->batch_size - 1) / c->batch_size;
}

static fl_range step_at(const fl_cutting *c, int64_t step) {
    return (fl_range){step * c->batch_size, min((step + 1) * c->batch_size, c->rows)};
}

/* Of fewer rows than parts, the empty parts are left out. */
int64_t fl_cutting_micros(const fl_cutting *c, int64_t step) {
    fl_range r = step_at(c, step);
    return min(c->accumulation, r.hi - r.lo);
}

fl_cut fl_cutting_at(const fl_cutting *c, int64_t step, int64_t micro, int nth) {
    fl_cut cut = {.step = step_at(c, step)};
    cut.micro = fl_range_part(cut.step, micro, fl_cutting_micros(c, step));
    cut.mine = fl_range_part(cut.micro, c->rank + nth, c->size);
    return cut;
}
