/* trace.json: what every rank did when, in the Trace Event Format ("complete" events, ph X, and
 * names of processes and threads, ph M). Events of one thread nest or do not touch. */
#include <jansson.h>

#include "frostline/report.h"

static const char *const names[] = {
    [FL_TRACE_STEP] = "step",       [FL_TRACE_DATA] = "data",         [FL_TRACE_STATIC] = "static",
    [FL_TRACE_FORWARD] = "forward", [FL_TRACE_BACKWARD] = "backward", [FL_TRACE_BUCKET] = "bucket",
    [FL_TRACE_REDUCE] = "reduce",   [FL_TRACE_SUMS] = "control sums", [FL_TRACE_UPDATE] = "update",
    [FL_TRACE_PUBLISH] = "publish",
};

static char *name_of(const fl_timeline *t, const fl_trace_event *e) {
    const char *name = names[e->kind];
    if (e->kind == FL_TRACE_STEP) return fl_format("%s %lld", name, (long long)e->step);
    if (e->index < 0) return fl_strdup(name);
    if (e->kind == FL_TRACE_BUCKET) return fl_format("%s %d", name, e->index);
    return fl_format("%s %s", name, t->model->layer[e->index].name);
}

/* On a line of its own; takes o. */
static void add_line(fl_text *out, json_t *o) {
    FL_CHECK(o, "an event of the timeline is no JSON");
    char *line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));
    fl_text_add(out, "%s\n%s", out->s[out->len - 1] == '[' ? "" : ",", line);
    fl_free(line);
    json_decref(o);
}

static double microseconds(uint64_t ns) {
    return (double)ns / 1e3;
}

static json_t *args_of(const fl_trace_event *e) {
    json_t *o = json_pack("{s:I}", "step", (json_int_t)e->step);
    if (e->kind == FL_TRACE_BUCKET)
        json_object_set_new(o, "payload_bytes", json_integer((json_int_t)e->bytes));
    return o;
}

static void add_event(fl_text *out, const fl_timeline *t, int rank, int thread,
                      const fl_trace_event *e) {
    char *name = name_of(t, e);
    add_line(out, json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:o}", "name", name, "ph", "X", "pid",
                            rank, "tid", thread, "ts", microseconds(e->begin), "dur",
                            microseconds(e->end - e->begin), "args", args_of(e)));
    fl_free(name);
}

static void add_name(fl_text *out, const char *what, int rank, int thread, const char *name) {
    add_line(out, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "name", what, "ph", "M", "pid", rank,
                            "tid", thread, "args", "name", name));
}

/* ---- threads ---- */

enum { COMPUTE };

typedef struct lanes { /* threads behind COMPUTE, for buckets that are under way together */
    int n;
    uint64_t *until; /* when the last bucket of each ended */
} lanes;

static int thread_of(lanes *l, const fl_trace_event *e) {
    int i = 0;
    if (e->kind != FL_TRACE_BUCKET) return COMPUTE;
    while (i < l->n && l->until[i] > e->begin) i++;
    if (i == l->n) l->n++;
    l->until[i] = e->end;
    return COMPUTE + 1 + i;
}

static void name_threads(fl_text *out, int rank, int n_lanes) {
    add_name(out, "thread_name", rank, COMPUTE, "compute");
    for (int i = 1; i <= n_lanes; i++)
        add_name(out, "thread_name", rank, COMPUTE + i, "communication");
}

/* ---- the file ---- */

static void name_process(fl_text *out, int rank, const char *host) {
    char *clean = fl_utf8_repair(host), *name = fl_format("rank %d on %s", rank, clean);
    add_name(out, "process_name", rank, COMPUTE, name);
    fl_free(name);
    fl_free(clean);
}

static void add_rank(fl_text *out, const fl_timeline *t, int rank) {
    const fl_trace_event *e = t->event + (size_t)rank * t->most;
    lanes l = {.until = fl_alloc(t->most * sizeof *l.until)};
    name_process(out, rank, t->rank[rank].host);
    for (int64_t i = 0; i < t->rank[rank].n; i++)
        add_event(out, t, rank, thread_of(&l, &e[i]), &e[i]);
    name_threads(out, rank, l.n);
    fl_free(l.until);
}

fl_status fl_report_trace(const char *dir, const fl_timeline *t) {
    fl_text out = {0};
    fl_text_add(&out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    for (int r = 0; r < t->ranks; r++) add_rank(&out, t, r);
    fl_text_add(&out, "\n]}\n");
    char *path = fl_path_join(dir, "trace.json");
    fl_status status = fl_file_replace(path, out.s, out.len);
    fl_free(path);
    fl_free(out.s);
    return status;
}
