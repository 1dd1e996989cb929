/* study_run.c: one run of a study: planned, measured, written to study.jsonl, read back. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "history.h"
#include "study.h"

#define NAME(name) #name,
const char *const fl_study_names[FL_STUDY_FIGURES] = {FL_STUDY_MEASURES(NAME)
                                                          FL_STUDY_DERIVED(NAME)};

fl_study_run fl_study_run_new(const char *key, const char *rule) {
    fl_study_run r = {.key = fl_strdup(key), .rule = fl_strdup(rule)};
    for (int i = 0; i < FL_STUDY_FIGURES; i++) r.value[i] = NAN;
    return r;
}

void fl_study_run_close(fl_study_run *r) {
    fl_free(r->key);
    fl_free(r->rule);
    fl_free(r->message);
    fl_free(r->step);
    fl_free(r->epoch);
}

void fl_study_runs_add(fl_study_runs *s, fl_study_run r) {
    s->run = fl_resize(s->run, (size_t)(s->n + 1) * sizeof *s->run);
    s->run[s->n++] = r;
}

void fl_study_runs_close(fl_study_runs *s) {
    for (int i = 0; i < s->n; i++) fl_study_run_close(&s->run[i]);
    fl_free(s->run);
}

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

/* ---- planned ---- */

void fl_study_predict(const char *plan_json, fl_study_run *r) {
    json_t *o = json_loads(plan_json, 0, NULL), *parameters = json_object_get(o, "parameters");
    FL_CHECK(o, "the plan's JSON does not parse");
    r->value[FL_STUDY_np] = number(o, "np");
    r->value[FL_STUDY_batch_size] = number(o, "batch_size");
    r->value[FL_STUDY_parameters] = number(parameters, "total");
    r->value[FL_STUDY_trainable] = number(parameters, "trainable");
    r->value[FL_STUDY_predicted_payload_bytes] = number(o, "payload_bytes");
    r->value[FL_STUDY_unfrozen_payload_bytes] = number(o, "unfrozen_payload_bytes");
    r->value[FL_STUDY_predicted_wire_bytes] = number(o, "wire_bytes_per_rank");
    r->value[FL_STUDY_predicted_step_seconds] = number(o, "predicted_step_seconds");
    r->value[FL_STUDY_predicted_cached_step_seconds] = number(o, "predicted_cached_step_seconds");
    json_decref(o);
}

/* ---- measured ---- */

void fl_study_quantiles(fl_study_run *r) {
    r->value[FL_STUDY_step_seconds] = fl_quantile(r->n_steps, r->step, sizeof *r->step, 0.5);
    r->value[FL_STUDY_step_seconds_p10] = fl_quantile(r->n_steps, r->step, sizeof *r->step, 0.1);
    r->value[FL_STUDY_step_seconds_p90] = fl_quantile(r->n_steps, r->step, sizeof *r->step, 0.9);
    r->value[FL_STUDY_samples_per_second] =
        r->value[FL_STUDY_batch_size] / r->value[FL_STUDY_step_seconds];
}

/* A run that found all of them kept from the start knows no other steps. */
static bool is_kept(const fl_history *h, int64_t epoch) {
    if (h->n_epochs && h->epoch[0].features_kept == 1) return false;
    for (int i = 0; i < h->n_epochs; i++)
        if (h->epoch[i].epoch == epoch) return h->epoch[i].features_kept == 1;
    return false;
}

static void measure_steps(const fl_history *h, fl_study_run *r) {
    int skipped = h->n_steps > 1, n_kept = 0;
    double *kept = fl_alloc((size_t)h->n_steps * sizeof *kept);
    r->step = fl_alloc((size_t)h->n_steps * sizeof *r->step);
    for (int i = skipped; i < h->n_steps; i++) {
        double seconds = h->step[i].seconds;
        if (is_kept(h, h->step[i].epoch))
            kept[n_kept++] = seconds;
        else
            r->step[r->n_steps++] = seconds;
    }
    r->value[FL_STUDY_cached_step_seconds] = fl_quantile(n_kept, kept, sizeof *kept, 0.5);
    fl_free(kept);
    fl_study_quantiles(r);
}

static double accuracy_of(const fl_epoch_record *e) {
    return isnan(e->val_accuracy) ? e->accuracy : e->val_accuracy;
}

