/* launch.h: this program again, in processes of its own, on as many ranks as wanted. */
#ifndef FROSTLINE_CLI_LAUNCH_H
#define FROSTLINE_CLI_LAUNCH_H

#include "cli/cli.h"
#include "frostline/process.h"

/* What the environment may ask of a rank; ended by NULL. */
extern const char *const fl_launch_variables[];

bool fl_launch_is_virtual(const char *hosts); /* "virtual", "virtual:NAME" */
/* FL_ERR_CONFIG unless it is that, and up; a file; or NULL: this machine. */
fl_status fl_launch_check_hosts(const char *hosts);

typedef struct fl_launch {
    const char *hosts; /* NULL: this machine; a host file; virtual[:NAME] */
    int np;
    int n; /* words of the command: "train", CONFIG, … */
    const char *const *word;
    const char *out, *log; /* files that stdout and stderr go to; may be the same */
} fl_launch;

/* Runs it by mpirun, or the virtual cluster's script, as fl_process_run does. */
fl_status fl_launch_run(const fl_launch *l, int *code);

#endif
