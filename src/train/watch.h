/* watch.h: what each layer takes, from the trace's ring. */
#ifndef FROSTLINE_TRAIN_WATCH_H
#define FROSTLINE_TRAIN_WATCH_H

#include "frostline/train.h"

void fl_watch_open(void);
/* What was recorded since the last call: the sum over the calls of each layer, (layers). */
void fl_watch_take(int layers, fl_layer_seconds *out);
void fl_watch_close(void);

#endif
