/* table.h: text tables in box drawing characters, as Keras prints a model. */
#ifndef FROSTLINE_REPORT_TABLE_H
#define FROSTLINE_REPORT_TABLE_H

#include "frostline/base.h"

enum { FL_TABLE_COLUMNS = 12 };

typedef struct fl_table_column {
    const char *head;
    bool right;   /* numbers */
    bool shrinks; /* may be cut short with "…" where room is scarce */
} fl_table_column;

typedef struct fl_table {
    int n_columns;
    const fl_table_column *column; /* borrowed */
    int n_rows;
    char **cell; /* (rows, columns), owned; a row whose first cell is NULL is a rule */
} fl_table;

fl_table fl_table_open(int n_columns, const fl_table_column *columns);
void fl_table_close(fl_table *t);

/* Sets a cell of the last row; a row starts empty. */
void fl_table_row(fl_table *t);
void fl_table_cell(fl_table *t, int column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void fl_table_rule(fl_table *t);

/* Prints into at most `width` columns on screen if it can (0: any width): full boxes where they
 * fit, else without lines between, else with the shrinking columns cut short. */
void fl_table_print(const fl_table *t, int width, fl_text *out);

#endif
