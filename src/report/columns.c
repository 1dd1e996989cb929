/* columns.c: the values of an epoch's record, named once. */
#include "columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEP(name, kind)                                                                           \
    { #name, FL_COLUMN_##kind, offsetof(fl_step_record, name) }
#define EPOCH(name, kind)                                                                          \
    { #name, FL_COLUMN_##kind, offsetof(fl_epoch_record, name) }
#define COMM(name, kind)                                                                           \
    { #name, FL_COLUMN_##kind, offsetof(fl_comm_row, name) }
#define NAMED(name, kind, member)                                                                  \
    { name, FL_COLUMN_##kind, offsetof(fl_epoch_record, member) }
#define TIME(name, member) NAMED(name, DOUBLE, time.member)

const fl_column fl_step_columns[] = {
    STEP(epoch, INT64),          STEP(step, INT64),     STEP(loss, DOUBLE),
    STEP(learning_rate, DOUBLE), STEP(seconds, DOUBLE), {0},
};

const fl_column fl_epoch_columns[] = {
    EPOCH(epoch, INT64),
    EPOCH(step, INT64),
    EPOCH(loss, DOUBLE),
    EPOCH(accuracy, DOUBLE),
    EPOCH(val_loss, DOUBLE),
    EPOCH(val_accuracy, DOUBLE),
    NAMED("val_top5_accuracy", DOUBLE, val_top5),
    EPOCH(learning_rate, DOUBLE),
    EPOCH(seconds, DOUBLE),
    EPOCH(samples_per_second, DOUBLE),
    EPOCH(payload_bytes, UINT64),
    EPOCH(planned_payload_bytes, UINT64),
    EPOCH(unfrozen_payload_bytes, UINT64),
    EPOCH(wire_bytes, UINT64),
    EPOCH(reduce_calls, UINT64),
    EPOCH(reduce_seconds, DOUBLE),
    EPOCH(mpi_bytes, DOUBLE),
    EPOCH(planned_mpi_bytes, DOUBLE),
    EPOCH(unfrozen_mpi_bytes, DOUBLE),
    EPOCH(node_bytes, DOUBLE),
    EPOCH(link_bytes, DOUBLE),
    EPOCH(planned_link_bytes, DOUBLE),
    EPOCH(unfrozen_link_bytes, DOUBLE),
    EPOCH(memory_bytes, UINT64),
    EPOCH(node_memory_bytes, UINT64),
    EPOCH(planned_node_memory_bytes, UINT64),
    EPOCH(features_kept, DOUBLE),
    EPOCH(phase, INT),
    EPOCH(trainable, SIZE),
    EPOCH(best, BOOL),
    {0},
};

const fl_column fl_time_columns[] = {
    TIME("data", data),
    TIME("static", fixed),
    TIME("forward", forward),
    TIME("backward", backward),
    TIME("reduce_exposed", reduce_exposed),
    TIME("update", update),
    TIME("other", other),
    {0},
};

const fl_column fl_comm_columns[] = {
    COMM(epoch, INT64),
    COMM(step, INT64),
    COMM(rank, INT),
    COMM(bucket, TEXT),
    COMM(calls, UINT64),
    COMM(payload_bytes, UINT64),
    COMM(planned_payload_bytes, UINT64),
    COMM(unfrozen_payload_bytes, DOUBLE),
    COMM(mpi_bytes, UINT64),
    COMM(planned_mpi_bytes, DOUBLE),
    COMM(unfrozen_mpi_bytes, DOUBLE),
    COMM(sent_bytes, UINT64),
    COMM(node_bytes, UINT64),
    COMM(planned_node_bytes, DOUBLE),
    COMM(unfrozen_node_bytes, DOUBLE),
    COMM(link_bytes, DOUBLE),
    COMM(planned_link_bytes, DOUBLE),
    COMM(unfrozen_link_bytes, DOUBLE),
    COMM(seconds, DOUBLE),
    COMM(exposed_seconds, DOUBLE),
    {0},
};

void fl_line_add(fl_line *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->s + l->len, sizeof l->s - l->len, format, args);
    va_end(args);
    FL_CHECK(n >= 0 && (size_t)n < sizeof l->s - l->len, "a report's line is too long");
    l->len += (size_t)n;
}

void fl_line_number(fl_line *l, double v, const char *missing) {
    if (!isfinite(v)) {
        fl_line_add(l, "%s", missing);
        return;
    }
    char digits[40];
    for (int precision = 9; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, v);
        if (strtod(digits, NULL) == v) break;
    }
    fl_line_add(l, "%s", digits);
}

void fl_line_value(fl_line *l, const fl_column *c, const void *record, const char *missing) {
    const void *at = (const char *)record + c->offset;
    switch (c->kind) {
    case FL_COLUMN_INT64: fl_line_add(l, "%lld", (long long)*(const int64_t *)at); break;
    case FL_COLUMN_UINT64: fl_line_add(l, "%llu", (unsigned long long)*(const uint64_t *)at); break;
    case FL_COLUMN_SIZE: fl_line_add(l, "%zu", *(const size_t *)at); break;
    case FL_COLUMN_INT: fl_line_add(l, "%d", *(const int *)at); break;
    case FL_COLUMN_BOOL: fl_line_add(l, "%s", *(const bool *)at ? "true" : "false"); break;
    case FL_COLUMN_TEXT: fl_line_add(l, "%s", (const char *)at); break;
    case FL_COLUMN_DOUBLE: fl_line_number(l, *(const double *)at, missing); break;
    }
}

void fl_column_set(const fl_column *c, void *record, double v) {
    void *at = (char *)record + c->offset;
    if (c->kind == FL_COLUMN_DOUBLE) *(double *)at = v;
    /* What no integer can hold is a damaged line; it counts as not given. */
    if (!(v > 0 && v < 0x1p63)) return;
    switch (c->kind) {
    case FL_COLUMN_INT64: *(int64_t *)at = (int64_t)v; break;
    case FL_COLUMN_UINT64: *(uint64_t *)at = (uint64_t)v; break;
    case FL_COLUMN_SIZE: *(size_t *)at = (size_t)v; break;
    case FL_COLUMN_INT: *(int *)at = v < 0x1p31 ? (int)v : 0; break;
    case FL_COLUMN_BOOL: *(bool *)at = true; break;
    case FL_COLUMN_DOUBLE:
    case FL_COLUMN_TEXT: break;
    }
}
