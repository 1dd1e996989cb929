/* report.h: what a run says and leaves behind: console lines, metrics.jsonl, epochs.csv, comm.csv,
 * report.html, tables of a model and its plan. Only rank 0 calls. */
#ifndef FROSTLINE_REPORT_H
#define FROSTLINE_REPORT_H

#include "frostline/plan.h"
#include "frostline/trace.h"

typedef struct fl_times {
    double data, fixed, forward, backward, reduce_exposed, update, other;
} fl_times; /* s */

typedef struct fl_step_record { /* one logged step; seconds of that step alone */
    int64_t epoch, step;        /* from 1; step counts over all epochs */
    int64_t step_of_epoch, steps_per_epoch, epochs;
    double loss, learning_rate, seconds;
} fl_step_record;

typedef struct fl_comm_row { /* what one rank moved in an epoch's steps: a line of comm.csv */
    int64_t epoch, step;
    int rank;
    char bucket[16]; /* "0", …; "other": control sums and the like; "all": the rank's sum */
    uint64_t calls;
    uint64_t payload_bytes, planned_payload_bytes; /* of gradient */
    uint64_t mpi_bytes;                            /* handed to MPI, */
    uint64_t sent_bytes;                           /* of them, those for other nodes */
    uint64_t node_bytes; /* read from or written to neighbours' shared memory */
    double planned_mpi_bytes, planned_node_bytes; /* by the reducer's formula; NAN: not planned */
    double link_bytes; /* sent by TCP with all headers, as the kernel counted; NAN: not known */
    double planned_link_bytes;
    double unfrozen_payload_bytes, unfrozen_mpi_bytes, /* planned with nothing frozen; NAN but in */
        unfrozen_node_bytes, unfrozen_link_bytes;      /* "all" */
    double seconds, exposed_seconds;                   /* NAN for "other" */
} fl_comm_row;

typedef struct fl_epoch_record {
    int64_t epoch, epochs, step;
    double loss, accuracy;                   /* NAN: does not apply */
    double val_loss, val_accuracy, val_top5; /* NAN: no validation */
    double learning_rate;
    double seconds, samples_per_second;
    uint64_t payload_bytes, planned_payload_bytes, unfrozen_payload_bytes, wire_bytes, reduce_calls;
    double reduce_seconds;
    uint64_t memory_bytes; /* peak resident of rank 0 */
    uint64_t node_memory_bytes,
        planned_node_memory_bytes; /* of all ranks of a node, while training:
                                      pages that they share once */
    /* Sums over all ranks of what fl_comm_row says, since this process began with the epoch. NAN as
     * there. */
    double mpi_bytes, planned_mpi_bytes, unfrozen_mpi_bytes;
    double node_bytes;
    double link_bytes, planned_link_bytes, unfrozen_link_bytes;
    int n_comm; /* rows for comm.csv, borrowed */
    const fl_comm_row *comm;
    fl_times time;
    int phase;            /* of the freeze schedule, from 0 */
    size_t trainable;     /* parameters that learn in this epoch */
    double features_kept; /* share of rank 0's rows whose static part was not run again; NAN: none
                             are kept */
    bool best;            /* the checkpoint monitor's best so far */
} fl_epoch_record;

typedef enum fl_progress {
    FL_PROGRESS_AUTO,
    FL_PROGRESS_BAR,
    FL_PROGRESS_PLAIN,
    FL_PROGRESS_NONE
} fl_progress;

typedef struct fl_report fl_report;

typedef struct fl_report_conf {
    const char *dir; /* the run's folder; NULL: console only */
    fl_progress progress;
    int64_t log_every_n_steps; /* 0: never */
    bool append; /* resuming: lines of steps after `resume_step` are cut off first, so none stands
                    twice */
    int64_t resume_step;
} fl_report_conf;

fl_status fl_report_open(const fl_report_conf *conf, fl_report **out);
/* Called every step: moves the bar; every n-th step also writes the line to the log and to
 * metrics.jsonl. */
