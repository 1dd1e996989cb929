/* tally.h: what the ranks count in a step or an evaluation, and its sum. Shards are counted apart
 * and added in their order, so that the sum has the same bits whichever ranks they are on. */
#ifndef FROSTLINE_TRAIN_TALLY_H
#define FROSTLINE_TRAIN_TALLY_H

#include "train/loss.h"

typedef struct fl_count { /* what the log needs, and what all ranks must know to decide alike */
    fl_score score;
    double unreadable, stop; /* ranks that met a row they could not read; that were asked to stop */
} fl_count;

typedef struct fl_tally {
    int n, first;    /* shards, and this rank's first; without shards one count for all ranks */
    fl_count *count; /* (n) */
} fl_tally;

/* Not collective. FL_ERR_CONFIG as fl_reduce_share. */
fl_status fl_tally_open(const fl_comm *c, const fl_reduce_conf *conf, fl_tally *out);
void fl_tally_close(fl_tally *t);
fl_count *fl_tally_at(const fl_tally *t, int nth); /* of this rank's nth part */
/* Collective. Over all shards and ranks; the tally then begins anew. */
fl_count fl_tally_sum(fl_tally *t, fl_comm *c);

#endif
