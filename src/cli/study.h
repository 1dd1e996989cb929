/* study.h: the parts of `frostline study`: the grid of points, and how one is run. */
#ifndef FROSTLINE_CLI_STUDY_H
#define FROSTLINE_CLI_STUDY_H

#include "cli/cli.h"
#include "frostline/simulate.h"
#include "frostline/study.h"

typedef struct fl_study_conf { /* what the command line asks for */
    const char *config;
    int n_overrides;
    const char *const *override;
    int n_np, *np;               /* ascending */
    int n_simulated, *simulated; /* likewise; 0: nothing is simulated */
    fl_network
        network; /* for them: as the command line says, or as it was measured between hosts */
    bool network_said, network_measured; /* named; asked to be that between the hosts */
    int n_rules;
    char **rule;
    int steps; /* 0: the config's epochs */
    int repeat;
    bool weak;
    const char *hosts; /* NULL: this machine; a host file; virtual[:NAME] */
    char *dir, *runs;  /* of the study; of its runs' folders */
    char *title, *config_text;
    bool gnuplot, collected;    /* collected: runs that others have started */
    const struct fl_site *site; /* what was measured to foretell the steps; NULL: nothing yet */
} fl_study_conf;

/* "1,2,4" and "none,head,until:x" understood; a comma within brackets does not part. */
fl_status fl_study_ranks(const char *option, const char *text, int *n_np, int **np);
void fl_study_rules(const char *text, fl_study_conf *c);
void fl_study_conf_close(fl_study_conf *c);

/* One point as a command: the overrides of `frostline train`. */
typedef struct fl_study_point_conf {
    int n;
    char **override;  /* owned; the user's own come first */
    char *text;       /* the resolved config; owned */
    uint64_t hash;    /* of the rule, and of all that decides what is measured, but for the ranks */
    bool foretold;    /* false too before anything is measured to foretell it */
    char *plan;       /* its plan as JSON; owned */
    fl_script script; /* for a simulation, but for the seconds: ready are shares of backward, all 1
                       * where layers' speeds are not known; owned */
} fl_study_point_conf;

/* Proves that a point can be run as far as config and plan go. FL_ERR_CONFIG names what is wrong.
 * Close on success alone. */
fl_status fl_study_point_open(const fl_study_conf *c, const char *rule, int np,
                              fl_study_point_conf *out);
void fl_study_point_close(fl_study_point_conf *p);

/* Adds the finished runs in c->runs, each a folder that its rule has named, and makes the grid of
 * theirs. FL_ERR_INPUT if there is none. */
fl_status fl_study_collect(fl_study_conf *c, fl_study_runs *out);

/* Measures what foretells the steps of the grid, or finds it in c->dir. */
fl_status fl_study_site(const fl_study_conf *c, const fl_experiment *x, struct fl_site **out);

/* ---- running ---- */

typedef struct fl_study {
    fl_study_conf conf;
    fl_study_runs known; /* what study.jsonl told */
    fl_study_runs runs;  /* this grid's */
    char *jsonl;
    int failed, made, kept;
    int first_code;
    char *first_log;
} fl_study;

/* Adds one run to the grid's: one that is known and ended well, or else a new one, which the file
 * then has too. One that fails is told and counted. Nothing is added if a signal has come. */
fl_status fl_study_take(fl_study *s, const char *rule, int np, int repeat);

/* ---- what is left behind ---- */

/* Why what is measured beyond some rank count is not what it seems, or NULL; caller frees. */
char *fl_study_cores_warning(const fl_study_conf *c);
/* study.csv, report.html and, if asked for, the gnuplot figure, from the grid's runs. */
fl_status fl_study_leave(const fl_study_conf *c, const fl_study_runs *runs);

/* ---- simulating ---- */

/* What --simulate and --network say (NULL: not); FL_ERR_CONFIG if this build cannot. */
fl_status fl_study_simulations(const char *ranks, const char *network, fl_study_conf *c);
void fl_study_sketch(const fl_plan *p, const fl_reduce_conf *conf, fl_script *out);
/* Proves, as fl_study_point_open, that they can be; the message names the option. */
fl_status fl_study_check_simulated(const fl_study_conf *c);
/* After the grid: adds to its runs those simulated, which `known` may have, and to the file. Ends
 * early, with FL_OK, if a signal has come. */
fl_status fl_study_simulate_all(const fl_study_conf *c, fl_study_runs *known, const char *jsonl,
                                fl_study_runs *runs);

#endif
