/* log.h: diagnostics on stderr. Results never come here; they go to stdout. */
#ifndef FROSTLINE_LOG_H
#define FROSTLINE_LOG_H

#include "frostline/base.h"

/* Which rank this is; only rank 0 prints. Before the first call everyone prints. */
void fl_log_set_rank(int rank);

typedef enum fl_color { FL_COLOR_AUTO, FL_COLOR_ALWAYS, FL_COLOR_NEVER } fl_color;
void fl_log_set_color(fl_color mode); /* AUTO: a terminal, and NO_COLOR unset */

void fl_note(const char *format, ...) __attribute__((format(printf, 1, 2))); /* "note: …" */
void fl_warn(const char *format, ...) __attribute__((format(printf, 1, 2))); /* "warning: …" */

/* Whether a stream is a terminal. Under mpirun isatty() answers yes even into a file, so a window
 * width is asked for too. Returns the width in columns, 0 if it is no terminal. */
int fl_terminal_width(FILE *stream);

#endif
