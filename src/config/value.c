/* One option's value: from its node into the member of its struct. */
#include <math.h>
#include <string.h>

#include "config/tree.h"

typedef fl_status read_fn(const fl_field *f, const fl_node *n, void *member);

static fl_status bad(const fl_field *f, const fl_node *n) {
    char *expected = fl_field_expects(f), *found = fl_node_found(n), *hint = fl_value_hint(f, n);
    fl_node_error(n, "%s: expected %s, found %s%s", f->name, expected, found, hint);
    fl_free(expected);
    fl_free(found);
    fl_free(hint);
    return FL_ERR_CONFIG;
}

static bool in_range(const fl_field *f, double v) {
    return (f->min == 0 && f->max == 0) || (v >= f->min && v <= f->max);
}

static const char *plain_text(const fl_node *n) { /* "" where there is none */
    return n->kind == FL_NODE_SCALAR && !n->quoted ? n->text : "";
}

/* ---- single values ---- */

static fl_status read_bool(const fl_field *f, const fl_node *n, void *member) {
    const char *text = plain_text(n);
    if (fl_scalar_of(text) != FL_SCALAR_BOOL) return bad(f, n);
    *(bool *)member = text[0] == 't' || text[0] == 'T';
    return FL_OK;
}

static fl_status read_int(const fl_field *f, const fl_node *n, void *member) {
    int64_t v;
    if (!fl_scalar_int(plain_text(n), &v) || v == FL_NONE || !in_range(f, (double)v))
        return bad(f, n);
    *(int64_t *)member = v;
    return FL_OK;
}

static fl_status read_float(const fl_field *f, const fl_node *n, void *member) {
    double v;
    if (!fl_scalar_float(plain_text(n), &v) || !in_range(f, v)) return bad(f, n);
    *(double *)member = v;
    return FL_OK;
}

static fl_status read_string(const fl_field *f, const fl_node *n, void *member) {
    if (n->kind != FL_NODE_SCALAR) return bad(f, n);
    *(const char **)member = n->text;
    return FL_OK;
}

static fl_status bad_choice(const fl_field *f, const fl_node *n, const char *const *choices,
                            int count) {
    const char *nearest = fl_nearest(n->text, choices, (size_t)count);
    char *meant = nearest ? fl_format("\ndid you mean '%s'?", nearest) : fl_strdup("");
    char *expected = fl_field_expects(f), *found = fl_node_found(n);
    fl_node_error(n, "%s: expected %s, found %s%s", f->name, expected, found, meant);
    fl_free(meant);
    fl_free(expected);
    fl_free(found);
    return FL_ERR_CONFIG;
}

static fl_status read_choice(const fl_field *f, const fl_node *n, void *member) {
    if (n->kind != FL_NODE_SCALAR) return bad(f, n);
    int count, i = 0;
    const char **choices = fl_choices_split(f->choices, &count);
    while (i < count && strcmp(choices[i], n->text) != 0) i++;
    fl_status status = i < count ? FL_OK : bad_choice(f, n, choices, count);
    if (status == FL_OK) *(int *)member = i;
    fl_free(choices);
    return status;
}

static fl_status read_tree(const fl_field *f, const fl_node *n, void *member) {
    (void)f;
    memcpy(member, &n, sizeof n);
    return FL_OK;
}

/* ---- several ---- */

static fl_field item_field(const fl_field *f, fl_type type) {
    fl_field item = *f;
    item.type = type;
    item.fallback = NULL;
    return item;
}

/* Reads each item, as an option of its own, into an array; all of them, so that all errors are
 * found. */
static fl_status read_items(const fl_field *list, fl_type type, const fl_node *n, void *array) {
    fl_field f = item_field(list, type);
    fl_status status = FL_OK;
    for (int i = 0; i < n->n; i++)
        if (fl_value_read(&f, n->pair[i].value, (char *)array + (size_t)i * fl_value_size(type)))
            status = FL_ERR_CONFIG;
    return status;
}

static void *array_for(const fl_node *n, size_t size) {
    return fl_config_alloc(n->config, (size_t)(n->n ? n->n : 1) * size);
}

static fl_status read_ints(const fl_field *f, const fl_node *n, void *member) {
    if (n->kind != FL_NODE_LIST) return bad(f, n);
    int64_t *v = array_for(n, sizeof *v);
    *(fl_ints *)member = (fl_ints){.n = n->n, .v = v};
    return read_items(f, FL_INT, n, v);
}