void fl_report_step(fl_report *r, const fl_step_record *s);
/* The epoch's line on stdout, in metrics.jsonl, epochs.csv, comm.csv. */
fl_status fl_report_epoch(fl_report *r, const fl_epoch_record *e);
/* Any other line of metrics.jsonl: a JSON object as text, such as {"event":"thaw","epoch":3}. */
void fl_report_event(fl_report *r, const char *json);
void fl_report_close(fl_report *r);

typedef struct fl_html_page { /* what report.html shows beside what the run's files hold */
    const char *title, *config_text, *summary_text, *command;
    const char *status; /* "finished", … */
    int np;
    int n_classes;
    const int64_t *confusion;
    const char *const *class_name; /* (n, n): row truth, column prediction; or NULL */
    int n_facts;
    const char *const (*fact)[2]; /* hardware, versions */
} fl_html_page;
/* Makes <dir>/report.html, one file with inline SVG, from <dir>/metrics.jsonl, comm.csv and the
 * page. */
fl_status fl_report_html(const char *dir, const fl_html_page *page);

/* ---- the timeline ---- */

typedef struct fl_trace_rank {
    char host[65];
    int64_t n;     /* events */
    uint64_t lost; /* that came before them and were not kept */
} fl_trace_rank;

typedef struct fl_timeline {
    int ranks;
    const fl_trace_rank *rank;   /* (ranks) */
    size_t most;                 /* events of the rank that has the most */
    const fl_trace_event *event; /* (ranks, most); each rank's in the order of their ends, buckets
                                  * also in that of their beginnings */
    const fl_model *model;       /* names the layers */
} fl_timeline;
/* Makes <dir>/trace.json in the Trace Event Format of chrome://tracing and Perfetto: a process for
 * each rank; its thread 0 computes, the others hold the buckets that are under way at a time. Times
 * in microseconds. FL_ERR_IO if the disk refuses. */
fl_status fl_report_trace(const char *dir, const fl_timeline *t);

/* ---- tables of a model and its plan; text, caller frees ---- */

/* columns of the screen: where they are few, tables lose their lines, then parts of long names.
 * 0: any width. */

/* Keras's table. optimizer: its name, for the line about its state; NULL: no such line. Totals
 * count parameters and buffers; trainable ones are those that the optimizer changes. */
char *fl_summary_text(const fl_plan *p, const char *optimizer, int columns);
/* Per layer what runs (FLOPs of one row), then buckets, memory and bytes reduced, and, once worked
 * out, moved. */
char *fl_plan_table(const fl_plan *p, int columns);
/* One JSON object on one line. "flops" are those of the busiest rank in one step: its rows ×
 * accumulation × those of a row, static layers counted as if nothing were cached; a layer's
 * "flops_per_row" are those of one row. Bytes moved are those of all ranks together, but
 * "…_per_rank": of the rank that moves most. */
char *fl_plan_json(const fl_plan *p);

typedef struct fl_what_if_point { /* one depth of freezing at one rank count */
    int nodes;
    double frozen, payload, memory; /* share of the parameters; bytes a step; bytes a node */
    double step, cached_step;       /* seconds */
} fl_what_if_point;

typedef struct fl_what_if { /* every depth at which a net may be frozen */
    int n_np, n_depths;
    const int *np;           /* ascending; up to FL_WHAT_IF_RANKS */
    const char *const *rule; /* (depths), from nothing frozen on */
    fl_what_if_point *point; /* (depths, np) */
    int64_t batch_size;
    bool keeps;          /* features are kept */
    const char *network; /* or NULL */
} fl_what_if;
enum { FL_WHAT_IF_RANKS = 8 };
const fl_what_if_point *fl_what_if_at(const fl_what_if *w, int depth, int np);
/* The index of the most ranks that are at least 5 % faster than the fewer before. */
int fl_what_if_pays(const fl_what_if *w, int depth, bool cached);
char *fl_what_if_text(const fl_what_if *w, int columns);
char *fl_what_if_json(const fl_what_if *w);

/* "14.7 M", "527.9 kB", "1 h 02 min" into buf (≥ 32 bytes), which is returned. */
const char *fl_human_count(double n, char *buf);
const char *fl_human_bytes(double n, char *buf);
const char *fl_human_seconds(double s, char *buf);

#endif
