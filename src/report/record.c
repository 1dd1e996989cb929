/* record.c: metrics.jsonl, epochs.csv, comm.csv. */
#include "record.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "columns.h"

typedef struct sink {
    FILE *file;
    char *path;
} sink;

struct fl_record {
    sink metrics, epochs, comm;
};

static fl_status refused(const char *path) {
    return fl_fail(FL_ERR_IO, "%s: cannot write: %s; free space or choose another --run-dir", path,
                   strerror(errno));
}

static fl_status sink_write(sink *o, const char *line, size_t len) {
    bool written = fwrite(line, 1, len, o->file) == len;
    return fflush(o->file) == 0 && written ? FL_OK : refused(o->path);
}

static fl_status sink_line(sink *o, fl_line *l) {
    fl_line_add(l, "\n");
    return sink_write(o, l->s, l->len);
}

static fl_status sink_open(sink *o, const char *path, bool append) {
    o->path = fl_strdup(path);
    o->file = fopen(path, append ? "ae" : "we");
    return o->file ? FL_OK : refused(path);
}

static void sink_close(sink *o) {
    if (o->file) fclose(o->file);
    fl_free(o->path);
}

/* ---- lines ---- */

static void add_names(fl_line *l, const fl_column *columns, const char *prefix) {
    for (const fl_column *c = columns; c->name; c++)
        fl_line_add(l, "%s%s%s", l->len ? "," : "", prefix, c->name);
}

static void add_cells(fl_line *l, const fl_column *columns, const void *record) {
    for (const fl_column *c = columns; c->name; c++) {
        if (l->len) fl_line_add(l, ",");
        fl_line_value(l, c, record, "");
    }
}

static void add_members(fl_line *l, const fl_column *columns, const void *record) {
    for (const fl_column *c = columns; c->name; c++) {
        fl_line_add(l, "%s\"%s\":", l->s[l->len - 1] == '{' ? "" : ",", c->name);
        fl_line_value(l, c, record, "null");
    }
}

static void epochs_header(fl_line *l) {
    add_names(l, fl_epoch_columns, "");
    add_names(l, fl_time_columns, "time_");
}

static void comm_header(fl_line *l) {
    add_names(l, fl_comm_columns, "");
}

/* ---- opening ---- */

static fl_status open_metrics(sink *o, const char *path, bool append, int64_t resume_step) {
    if (append) FL_TRY(fl_record_cut_metrics(path, resume_step));
    return sink_open(o, path, append);
}

static fl_status open_table(sink *o, const char *path, void (*header)(fl_line *l), bool append,
                            int64_t resume_step) {
    fl_line l = {.len = 0};
    header(&l);
    if (append) FL_TRY(fl_record_cut_rows(path, l.s, resume_step));
    FL_TRY(sink_open(o, path, append));
    fseek(o->file, 0, SEEK_END);
    return ftell(o->file) > 0 ? FL_OK : sink_line(o, &l);
}

static fl_status open_all(fl_record *r, char *const path[3], bool append, int64_t resume_step) {
    FL_TRY(open_metrics(&r->metrics, path[0], append, resume_step));
    FL_TRY(open_table(&r->epochs, path[1], epochs_header, append, resume_step));
    return open_table(&r->comm, path[2], comm_header, append, resume_step);
}

fl_status fl_record_open(const char *dir, bool append, int64_t resume_step, fl_record **out) {
    *out = NULL;
    FL_TRY(fl_make_dirs(dir));
    fl_record *r = fl_alloc(sizeof *r);
    char *path[] = {fl_path_join(dir, "metrics.jsonl"), fl_path_join(dir, "epochs.csv"),
                    fl_path_join(dir, "comm.csv")};
    fl_status status = open_all(r, path, append, resume_step);
    for (size_t i = 0; i < FL_COUNT(path); i++) fl_free(path[i]);
    if (status != FL_OK) {
        fl_record_close(r);
        return status;
    }
    *out = r;
    return FL_OK;
}

void fl_record_close(fl_record *r) {
    if (!r) return;
    sink_close(&r->metrics);
    sink_close(&r->epochs);
    sink_close(&r->comm);
    fl_free(r);
}

/* ---- writing ---- */

fl_status fl_record_step(fl_record *r, const fl_step_record *s) {
    fl_line l = {.len = 0};
    fl_line_add(&l, "{\"event\":\"step\"");
    add_members(&l, fl_step_columns, s);
    fl_line_add(&l, "}");
    return sink_line(&r->metrics, &l);
}

static fl_status epoch_metrics(fl_record *r, const fl_epoch_record *e) {
    fl_line l = {.len = 0};
    fl_line_add(&l, "{\"event\":\"epoch\"");
    add_members(&l, fl_epoch_columns, e);
    fl_line_add(&l, ",\"time\":{");
    add_members(&l, fl_time_columns, e);
    fl_line_add(&l, "}}");
    return sink_line(&r->metrics, &l);
}

static fl_status comm_row(fl_record *r, const fl_comm_row *c) {
    fl_line l = {.len = 0};
    add_cells(&l, fl_comm_columns, c);
    return sink_line(&r->comm, &l);
}

fl_status fl_record_epoch(fl_record *r, const fl_epoch_record *e) {
    FL_TRY(epoch_metrics(r, e));
    fl_line row = {.len = 0};
    add_cells(&row, fl_epoch_columns, e);
    add_cells(&row, fl_time_columns, e);
    FL_TRY(sink_line(&r->epochs, &row));
    for (int i = 0; i < e->n_comm; i++) FL_TRY(comm_row(r, &e->comm[i]));
    return FL_OK;
}

static int add_bytes(const char *bytes, size_t n, void *text) {
    fl_text_put(text, bytes, n);
    return 0;
}

fl_status fl_record_event(fl_record *r, const char *json) {
    json_t *root = json_loads(json, 0, NULL);
    FL_CHECK(json_is_object(root), "an event is not a JSON object: %s", json);
    fl_text t = {0};
    json_dump_callback(root, add_bytes, &t, JSON_COMPACT); /* on one line, however it came */
    fl_text_add(&t, "\n");
    json_decref(root);
    fl_status status = sink_write(&r->metrics, t.s, t.len);
    fl_free(t.s);
    return status;
}
