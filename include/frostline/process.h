/* process.h: another program, in a process group of its own, and its end when this one is asked to
 * end. One at a time, from one thread. */
#ifndef FROSTLINE_PROCESS_H
#define FROSTLINE_PROCESS_H

#include "frostline/base.h"

typedef struct fl_process {
    const char *const *word; /* the program, found on the PATH, and its arguments; ended by NULL */
    const char *out, *log;   /* files that stdout and stderr go to; may be the same */
    const char *remedy;      /* what to do if it is not there, for the message */
} fl_process;

/* Runs it, without input, and waits. What it leaves in its group is killed. *code: its exit code,
 * 128 + n after signal n. FL_ERR_IO if it cannot be started, or a file not be written. */
fl_status fl_process_run(const fl_process *p, int *code);
bool fl_process_found(const char *program); /* on the PATH */
char *fl_process_self(void);                /* the path of this program; caller frees */
char *fl_process_beside(const char *name);  /* `name` in its folder; caller frees */

/* From begin to end SIGINT, SIGTERM and SIGHUP are passed to what runs, as SIGTERM, and noted. Who
 * has SIGHUP ignored (nohup) keeps it so. */
void fl_process_signals_begin(void);
void fl_process_signals_end(void);
bool fl_process_interrupted(void); /* one of them has come, ever */

/* The error in a log that a program left, else its last line with a word in it; caller frees. */
char *fl_process_last_words(const char *log);

#endif
