/* What every rank does in a step, from a JSON file and into one. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "frostline/simulate.h"

const char fl_way_names[] = "blocking|overlap|tree|sharded";
static const char wire_names[] = "float32|bfloat16|float16";

/* ---- choices ---- */

static int index_of(const char *choices, const char *word) {
    int i = 0;
    for (const char *at = choices;; i++) {
        size_t len = strcspn(at, "|");
        if (strlen(word) == len && strncmp(at, word, len) == 0) return i;
        if (!at[len]) return -1;
        at += len + 1;
    }
}

static char *choice(const char *choices, int index) { /* caller frees */
    for (; index > 0; index--) choices += strcspn(choices, "|") + 1;
    return fl_strndup(choices, strcspn(choices, "|"));
}

/* ---- reading ---- */

typedef struct reader {
    const char *path;
    const json_t *o;
    fl_status status;
} reader;

static void refuse(reader *r, const char *key, const char *wanted) {
    if (r->status == FL_OK)
        r->status = fl_fail(FL_ERR_INPUT, "%s: '%s' is to be %s", r->path, key, wanted);
}

static double number(reader *r, const json_t *o, const char *key, double missing) {
    const json_t *v = json_object_get(o, key);
    if (!v) return missing;
    double x = json_number_value(v);
    if (!json_is_number(v) || !(x >= 0)) refuse(r, key, "a number from 0");
    return x;
}

static int whole(reader *r, const char *key, int missing, int most) {
    double x = number(r, r->o, key, missing);
    if (x < 1 || x > most || floor(x) != x) refuse(r, key, "a whole number from 1");
    return r->status == FL_OK ? (int)x : 1;
}

static int word(reader *r, const char *key, const char *choices, int missing) {
    const json_t *v = json_object_get(r->o, key);
    int i = !v ? missing : json_is_string(v) ? index_of(choices, json_string_value(v)) : -1;
    if (i < 0) refuse(r, key, choices);
    return i;
}

static void read_buckets(reader *r, fl_script *s) {
    const json_t *list = json_object_get(r->o, "buckets");
    size_t n = json_array_size(list), off = 0;
    if (!json_is_array(list)) refuse(r, "buckets", "a list of {\"floats\", \"ready_seconds\"}");
    s->n_buckets = (int)n;
    s->bucket = fl_alloc(n * sizeof *s->bucket);
    s->ready_seconds = fl_alloc(n * sizeof *s->ready_seconds);
    for (size_t i = 0; i < n && r->status == FL_OK; i++) {
        const json_t *b = json_array_get(list, i);
        double floats = number(r, b, "floats", 0);
        if (floats < 1 || floats > 0x1p40) refuse(r, "floats", "a number from 1");
        s->bucket[i] = (fl_span){off, (size_t)floats};
        s->ready_seconds[i] = number(r, b, "ready_seconds", 0);
        if (i && s->ready_seconds[i] < s->ready_seconds[i - 1])
            refuse(r, "ready_seconds", "no less than that of the bucket before");
        off += s->bucket[i].len;
    }
}

static void read_all(reader *r, fl_script *s) {
    s->np = whole(r, "np", 0, 1 << 20);
    s->steps = whole(r, "steps", 1, 1 << 20);
    s->way = (fl_way)word(r, "reducer", fl_way_names, FL_WAY_OVERLAP);
    s->wire = (fl_wire)word(r, "allreduce_dtype", wire_names, FL_WIRE_FLOAT32);
    s->before_seconds = number(r, r->o, "before_seconds", 0);
    s->backward_seconds = number(r, r->o, "backward_seconds", 0);
    s->ahead_seconds = number(r, r->o, "ahead_seconds", 0);
    s->update_seconds = number(r, r->o, "update_seconds", 0);
    s->memory_bytes_per_second = number(r, r->o, "memory_bytes_per_second", 1e10);
    if (s->memory_bytes_per_second == 0) refuse(r, "memory_bytes_per_second", "above 0");
    if (s->ahead_seconds > s->before_seconds)
        refuse(r, "ahead_seconds", "part of, so no more than, before_seconds");
    read_buckets(r, s);
}

fl_status fl_script_read(const char *path, fl_script *out) {
    char *text;
    json_error_t error;
    *out = (fl_script){0};
    FL_TRY(fl_file_read(path, &text, NULL));
    json_t *o = json_loads(text, 0, &error);
    fl_free(text);
    if (!o)
        return fl_fail(FL_ERR_INPUT, "%s:%d:%d: no JSON: %s", path, error.line, error.column,
                       error.text);
    reader r = {.path = path, .o = o};
    read_all(&r, out);
    json_decref(o);
    if (r.status != FL_OK) fl_script_close(out);
    return r.status;
}

void fl_script_close(fl_script *s) {
    fl_free(s->bucket);
    fl_free(s->ready_seconds);
}

/* ---- writing ---- */

static void put_word(fl_text *t, const char *key, const char *choices, int index) {
    char *text = choice(choices, index);
    fl_text_add(t, "\"%s\":\"%s\",", key, text);
    fl_free(text);
}

static void put_script(fl_text *t, const fl_script *s) {
    fl_text_add(t, "\"np\":%d,\"steps\":%d,", s->np, s->steps);
    put_word(t, "reducer", fl_way_names, (int)s->way);
    put_word(t, "allreduce_dtype", wire_names, (int)s->wire);
    fl_text_add(t,
                "\"before_seconds\":%.9g,\"backward_seconds\":%.9g,\"ahead_seconds\":%.9g,"
                "\"update_seconds\":%.9g,\"memory_bytes_per_second\":%.9g,\"buckets\":[",
                s->before_seconds, s->backward_seconds, s->ahead_seconds, s->update_seconds,
                s->memory_bytes_per_second);
    for (int i = 0; i < s->n_buckets; i++)
        fl_text_add(t, "%s{\"floats\":%zu,\"ready_seconds\":%.9g}", i ? "," : "", s->bucket[i].len,
                    s->ready_seconds[i]);
    fl_text_add(t, "]");
}

char *fl_script_json(const fl_script *s) {
    fl_text t = {0};
    fl_text_add(&t, "{");
    put_script(&t, s);
    fl_text_add(&t, "}\n");
    return t.s;
}

char *fl_simulated_json(const fl_script *s, const fl_network *n, const fl_simulated *r) {
    fl_text t = {0};
    fl_text_add(&t,
                "{\"network\":\"%s\",\"step_seconds\":%.9g,\"exposed_seconds\":%.9g,"
                "\"sent_bytes\":%.0f,\"messages\":%.0f,\"foretold_sent_bytes\":%.0f,"
                "\"foretold_messages\":%.0f,",
                n->name, r->step_seconds, r->exposed_seconds, r->sent_bytes, r->messages,
                r->foretold_sent_bytes, r->foretold_messages);
    put_script(&t, s);
    fl_text_add(&t, "}\n");
    return t.s;
}