static void add_times(double *v, const fl_times *t) {
    const double times[] = {t->data,           t->fixed,  t->forward, t->backward,
                            t->reduce_exposed, t->update, t->other};
    for (size_t i = 0; i < FL_COUNT(times); i++) v[FL_STUDY_time_data + i] += times[i];
}

/* Of a step, where its seconds go: like its median, without the epochs on kept features. */
static void measure_phases(const fl_history *h, fl_study_run *r) {
    double seconds = 0, steps = 0, *v = r->value;
    for (int i = FL_STUDY_time_data; i <= FL_STUDY_time_other; i++) v[i] = 0;
    for (int i = 0; i < h->n_epochs; i++) {
        const fl_epoch_record *e = &h->epoch[i];
        if (is_kept(h, e->epoch)) continue;
        seconds += e->seconds;
        steps += (double)(e->step - (i ? h->epoch[i - 1].step : 0));
        add_times(v, &e->time);
    }
    v[FL_STUDY_exposed_share] = v[FL_STUDY_time_reduce_exposed] / seconds;
    for (int i = FL_STUDY_time_data; i <= FL_STUDY_time_other; i++) v[i] /= steps;
}

/* Sums over the epochs, then means over the steps. */
static void measure_epochs(const fl_history *h, fl_study_run *r) {
    double seconds = 0, payload = 0, wire = 0, mpi = 0, planned = 0, *v = r->value;
    const fl_epoch_record *last = &h->epoch[h->n_epochs - 1];
    r->epoch = fl_alloc((size_t)h->n_epochs * sizeof *r->epoch);
    for (int i = 0; i < h->n_epochs; i++) {
        const fl_epoch_record *e = &h->epoch[i];
        seconds += e->seconds, payload += (double)e->payload_bytes, wire += (double)e->wire_bytes;
        mpi += e->mpi_bytes, planned += e->planned_mpi_bytes;
        r->epoch[r->n_epochs++] = (fl_study_epoch){seconds, payload, accuracy_of(e)};
    }
    double steps = (double)last->step;
    v[FL_STUDY_steps] = steps;
    v[FL_STUDY_payload_bytes] = payload / steps;
    v[FL_STUDY_wire_bytes] = wire / steps;
    v[FL_STUDY_mpi_bytes] = mpi / steps;
    v[FL_STUDY_predicted_mpi_bytes] = planned / steps;
    v[FL_STUDY_memory_bytes] = (double)last->memory_bytes;
    v[FL_STUDY_node_memory_bytes] = (double)last->node_memory_bytes;
    v[FL_STUDY_predicted_node_memory_bytes] = (double)last->planned_node_memory_bytes;
    v[FL_STUDY_loss] = isnan(last->val_loss) ? last->loss : last->val_loss;
    v[FL_STUDY_accuracy] = accuracy_of(last);
}

fl_status fl_study_measure(const char *run_dir, fl_study_run *r) {
    fl_history h;
    char *path = fl_path_join(run_dir, "metrics.jsonl");
    fl_status status = fl_history_read(path, &h);
    if (status == FL_OK && (!h.n_epochs || h.epoch[h.n_epochs - 1].step < 1))
        status =
            fl_fail(FL_ERR_INPUT, "%s tells of no epoch; the run left nothing to measure", path);
    if (status == FL_OK) {
        measure_steps(&h, r);
        measure_phases(&h, r);
        measure_epochs(&h, r);
        fl_history_free(&h);
    }
    fl_free(path);
    return status;
}

/* ---- study.jsonl ---- */

static void set_number(json_t *o, const char *key, double v) {
    if (isfinite(v))
        json_object_set_new(
            o, key, floor(v) == v && fabs(v) < 0x1p53 ? json_integer((json_int_t)v) : json_real(v));
}

