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

typedef struct reader { /* of one object of a file */
    const char *path;
    const json_t *o;
    const char *where; /* it stands there, before the names of its keys */
    fl_status status;  /* the first mistake is told */
} reader;

static int add_bytes(const char *bytes, size_t n, void *text) {
    fl_text_put(text, bytes, n);
    return 0;
}

static char *text_of(const json_t *o, size_t flags) { /* caller frees */
    fl_text t = {0};
    int failed = json_dump_callback(o, add_bytes, &t, JSON_COMPACT | flags);
    FL_CHECK(!failed, "a number or a name is no JSON value");
    return t.s;
}

static void refuse(reader *r, const char *key, const char *wanted) {
    const json_t *v = json_object_get(r->o, key);
    if (r->status != FL_OK) return;
    char *text = v ? text_of(v, JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9))
                   : fl_strdup("missing");
    r->status = fl_fail(FL_ERR_INPUT, "%s: key '%s%s' is %.60s; give %s", r->path, r->where, key,
                        text, wanted);
    fl_free(text);
}

static void check_keys(reader *r, const char *const *known, size_t n) {
    for (void *at = json_object_iter((json_t *)r->o); at && r->status == FL_OK;
         at = json_object_iter_next((json_t *)r->o, at)) {
        const char *key = json_object_iter_key(at), *near = fl_nearest(key, known, n);
        bool is_known = near && strcmp(near, key) == 0;
        if (!is_known)
            r->status = fl_fail(FL_ERR_INPUT, "%s: unknown key '%s%s'; %s%s%s", r->path, r->where,
                                key, near ? "did you mean '" : "take it out", near ? near : "",
                                near ? "'?" : "");
    }
}

static double number(reader *r, const char *key, double missing) {
    const json_t *v = json_object_get(r->o, key);
    if (!v) return missing;
    double x = json_number_value(v);
    if (!json_is_number(v) || x < 0) refuse(r, key, "a number from 0");
    return x;
}

static double whole(reader *r, const char *key, double missing, int bits) {
    const json_t *v = json_object_get(r->o, key);
    double x = v ? json_number_value(v) : missing;
    if (x >= 1 && x <= ldexp(1, bits) && floor(x) == x) return x;
    char *wanted = fl_format("a whole number from 1 to %.0f", ldexp(1, bits));
    refuse(r, key, wanted);
    fl_free(wanted);
    return 1;
}

static int word(reader *r, const char *key, const char *choices, int missing) {
    const json_t *v = json_object_get(r->o, key);
    int i = !v ? missing : json_is_string(v) ? index_of(choices, json_string_value(v)) : -1;
    if (i < 0) refuse(r, key, choices);
    return i;
}

static void read_bucket(reader *r, fl_script *s, int i) {
    static const char *const known[] = {"floats", "ready_seconds"};
    size_t off = i ? s->bucket[i - 1].off + s->bucket[i - 1].len : 0;
    check_keys(r, known, FL_COUNT(known));
    s->bucket[i] = (fl_span){off, (size_t)whole(r, "floats", 0, 40)};
    s->ready_seconds[i] = number(r, "ready_seconds", 0);
    if (i && s->ready_seconds[i] < s->ready_seconds[i - 1])
        refuse(r, "ready_seconds", "no less than that of the bucket before");
    if (s->ready_seconds[i] > s->backward_seconds)
        refuse(r, "ready_seconds", "no more than backward_seconds, when all gradients are there");
}

static void read_buckets(reader *r, fl_script *s) {
    const json_t *list = json_object_get(r->o, "buckets");
    size_t n = json_array_size(list);
    if (!json_is_array(list)) refuse(r, "buckets", "a list of {\"floats\", \"ready_seconds\"}");
    s->n_buckets = (int)n;
    s->bucket = fl_alloc(n * sizeof *s->bucket);
    s->ready_seconds = fl_alloc(n * sizeof *s->ready_seconds);
    for (size_t i = 0; i < n && r->status == FL_OK; i++) {
        char *where = fl_format("buckets[%zu].", i);
        reader inner = {.path = r->path, .o = json_array_get(list, i), .where = where};
        read_bucket(&inner, s, (int)i);
        r->status = inner.status;
        fl_free(where);
    }
}

