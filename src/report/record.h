/* record.h: the files that a run leaves behind while it runs: metrics.jsonl, epochs.csv, comm.csv.
 * Every line is flushed, so that a killed run keeps all but the line it was writing. */
#ifndef FROSTLINE_REPORT_RECORD_H
#define FROSTLINE_REPORT_RECORD_H

#include "frostline/report.h"

typedef struct fl_record fl_record;

/* Starts the files afresh, or, with `append`, cuts off what came after resume_step and goes on. */
fl_status fl_record_open(const char *dir, bool append, int64_t resume_step, fl_record **out);
void fl_record_close(fl_record *r);

/* FL_ERR_IO if the disk refuses. Allocates nothing. */
fl_status fl_record_step(fl_record *r, const fl_step_record *s);
fl_status fl_record_epoch(fl_record *r, const fl_epoch_record *e);
fl_status fl_record_event(fl_record *r, const char *json);

/* ---- resuming (cut.c); a missing file is fine, a torn last line is dropped ---- */

/* Keeps the lines of metrics.jsonl up to resume_step. A line without a step counts by its epoch,
 * one without either is kept. */
fl_status fl_record_cut_metrics(const char *path, int64_t resume_step);
/* Keeps the rows of a CSV file, whose second column is the step. FL_ERR_INPUT if its header is not
 * `header`. */
fl_status fl_record_cut_rows(const char *path, const char *header, int64_t resume_step);

#endif
