/* freeze.h: which layers are frozen, and what follows from it for every layer. */
#ifndef FROSTLINE_FREEZE_H
#define FROSTLINE_FREEZE_H

#include "frostline/model.h"

typedef struct fl_freeze_conf {
    fl_strings layers; /* globs; a base's name means all of it */
    const char *until; /* everything up to and including this layer */
    int64_t
        train_last_n;  /* all but the last n layers that have parameters; FL_NONE: rule not used */
    fl_node *schedule; /* [{epoch, unfreeze: [globs]}] */
} fl_freeze_conf;
extern const fl_field fl_freeze_fields[];

/* The epoch (1-based) at which phase i begins; phase 0 begins at epoch 1. */
typedef struct fl_freeze fl_freeze;

/* Resolves all rules against the model. A pattern without a match, a schedule out of order, one
 * that thaws what is not frozen, and a net in which nothing trains at the start are errors,
 * recorded at their place in `section`. */
fl_status fl_freeze_open(const fl_freeze_conf *conf, fl_node *section, const fl_model *m,
                         fl_freeze **out);
void fl_freeze_close(fl_freeze *f);
int fl_freeze_phases(const fl_freeze *f);
int64_t fl_freeze_epoch(const fl_freeze *f, int phase);
int fl_freeze_phase_at(const fl_freeze *f, int64_t epoch);

/* Sets frozen, trainable, is_static and wants_gradient of every layer for that phase. A layer is
 * static if nothing in it or above its inputs trains, nor differs from step to step: a dropout, or
 * a batch norm on the batch's statistics, is static only if it is named frozen. */
void fl_freeze_apply(const fl_freeze *f, int phase, fl_model *m);
/* As if no rule had been given. */
void fl_freeze_none(fl_model *m);

typedef struct fl_need {  /* what backward has to do in a layer */
    bool weight_gradient; /* it trains */
    bool
        input_gradient; /* something it is fed by trains: dX of those inputs that want a gradient */
} fl_need;
fl_need fl_freeze_need(const fl_model *m, int layer);

#endif