static void read_all(reader *r, fl_script *s) {
    static const char *const known[] = {"np",
                                        "steps",
                                        "reducer",
                                        "allreduce_dtype",
                                        "buckets",
                                        "before_seconds",
                                        "backward_seconds",
                                        "ahead_seconds",
                                        "update_seconds",
                                        "memory_bytes_per_second"};
    check_keys(r, known, FL_COUNT(known));
    s->np = (int)whole(r, "np", 0, 20);
    s->steps = (int)whole(r, "steps", 1, 20);
    s->way = (fl_way)word(r, "reducer", fl_way_names, FL_WAY_OVERLAP);
    s->wire = (fl_wire)word(r, "allreduce_dtype", wire_names, FL_WIRE_FLOAT32);
    s->before_seconds = number(r, "before_seconds", 0);
    s->backward_seconds = number(r, "backward_seconds", 0);
    s->ahead_seconds = number(r, "ahead_seconds", 0);
    s->update_seconds = number(r, "update_seconds", 0);
    s->memory_bytes_per_second = number(r, "memory_bytes_per_second", 1e10);
    if (s->memory_bytes_per_second == 0) refuse(r, "memory_bytes_per_second", "a number above 0");
    if (s->ahead_seconds > s->before_seconds)
        refuse(r, "ahead_seconds", "no more than before_seconds, of which it is a part");
    read_buckets(r, s);
}

static fl_status parse(const char *path, const char *text, json_t **out) {
    json_error_t error;
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(*out)) return FL_OK;
    if (!*out)
        return fl_fail(FL_ERR_INPUT, "%s:%d:%d: no JSON: %s", path, error.line, error.column,
                       error.text);
    json_decref(*out);
    return fl_fail(FL_ERR_INPUT,
                   "%s: no step of training; give {\"np\": 4, \"buckets\": [{\"floats\": 1000}]} "
                   "and its seconds",
                   path);
}

fl_status fl_script_read(const char *path, fl_script *out) {
    char *text;
    json_t *o;
    *out = (fl_script){0};
    FL_TRY(fl_file_read(path, &text, NULL));
    fl_status status = parse(path, text, &o);
    fl_free(text);
    FL_TRY(status);
    reader r = {.path = path, .o = o, .where = ""};
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

static void put(json_t *o, const char *key, json_t *value) {
    FL_CHECK(json_object_set_new(o, key, value) == 0, "'%s' is no JSON value", key);
}

static void put_word(json_t *o, const char *key, const char *choices, int index) {
    char *text = choice(choices, index);
    put(o, key, json_string(text));
    fl_free(text);
}

static void put_script(json_t *o, const fl_script *s) {
    json_t *buckets = json_array();
    put(o, "np", json_integer(s->np));
    put(o, "steps", json_integer(s->steps));
    put_word(o, "reducer", fl_way_names, (int)s->way);
    put_word(o, "allreduce_dtype", wire_names, (int)s->wire);
    put(o, "before_seconds", json_real(s->before_seconds));
    put(o, "backward_seconds", json_real(s->backward_seconds));
    put(o, "ahead_seconds", json_real(s->ahead_seconds));
    put(o, "update_seconds", json_real(s->update_seconds));
    put(o, "memory_bytes_per_second", json_real(s->memory_bytes_per_second));
    for (int i = 0; i < s->n_buckets; i++) {
        json_t *b = json_object();
        put(b, "floats", json_integer((json_int_t)s->bucket[i].len));
        put(b, "ready_seconds", json_real(s->ready_seconds[i]));
        json_array_append_new(buckets, b);
    }
    put(o, "buckets", buckets);
}

static char *line_of(json_t *o) { /* takes o; caller frees */
    char *text = text_of(o, JSON_REAL_PRECISION(9)), *line = fl_format("%s\n", text);
    json_decref(o);
    fl_free(text);
    return line;
}

char *fl_script_json(const fl_script *s) {
    json_t *o = json_object();
    put_script(o, s);
    return line_of(o);
}

/* Bytes and messages are whole numbers. */
char *fl_simulated_json(const fl_script *s, const fl_network *n, const fl_simulated *r) {
    json_t *o = json_object();
    char *name = fl_utf8_repair(n->name); /* of a file */
    put(o, "network", json_string(name));
    put(o, "step_seconds", json_real(r->step_seconds));
    put(o, "exposed_seconds", json_real(r->exposed_seconds));
    put(o, "sent_bytes", json_integer((json_int_t)r->sent_bytes));
    put(o, "messages", json_integer((json_int_t)r->messages));
    put(o, "foretold_sent_bytes", json_integer((json_int_t)r->foretold_sent_bytes));
    put(o, "foretold_messages", json_integer((json_int_t)r->foretold_messages));
    put_script(o, s);
    fl_free(name);
    return line_of(o);
}
