/* study.h: what a scaling study measured, and what it leaves behind: study.jsonl (a line a run),
 * study.csv (a row a point), report.html, a gnuplot script. A point is a rank count and a freeze
 * rule; it is run once or several times. One process calls. */
#ifndef FROSTLINE_STUDY_H
#define FROSTLINE_STUDY_H

#include "frostline/base.h"

/* figure(name): the numbers of a run. Bytes are those of one step; wire: what one of n ranks sends
 * in a ring, 2 (n - 1) / n payloads, where simulated the mean of what is sent; mpi: what all ranks
 * hand to MPI, counted; seconds those of one step; cached: once all features are kept, which the
 * others are then without; simulated: 1 if nothing was run; NAN: not known. */
#define FL_STUDY_MEASURES(figure)                                                                  \
    figure(np) figure(repeat) figure(exit_code) figure(batch_size) figure(steps)                   \
        figure(parameters) figure(trainable) figure(predicted_payload_bytes) figure(payload_bytes) \
            figure(unfrozen_payload_bytes) figure(predicted_wire_bytes) figure(wire_bytes)         \
                figure(predicted_mpi_bytes) figure(mpi_bytes) figure(predicted_node_memory_bytes)  \
                    figure(node_memory_bytes) figure(memory_bytes) figure(predicted_step_seconds)  \
                        figure(predicted_cached_step_seconds) figure(step_seconds)                 \
                            figure(step_seconds_p10) figure(step_seconds_p90)                      \
                                figure(cached_step_seconds) figure(samples_per_second)             \
                                    figure(time_data) figure(time_static) figure(time_forward)     \
                                        figure(time_backward) figure(time_reduce_exposed)          \
                                            figure(time_update) figure(time_other)                 \
                                                figure(exposed_share) figure(loss)                 \
                                                    figure(accuracy) figure(simulated)
/* Those of a point alone: speed-up over the fewest ranks of its rule in samples per second,
 * efficiency = speed-up · fewest ranks / ranks; errors: predicted / measured - 1; ratios to the
 * same ranks with nothing frozen. */
#define FL_STUDY_DERIVED(figure)                                                                   \
    figure(runs) figure(failed) figure(speedup) figure(efficiency) figure(prediction_error)        \
        figure(cached_prediction_error) figure(payload_ratio) figure(step_ratio)                   \
            figure(memory_ratio)

#define FL_STUDY_ENUM(name) FL_STUDY_##name,
typedef enum fl_study_figure {
    FL_STUDY_MEASURES(FL_STUDY_ENUM) FL_STUDY_MEASURED,
    FL_STUDY_BEFORE_DERIVED = FL_STUDY_MEASURED - 1,
    FL_STUDY_DERIVED(FL_STUDY_ENUM) FL_STUDY_FIGURES
} fl_study_figure;
#undef FL_STUDY_ENUM
extern const char *const fl_study_names[FL_STUDY_FIGURES];

typedef struct fl_study_epoch { /* where a run stood at an epoch's end, from its start */
    double seconds, payload_bytes, accuracy;
} fl_study_epoch;

typedef struct fl_study_run {
    char *key, *rule, *message; /* owned; message: why it failed, or NULL */
    double value[FL_STUDY_FIGURES];
    int n_steps, n_epochs;
    double *step; /* seconds of each step but the first, which warms up, and those on kept features;
                     owned */
    fl_study_epoch *epoch;
} fl_study_run;

/* Every figure NAN. Copies both texts. */
fl_study_run fl_study_run_new(const char *key, const char *rule);
void fl_study_run_close(fl_study_run *r);

/* What a plan's JSON (fl_plan_json) says beforehand of a run. */
void fl_study_predict(const char *plan_json, fl_study_run *r);
/* What the folder of a finished run says. FL_ERR_INPUT if it tells of no epoch. */
fl_status fl_study_measure(const char *run_dir, fl_study_run *r);

typedef struct fl_study_runs {
    int n;
    fl_study_run *run;
} fl_study_runs;
void fl_study_runs_add(fl_study_runs *s, fl_study_run r); /* takes r */
void fl_study_runs_close(fl_study_runs *s);

/* Reads study.jsonl: of runs with one key the last. A missing file is no runs; a torn line is
 * passed over. */
fl_status fl_study_read(const char *path, fl_study_runs *out);
/* Adds a line, and has it on the disk before it returns. */
fl_status fl_study_append(const char *path, const fl_study_run *r);

typedef struct fl_study_page {
    const char *title, *command, *config_text;
    const char *source;      /* that it is made from */
    const char *warning;     /* or NULL */
    const char *none;        /* the rule that freezes nothing, or NULL: ratios are to it */
    int n_rules, n_np;       /* the grid */
    const char *const *rule; /* in the order in which they are shown */
    const int *np;           /* ascending */
    int n_simulated;         /* rank counts; 0: none, */
    const int *simulated;    /* ascending, */
    const char *network;     /* on which network */
    double latency_seconds, bytes_per_second;
    int n_facts;
    const char *const (*fact)[2]; /* hardware, binding, versions */
} fl_study_page;

/* The points of a grid, (rules, np), each from its runs: medians over the runs, step times over
 * all steps of all runs. value[runs] is 0 where nothing was measured. Caller closes. */
fl_study_runs fl_study_points(const fl_study_page *page, const fl_study_runs *runs);
/* The same of what was simulated, (rules, n_simulated); speed-up is over what was measured. */
fl_study_runs fl_study_simulated(const fl_study_page *page, const fl_study_runs *runs,
                                 const fl_study_runs *points);

/* <dir>/study.csv and <dir>/report.html. */
fl_status fl_study_write(const char *dir, const fl_study_page *page, const fl_study_runs *runs);
/* <dir>/figure.gp and figure.dat: `gnuplot figure.gp` makes figure.pdf, with speed-up, efficiency,
 * bytes and exposed communication. */
fl_status fl_study_gnuplot(const char *dir, const fl_study_page *page, const fl_study_runs *runs);

#endif
