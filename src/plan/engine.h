/* engine.h: a plan with its memory, and the two halves of running it. */
#ifndef FROSTLINE_PLAN_ENGINE_H
#define FROSTLINE_PLAN_ENGINE_H

#include "frostline/data.h"
#include "plan/schedule.h"

struct fl_engine {
    const fl_plan *p;
    fl_engine_conf conf;
    char *arena;
    fl_layer_call *forward, *backward; /* one per layer of the model */
    bool fresh;                        /* no gradient of this step's parameters is there yet */
    double static_seconds, forward_seconds, backward_seconds;
    fl_cache *features; /* NULL: the static part is run for every row */
    float *gathered;    /* (rows, input): of the rows that are not there yet */
    int *missing;       /* (rows) */
    int64_t hits, rows;
    const fl_batch *ahead; /* whose static part has run already; or NULL */
};

static inline void *fl_engine_at(const fl_engine *e, size_t at) {
    return at == FL_NOWHERE ? NULL : e->arena + at;
}

/* Layer l's forward call for the rows of b. */
void fl_engine_set_rows(fl_engine *e, int l, const fl_batch *b, bool training, int64_t epoch);

/* The static part: leaves what crosses the frost line for all rows of b. */
void fl_engine_run_static(fl_engine *e, const fl_batch *b);
void fl_engine_free_features(fl_engine *e); /* what fl_engine_use_features allocated */

#endif
