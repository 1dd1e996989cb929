/* console.h: what a run shows while it runs: progress on stderr, an epoch's line on stdout. */
#ifndef FROSTLINE_REPORT_CONSOLE_H
#define FROSTLINE_REPORT_CONSOLE_H

#include "frostline/report.h"

typedef struct fl_console {
    fl_progress mode;
    int64_t every; /* plain: a line each so many steps; 0: never */
    int64_t epoch; /* the one whose steps are counted here: */
    int64_t steps;
    double seconds;
    bool quiet;   /* plain because stderr is no terminal: a line every few seconds is enough */
    double drawn; /* fl_clock() of the last drawing of the bar, or of the last plain line */
    bool shown;   /* a bar stands on the terminal's line */
    int phase;    /* of the last epoch; -1: none yet */
} fl_console;

void fl_console_open(fl_console *c, fl_progress mode, int64_t every);
void fl_console_step(fl_console *c, const fl_step_record *s);
void fl_console_epoch(fl_console *c, const fl_epoch_record *e);
void fl_console_close(fl_console *c); /* takes a bar that still stands off the line */

/* The texts of them, into buf; a bar fits in `width` - 1 columns, so that no terminal wraps it. */
void fl_console_bar_text(const fl_step_record *s, double step_seconds, int width, char *buf,
                         size_t size);
void fl_console_plain_text(const fl_step_record *s, double step_seconds, char *buf, size_t size);
void fl_console_epoch_text(const fl_epoch_record *e, bool thawed, char *buf, size_t size);

#endif
