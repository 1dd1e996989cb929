/* history.h: a run as its metrics.jsonl tells it. */
#ifndef FROSTLINE_REPORT_HISTORY_H
#define FROSTLINE_REPORT_HISTORY_H

#include "frostline/report.h"

typedef struct fl_history {
    int n_steps;
    fl_step_record *step;
    int n_epochs;
    fl_epoch_record *epoch;
} fl_history;

/* Reads a file. A missing one is an empty history; a torn or foreign line is passed over; a line
 * about what was already told (a run that went on from a checkpoint) replaces it. */
fl_status fl_history_read(const char *path, fl_history *out);
void fl_history_free(fl_history *h);

/* From one epoch to the next one of this phase or the end: the index after the last epoch like the
 * one at `from` in phase and bytes. */
int fl_history_alike(const fl_history *h, int from);
/* The index of the epoch that did best: by the mark, else by validation accuracy, accuracy, loss;
 * -1 if none. */
int fl_history_best(const fl_history *h);

#endif
