/* parts.h: what the files of this room tell each other. */
#ifndef FROSTLINE_FREEZE_PARTS_H
#define FROSTLINE_FREEZE_PARTS_H

#include "frostline/freeze.h"

typedef struct fl_phase {
    int64_t epoch; /* the first one */
    bool *frozen;  /* (layers of the model) */
} fl_phase;

struct fl_freeze {
    int n_layers, n_phases;
    fl_phase *phase;
};

/* Whether the layer has parameters that can learn. */
bool fl_freeze_can_learn(const fl_model_layer *l);

/* Appends a phase that begins as the one before it, the first with nothing frozen. */
fl_phase *fl_freeze_add_phase(fl_freeze *f, int64_t epoch);

/* Adds the schedule's phases to f, which has its first. */
fl_status fl_freeze_add_schedule(fl_freeze *f, const fl_node *schedule, const fl_model *m);

/* The i-th of a list of patterns; a single scalar counts as a list of one. */
const fl_node *fl_freeze_pattern_node(const fl_node *list, int i);

#endif
