/* history.c: reads metrics.jsonl back. */
#include "history.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "columns.h"

static double number_of(const json_t *v) {
    if (json_is_boolean(v)) return json_is_true(v);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void fill(const json_t *object, const fl_column *columns, void *record) {
    for (const fl_column *c = columns; c->name; c++)
        fl_column_set(c, record, number_of(json_object_get(object, c->name)));
}

/* Room for one more: arrays double at powers of two. */
static void *grown(void *array, int n, size_t size) {
    bool full = (n & (n - 1)) == 0;
    return full ? fl_resize(array, size * (n ? 2 * (size_t)n : 1)) : array;
}

static void add_step(fl_history *h, const json_t *line) {
    fl_step_record s = {0};
    fill(line, fl_step_columns, &s);
    while (h->n_steps && h->step[h->n_steps - 1].step >= s.step) h->n_steps--;
    h->step = grown(h->step, h->n_steps, sizeof s);
    h->step[h->n_steps++] = s;
}

static void add_epoch(fl_history *h, const json_t *line) {
    fl_epoch_record e = {0};
    fill(line, fl_epoch_columns, &e);
    fill(json_object_get(line, "time"), fl_time_columns, &e);
    while (h->n_epochs && h->epoch[h->n_epochs - 1].epoch >= e.epoch) h->n_epochs--;
    h->epoch = grown(h->epoch, h->n_epochs, sizeof e);
    h->epoch[h->n_epochs++] = e;
}

static void add_line(fl_history *h, const char *line, size_t len) {
    json_t *root = json_loadb(line, len, 0, NULL);
    const char *event = json_string_value(json_object_get(root, "event"));
    if (event && strcmp(event, "step") == 0) add_step(h, root);
    if (event && strcmp(event, "epoch") == 0) add_epoch(h, root);
    json_decref(root);
}

fl_status fl_history_read(const char *path, fl_history *out) {
    *out = (fl_history){0};
    if (!fl_exists(path)) return FL_OK;
    char *data;
    size_t size;
    FL_TRY(fl_file_read(path, &data, &size));
    for (const char *at = data, *end = data + size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        add_line(out, at, (size_t)(stop - at));
        at = stop + 1;
    }
    fl_free(data);
    return FL_OK;
}

void fl_history_free(fl_history *h) {
    fl_free(h->step);
    fl_free(h->epoch);
}

/* Bytes that MPI was given beyond the plan; what is not told is none. */
static double surplus(const fl_epoch_record *e) {
    double n = e->mpi_bytes - e->planned_mpi_bytes;
    return isnan(n) ? 0 : n;
}

static bool alike(const fl_epoch_record *a, const fl_epoch_record *b) {
    return a->phase == b->phase && a->trainable == b->trainable &&
           a->payload_bytes == b->payload_bytes && a->wire_bytes == b->wire_bytes &&
           a->planned_payload_bytes == b->planned_payload_bytes &&
           a->unfrozen_payload_bytes == b->unfrozen_payload_bytes &&
           a->reduce_calls == b->reduce_calls && surplus(a) == surplus(b);
}

int fl_history_alike(const fl_history *h, int from) {
    int i = from;
    while (i < h->n_epochs && alike(&h->epoch[i], &h->epoch[from])) i++;
    return i;
}

/* NaN is never better. */
static bool better(const fl_epoch_record *a, const fl_epoch_record *b) {
    if (!isnan(a->val_accuracy)) return !(b->val_accuracy >= a->val_accuracy);
    if (!isnan(a->accuracy)) return isnan(b->val_accuracy) && !(b->accuracy >= a->accuracy);
    return isnan(b->val_accuracy) && isnan(b->accuracy) && a->loss < b->loss;
}

int fl_history_best(const fl_history *h) {
    int marked = -1, best = h->n_epochs ? 0 : -1;
    for (int i = 0; i < h->n_epochs; i++) {
        if (h->epoch[i].best) marked = i; /* the mark says "best so far": the last one holds */
        if (i > 0 && better(&h->epoch[i], &h->epoch[best])) best = i;
    }
    return marked >= 0 ? marked : best;
}
