/* reproducible.h: whether an experiment can have the same bits at any rank count. */
#ifndef FROSTLINE_TRAIN_REPRODUCIBLE_H
#define FROSTLINE_TRAIN_REPRODUCIBLE_H

#include "frostline/train.h"

/* Records what cannot be, at its place in the config. Model and freezing are built. */
void fl_reproducible_check(const fl_experiment *x);

#endif
