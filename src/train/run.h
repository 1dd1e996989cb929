/* run.h: one training run under way; internal to this room. */
#ifndef FROSTLINE_TRAIN_RUN_H
#define FROSTLINE_TRAIN_RUN_H

#include "train/features.h"
#include "train/loss.h"
#include "train/session.h"
#include "train/tally.h"

typedef struct fl_position { /* everything that a checkpoint keeps beside weights and moments */
    int64_t epoch;           /* the epoch under way, from 1 */
    int64_t step;            /* optimizer steps made in all */
    int64_t step_of_epoch;   /* of them in this epoch */
    int phase;               /* of the freeze schedule, whose optimizer state was saved */
    fl_score score;          /* of this epoch so far, over all ranks */
    fl_ledger ledger;        /* likewise, of this rank */
    double best, watched; /* best values of the checkpoint's and of early stopping's monitor; NAN:
                             none yet */
    int64_t bad_epochs;   /* epochs since early stopping's monitor was best */
    bool done;            /* early stopping has ended the run */
} fl_position;

enum { FL_MAX_PHASES = 12 };

typedef struct fl_startup { /* of this process, from its start to the end of its first step */
    int n;
    const char *phase[FL_MAX_PHASES];
    double seconds[FL_MAX_PHASES]; /* of each phase; the first one begins with the process */
    double last;                   /* when the last one ended */
    bool told;
} fl_startup;

typedef struct fl_counts { /* of this rank: what had been moved when its epoch began */
    fl_traffic other;
    fl_transport transport;
    int64_t step;
} fl_counts;

typedef struct fl_run {
    fl_comm *c;
    fl_experiment *x;
    const fl_train_options *options;
    char *dir;        /* the run's folder */
    char *checkpoint; /* folder to continue from, or NULL */
    bool finished;    /* the folder's run had ended already: nothing to do */
    int lock;         /* of the folder, a file descriptor; 0: none */
    fl_data *data;
    fl_loader *loader, *validation;
    const fl_batch *ahead; /* the next step's first, whose static part has run; NULL: not yet */
    fl_share share;        /* of each micro-batch: this rank's */
    fl_tally tally;        /* of a step */
    fl_session *s;
    fl_features kept, kept_validation; /* what crosses the frost line of s */
    fl_report *report;
    fl_position at;
    fl_startup startup;
    const fl_session *measured; /* whose memory was: */
    uint64_t node_memory;       /* bytes, the mean of all nodes */
    fl_times time;              /* of this epoch */
    double epoch_began,
        rows_before; /* rows_before: rows of the epoch that an earlier process worked through */
    fl_epoch_record last;
    fl_counts counts;
    fl_comm_row *rows;   /* of the last epoch, all ranks' */
    bool warned;         /* that other bytes were moved than planned */
    fl_eval_result eval; /* of the last epoch; confusion owned */
    bool announced;      /* status.json says "running" */
    bool tracing;        /* the first of log.trace_steps has begun, and trace.json is not written */
    bool stop;           /* asked to stop: all ranks know */
} fl_run;

/* Parses all sections and builds what was parsed well; errors stand in the config. experiment.c */
void fl_experiment_parse(fl_experiment *x);

/* ---- lock.c: rank 0 only ---- */

/* FL_ERR_CONFIG if another process has the run's folder. */
fl_status fl_run_lock(fl_run *r);
/* Closes; `empty`: takes the file away too. */
void fl_run_unlock(fl_run *r, bool empty);

/* ---- folder.c: rank 0 only, unless said otherwise ---- */

/* Collective. Finds or makes the run's folder and the checkpoint to continue from. */
fl_status fl_run_find_folder(fl_run *r);
/* config.yaml, config.resolved.yaml, summary.txt, env.json. */
fl_status fl_run_describe(const fl_run *r);
fl_status fl_run_set_status(const fl_run *r, const char *state, fl_status status,
                            const char *message);
char *fl_run_path(const fl_run *r, const char *name); /* caller frees */

/* ---- environment.c ---- */

/* Facts about hardware and versions: pairs, NULL-terminated by a NULL name; valid for the program's
 * life. */
const char *const (*fl_environment(fl_comm *c, int *n))[2];

/* ---- startup.c ---- */

void fl_startup_mark(fl_startup *s, const char *phase); /* `phase` ends now; borrows the name */
/* The event {"event":"start","step":…,"ended":<since 1970>,"seconds":{<phase>:…}}; `step` was the
 * process's first. */
void fl_startup_tell(const fl_startup *s, int64_t step, fl_report *report);

/* ---- save.c, resume.c ---- */

/* Collective. Writes a checkpoint of now; `best`: points `best` at it. */
fl_status fl_run_save(fl_run *r, bool best);
/* Reads position (state.json) of r->checkpoint into r->at. Every rank. */
fl_status fl_run_read_position(fl_run *r);
/* Optimizer state and ages of r->checkpoint into the session. Every rank. */
fl_status fl_run_read_optimizer(fl_run *r);
/* FL_ERR_CONFIG lists what differs between the config of the folder's run and this one, if it
 * decides results. */
fl_status fl_run_same_config(const fl_run *r);

/* ---- step.c, epoch.c, eval.c ---- */

fl_status fl_run_step(fl_run *r);  /* collective; one optimizer step */
fl_status fl_run_epoch(fl_run *r); /* collective; from r->at to the epoch's end, or to a stop */
/* Collective. Drops the rows of a set that cannot be read, on all ranks alike, and says how many.
 * NULL: nothing. */
void fl_data_drop_unreadable(fl_comm *c, fl_dataset *d, const char *what);
/* Collective. Scores the whole set, each row once. */
fl_status fl_eval_set(fl_comm *c, const fl_experiment *x, fl_engine *engine, const fl_dataset *set,
                      fl_loader *loader, fl_eval_result *out);
bool fl_run_steps_done(const fl_run *r);      /* train.max_steps are made */
double fl_run_learning_rate(const fl_run *r); /* of the next step, before the rules' scales */

/* ---- ledger.c ---- */

/* Before the first step of an epoch, and after its last one. The latter is collective: it brings
 * what all ranks moved into r->last, and says once where that is not what was planned. */
void fl_run_ledger_begin(fl_run *r);
void fl_run_ledger_end(fl_run *r);

/* ---- trace.c: log.trace_steps ---- */

void fl_run_trace_open(const fl_run *r); /* before the first step, if steps are to be traced */
/* Before each step, and after it. Collective at the first of the steps, and at the last: that
 * writes trace.json. */
void fl_run_trace_begin(fl_run *r);
fl_status fl_run_trace_end(fl_run *r);
/* Collective, after the last step: writes what there is, if the run ended before the last of the
 * steps. Returns `status`, the run's, if that is not FL_OK, with its message. */
fl_status fl_run_trace_close(fl_run *r, fl_status status);

/* ---- signals.c ---- */

void fl_signals_catch(bool first_rank); /* SIGUSR1, SIGTERM, SIGINT ask to stop; a second SIGINT
                                           ends at once with 130 */
void fl_signals_release(void);
bool fl_signals_stop(void);

#endif