static fl_status read_floats(const fl_field *f, const fl_node *n, void *member) {
    if (n->kind != FL_NODE_LIST) return bad(f, n);
    double *v = array_for(n, sizeof *v);
    *(fl_floats *)member = (fl_floats){.n = n->n, .v = v};
    return read_items(f, FL_FLOAT, n, v);
}

static fl_status read_strings(const fl_field *f, const fl_node *n, void *member) {
    bool one = n->kind == FL_NODE_SCALAR;
    if (!one && n->kind != FL_NODE_LIST) return bad(f, n);
    const char **v = array_for(n, sizeof *v);
    *(fl_strings *)member = (fl_strings){.n = one ? 1 : n->n, .v = v};
    return one ? read_string(f, n, v) : read_items(f, FL_STRING, n, v);
}

static fl_status read_pair(const fl_field *f, const fl_node *n, void *member) {
    int64_t *v = member;
    if (n->kind == FL_NODE_LIST && n->n == 2) return read_items(f, FL_INT, n, v);
    FL_TRY(read_int(f, n, &v[0]));
    v[1] = v[0];
    return FL_OK;
}

static bool is_word(const fl_node *n, const char *word) {
    return n->kind == FL_NODE_SCALAR && strcmp(n->text, word) == 0;
}

static fl_status read_sides(const fl_field *f, const fl_node *n, int64_t v[4]) {
    fl_field side = *f; /* nothing can be cut off with a negative one */
    if (side.min == 0 && side.max == 0) side.max = INFINITY;
    if (n->kind == FL_NODE_LIST && n->n == 4) return read_items(&side, FL_INT, n, v);
    FL_TRY(read_int(&side, n, v));
    v[1] = v[2] = v[3] = v[0];
    return FL_OK;
}

static fl_status read_padding(const fl_field *f, const fl_node *n, void *member) {
    fl_padding *p = member;
    int64_t v[4] = {0};
    bool same = is_word(n, "same");
    *p = (fl_padding){.mode = same ? FL_PAD_SAME : FL_PAD_VALID};
    if (same || is_word(n, "valid")) return FL_OK;
    FL_TRY(read_sides(f, n, v));
    *p = (fl_padding){FL_PAD_EXPLICIT, .top = v[0], .bottom = v[1], .left = v[2], .right = v[3]};
    return FL_OK;
}

/* ---- null ---- */

static void set_null(fl_type type, void *member) {
    memset(member, 0, fl_value_size(type));
    if (type == FL_INT) *(int64_t *)member = FL_NONE;
    if (type == FL_FLOAT) *(double *)member = NAN;
    if (type == FL_CHOICE) *(int *)member = -1;
    if (type == FL_PAIR) ((int64_t *)member)[0] = ((int64_t *)member)[1] = FL_NONE;
}

/* A list whose items have all been commented out is null to YAML, and empty to whoever wrote it. */
static bool takes_null(const fl_field *f) {
    if (!f->fallback) return false;
    bool list = f->type == FL_INTS || f->type == FL_FLOATS || f->type == FL_STRINGS;
    return fl_field_nullable(f) || f->type == FL_TREE || (list && strcmp(f->fallback, "[]") == 0);
}

/* ---- all types ---- */

static const struct {
    size_t size;
    read_fn *read;
} types[] = {
    [FL_BOOL] = {sizeof(bool), read_bool},
    [FL_INT] = {sizeof(int64_t), read_int},
    [FL_FLOAT] = {sizeof(double), read_float},
    [FL_STRING] = {sizeof(char *), read_string},
    [FL_CHOICE] = {sizeof(int), read_choice},
    [FL_INTS] = {sizeof(fl_ints), read_ints},
    [FL_FLOATS] = {sizeof(fl_floats), read_floats},
    [FL_STRINGS] = {sizeof(fl_strings), read_strings},
    [FL_PAIR] = {2 * sizeof(int64_t), read_pair},
    [FL_PADDING] = {sizeof(fl_padding), read_padding},
    [FL_TREE] = {sizeof(fl_node *), read_tree},
};

size_t fl_value_size(fl_type type) {
    return types[type].size;
}

fl_status fl_value_read(const fl_field *f, const fl_node *n, void *member) {
    if (n->kind != FL_NODE_NULL) return types[f->type].read(f, n, member);
    if (!takes_null(f)) return bad(f, n);
    set_null(f->type, member);
    return FL_OK;
}
