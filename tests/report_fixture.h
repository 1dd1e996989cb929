/* Runs that never took place, told to a report in the scratch folder, and what it wrote there. */
#ifndef FROSTLINE_TESTS_REPORT_FIXTURE_H
#define FROSTLINE_TESTS_REPORT_FIXTURE_H

#include <fcntl.h>
#include <math.h>

#include "frostline/report.h"
#include "scratch.h"

static inline char *contents(const char *name) {
    char *data;
    assert_int_equal(fl_file_read(scratch_path(name), &data, NULL), FL_OK);
    return data;
}

static inline void put_file(const char *name, const char *text) {
    assert_int_equal(fl_file_write(scratch_path(name), text, strlen(text)), FL_OK);
}

static inline int count(const char *text, const char *what) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) n++;
    return n;
}

static inline void append_to(const char *name, const char *text) {
    char *old = contents(name), *new = fl_format("%s%s", old, text);
    put_file(name, new);
    fl_free(old);
    fl_free(new);
}

/* stream goes to a file of the folder until restore() */
static inline int divert(FILE *stream, const char *name) {
    fflush(stream);
    int saved = dup(fileno(stream)),
        fd = open(scratch_path(name), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, fileno(stream)) >= 0);
    close(fd);
    return saved;
}

static inline void restore(FILE *stream, int saved) {
    fflush(stream);
    dup2(saved, fileno(stream));
    close(saved);
}

/* Two ranks' accounts of one bucket, of the rest, and of all. */
#define ROW(number, name, gradient, mpi, link)                                                     \
    {                                                                                              \
        .epoch = 1, .step = 110, .rank = number, .bucket = name, .calls = 110,                     \
        .payload_bytes = gradient, .planned_payload_bytes = gradient,                              \
        .unfrozen_payload_bytes = 2.0 * gradient, .mpi_bytes = mpi, .planned_mpi_bytes = mpi,      \
        .unfrozen_mpi_bytes = 2.0 * mpi, .node_bytes = 512, .planned_node_bytes = 512,             \
        .unfrozen_node_bytes = 1024, .link_bytes = link, .planned_link_bytes = 3730000,            \
        .unfrozen_link_bytes = 7460000, .seconds = 0.2, .exposed_seconds = 0.1                     \
    }
static const fl_comm_row comm_rows[] = {
    ROW(0, "0", 3591000, 3590000, NAN),
    ROW(0, "other", 0, 1000, NAN),
    ROW(0, "all", 3591000, 3591000, 3800000),
    ROW(1, "0", 3591000, 3590000, NAN),
    ROW(1, "other", 0, 1000, NAN),
    ROW(1, "all", 3591000, 3591000, 3800000),
};
#undef ROW
enum { COMM_ROWS = sizeof comm_rows / sizeof comm_rows[0] };

static inline fl_epoch_record epoch_of(int64_t i, int64_t n) {
    static fl_comm_row rows[COMM_ROWS]; /* valid until the next call */
    double x = (double)i;
    for (int k = 0; k < COMM_ROWS; k++) {
        rows[k] = comm_rows[k];
        rows[k].epoch = i;
        rows[k].step = 110 * i;
    }
    return (fl_epoch_record){
        .epoch = i,
        .epochs = n,
        .step = 110 * i,
        .loss = 1.7 / x + 0.1,
        .accuracy = 1 - 0.6 / x,
        .val_loss = 1.8 / x + 0.2,
        .val_accuracy = 1 - 0.7 / x,
        .val_top5 = NAN,
        .learning_rate = 1e-3 / 3,
        .seconds = 3.4,
        .samples_per_second = 1030.1,
        .payload_bytes = 3591000,
        .planned_payload_bytes = 3591000,
        .unfrozen_payload_bytes = 7827149400,
        .wire_bytes = 5386500,
        .reduce_calls = 110,
        .reduce_seconds = 0.2,
        .n_comm = COMM_ROWS,
        .comm = rows,
        .mpi_bytes = 7182000,
        .planned_mpi_bytes = 7182000,
        .link_bytes = 7600000,
        .memory_bytes = 1u << 30,
        .time = {0.5, 1.1, 0.4, 1.0, 0.1, 0.2, 0.1},
        .phase = i > n / 2,
        .trainable = 131978,
        .best = i == n,
    };
}

static inline fl_step_record step_of(int64_t step) {
    return (fl_step_record){1 + (step - 1) / 110,
                            step,
                            1 + (step - 1) % 110,
                            110,
                            5,
                            1.0 / 3 + 1.0 / (double)step,
                            1e-3,
                            0.0123};
}

static inline fl_report *open_report(bool append, int64_t resume_step) {
    fl_report_conf conf = {scratch, FL_PROGRESS_NONE, 10, append, resume_step};
    fl_report *r = NULL;
    assert_int_equal(fl_report_open(&conf, &r), FL_OK);
    return r;
}

/* The epoch's line on stdout is not for the eyes of who runs the tests. */
static inline fl_status quietly(fl_report *r, fl_epoch_record e) {
    int saved = divert(stdout, "stdout");
    fl_status status = fl_report_epoch(r, &e);
    restore(stdout, saved);
    return status;
}

/* Epochs from…to of a run of n, their steps with them. */
static inline void run(fl_report *r, int64_t from, int64_t to, int64_t n) {
    for (int64_t e = from; e <= to; e++) {
        for (int64_t s = 110 * (e - 1) + 1; s <= 110 * e; s++) {
            fl_step_record step = step_of(s);
            fl_report_step(r, &step);
        }
        assert_int_equal(quietly(r, epoch_of(e, n)), FL_OK);
    }
}

#endif