static json_t *line_of(const fl_study_run *r) {
    json_t *o = json_object(), *steps = json_array(), *epochs = json_array();
    char *message = r->message ? fl_utf8_repair(r->message) : NULL;
    json_object_set_new(o, "key", json_string(r->key));
    json_object_set_new(o, "freeze", json_string(r->rule));
    if (message) json_object_set_new(o, "message", json_string(message));
    for (int i = 0; i < FL_STUDY_MEASURED; i++) set_number(o, fl_study_names[i], r->value[i]);
    for (int i = 0; i < r->n_steps; i++) json_array_append_new(steps, json_real(r->step[i]));
    for (int i = 0; i < r->n_epochs; i++) {
        json_t *e = json_object();
        set_number(e, "seconds", r->epoch[i].seconds);
        set_number(e, "payload_bytes", r->epoch[i].payload_bytes);
        set_number(e, "accuracy", r->epoch[i].accuracy);
        json_array_append_new(epochs, e);
    }
    json_object_set_new(o, "seconds_of_steps", steps);
    json_object_set_new(o, "epochs", epochs);
    fl_free(message);
    return o;
}

static int add_bytes(const char *bytes, size_t n, void *text) {
    fl_text_put(text, bytes, n);
    return 0;
}

static fl_status write_line(const char *path, const fl_text *t) {
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    bool written = fd >= 0 && write(fd, t->s, t->len) == (ssize_t)t->len && fsync(fd) == 0;
    int error = errno;
    if (fd >= 0) close(fd);
    if (written) return FL_OK;
    return fl_fail(FL_ERR_IO, "%s: cannot write: %s; free space or choose another --run-dir", path,
                   strerror(error));
}

/* A line that was torn by a crash must not swallow this one. */
fl_status fl_study_append(const char *path, const fl_study_run *r) {
    fl_text t = {0};
    char *before = NULL;
    size_t len = 0;
    if (fl_exists(path)) FL_TRY(fl_file_read(path, &before, &len));
    if (len && before[len - 1] != '\n') fl_text_add(&t, "\n");
    fl_free(before);
    json_t *o = line_of(r);
    json_dump_callback(o, add_bytes, &t, JSON_COMPACT);
    json_decref(o);
    fl_text_add(&t, "\n");
    fl_status status = write_line(path, &t);
    fl_free(t.s);
    return status;
}

static fl_study_run run_of(const json_t *o, const char *key, const char *rule) {
    fl_study_run r = fl_study_run_new(key, rule);
    const json_t *steps = json_object_get(o, "seconds_of_steps"),
                 *epochs = json_object_get(o, "epochs");
    const char *message = json_string_value(json_object_get(o, "message"));
    if (message) r.message = fl_strdup(message);
    for (int i = 0; i < FL_STUDY_MEASURED; i++) r.value[i] = number(o, fl_study_names[i]);
    r.n_steps = (int)json_array_size(steps);
    r.n_epochs = (int)json_array_size(epochs);
    r.step = fl_alloc((size_t)r.n_steps * sizeof *r.step);
    r.epoch = fl_alloc((size_t)r.n_epochs * sizeof *r.epoch);
    for (int i = 0; i < r.n_steps; i++)
        r.step[i] = json_number_value(json_array_get(steps, (size_t)i));
    for (int i = 0; i < r.n_epochs; i++) {
        const json_t *e = json_array_get(epochs, (size_t)i);
        r.epoch[i] = (fl_study_epoch){number(e, "seconds"), number(e, "payload_bytes"),
                                      number(e, "accuracy")};
    }
    return r;
}

static void take_line(fl_study_runs *s, const char *line, size_t len) {
    json_t *o = json_loadb(line, len, 0, NULL);
    const char *key = json_string_value(json_object_get(o, "key")),
               *rule = json_string_value(json_object_get(o, "freeze"));
    int at = 0;
    while (key && at < s->n && strcmp(s->run[at].key, key) != 0) at++;
    if (key && rule && at < s->n) {
        fl_study_run_close(&s->run[at]);
        s->run[at] = run_of(o, key, rule);
    } else if (key && rule) {
        fl_study_runs_add(s, run_of(o, key, rule));
    }
    json_decref(o);
}

fl_status fl_study_read(const char *path, fl_study_runs *out) {
    *out = (fl_study_runs){0};
    if (!fl_exists(path)) return FL_OK;
    char *data;
    size_t size;
    FL_TRY(fl_file_read(path, &data, &size));
    for (const char *at = data, *end = data + size; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        take_line(out, at, (size_t)(stop - at));
        at = stop + 1;
    }
    fl_free(data);
    return FL_OK;
}
