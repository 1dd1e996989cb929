/* columns.h: the values of an epoch's record, named once; the JSON lines, the CSV files and the
 * reader of both run over these tables. */
#ifndef FROSTLINE_REPORT_COLUMNS_H
#define FROSTLINE_REPORT_COLUMNS_H

#include "frostline/report.h"

typedef enum fl_column_kind {
    FL_COLUMN_INT64,
    FL_COLUMN_DOUBLE,
    FL_COLUMN_UINT64,
    FL_COLUMN_SIZE,
    FL_COLUMN_INT,
    FL_COLUMN_BOOL,
    FL_COLUMN_TEXT, /* a char array; no number */
} fl_column_kind;

typedef struct fl_column {
    const char *name; /* NULL ends a table */
    fl_column_kind kind;
    size_t offset;
} fl_column;

extern const fl_column fl_step_columns[];  /* of fl_step_record */
extern const fl_column fl_epoch_columns[]; /* of fl_epoch_record, without its times */
extern const fl_column fl_time_columns[];  /* of fl_epoch_record: "time" in JSON, time_… in CSV */
extern const fl_column fl_comm_columns[];  /* of fl_comm_row: comm.csv */

/* A line under construction; a step may not allocate, so it has its room built in. */
typedef struct fl_line {
    char s[4096];
    size_t len;
} fl_line;

void fl_line_add(fl_line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The shortest digits that read back as the same number; `missing` for NaN and infinity. */
void fl_line_number(fl_line *l, double v, const char *missing);
void fl_line_value(fl_line *l, const fl_column *c, const void *record, const char *missing);

/* Sets the column's member of `record` from a number; NAN leaves the zero of integers. */
void fl_column_set(const fl_column *c, void *record, double v);

#endif
