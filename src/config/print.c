/* The tree as YAML and as JSON. Both depend on the tree alone, not on how it was written, so that
 * text which is read again prints the same. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

enum { LINE_COLUMNS = 100 };

/* ---- YAML ---- */

static void add_escape(fl_text *t, uint32_t point) {
    switch (point) {
    case '"': fl_text_add(t, "\\\""); break;
    case '\\': fl_text_add(t, "\\\\"); break;
    case '\n': fl_text_add(t, "\\n"); break;
    case '\t': fl_text_add(t, "\\t"); break;
    default: fl_text_add(t, "\\u%04x", point);
    }
}

static void add_quoted(fl_text *t, const char *text) {
    size_t len = strlen(text);
    uint32_t point = 0;
    fl_text_add(t, "\"");
    for (size_t i = 0; i < len;) {
        int n = fl_utf8_decode(text + i, len - i, &point);
        bool raw = point != '"' && point != '\\' && point >= ' ' && fl_utf8_allowed(point);
        FL_CHECK(n > 0, "a scalar is not UTF-8");
        if (raw)
            fl_text_put(t, text + i, (size_t)n);
        else
            add_escape(t, point);
        i += (size_t)n;
    }
    fl_text_add(t, "\"");
}

static void add_text(fl_text *t, const char *text) {
    if (fl_scalar_plain(text))
        fl_text_add(t, "%s", text);
    else
        add_quoted(t, text);
}

static void add_scalar(fl_text *t, const fl_node *n) {
    if (n->kind == FL_NODE_NULL)
        fl_text_add(t, "null");
    else if (!n->quoted && fl_scalar_of(n->text) != FL_SCALAR_TEXT)
        fl_text_add(t, "%s", n->text);
    else
        add_text(t, n->text);
}

static bool is_leaf(const fl_node *n) {
    return n->kind == FL_NODE_NULL || n->kind == FL_NODE_SCALAR;
}

/* What goes on its key's line: scalars, what is empty, and short lists of scalars. */
static bool add_inline(fl_text *t, const fl_node *n) {
    if (is_leaf(n)) {
        add_scalar(t, n);
        return true;
    }
    if (n->n == 0) {
        fl_text_add(t, n->kind == FL_NODE_MAP ? "{}" : "[]");
        return true;
    }
    if (n->kind == FL_NODE_MAP) return false;
    fl_text list = {0};
    bool fits = true;
    for (int i = 0; i < n->n && fits; i++) {
        fl_text_add(&list, i ? ", " : "[");
        fits = is_leaf(n->pair[i].value) && list.len < LINE_COLUMNS;
        if (fits) add_scalar(&list, n->pair[i].value);
    }
    fits = fits && list.len < LINE_COLUMNS;
    if (fits) fl_text_add(t, "%s]", list.s);
    fl_free(list.s);
    return fits;
}

static void add_block(fl_text *t, const fl_node *n, int indent);

static void add_value(fl_text *t, const fl_node *map, int i, int indent) {
    const fl_pair *p = &map->pair[i];
    add_text(t, p->key);
    fl_text_add(t, ":");
    size_t before = t->len;
    fl_text_add(t, " ");
    if (add_inline(t, p->value)) {
        fl_text_add(t, "\n");
        return;
    }
    t->len = before; /* no space at the end of a line */
    fl_text_add(t, "\n%*s", indent + 2, "");
    add_block(t, p->value, indent + 2);
}

static void add_list_item(fl_text *t, const fl_node *item, int indent) {
    fl_text_add(t, "- ");
    if (add_inline(t, item))
        fl_text_add(t, "\n");
    else
        add_block(t, item, indent + 2);
}

/* The lines of a map or a list; the first one is indented already. */
static void add_block(fl_text *t, const fl_node *n, int indent) {
    for (int i = 0; i < n->n; i++) {
        if (i > 0) fl_text_add(t, "%*s", indent, "");
        if (n->kind == FL_NODE_MAP)
            add_value(t, n, i, indent);
        else
            add_list_item(t, n->pair[i].value, indent);
    }
}

char *fl_config_text(const fl_config *c) {
    fl_text t = {0};
    if (c->root->n == 0) fl_text_add(&t, "{}\n");
    add_block(&t, c->root, 0);
    return t.s;
}

/* ---- JSON ---- */

static json_t *plain_json(const char *text) {
    int64_t i;
    double d;
    if (fl_scalar_of(text) == FL_SCALAR_BOOL) return json_boolean(text[0] == 't' || text[0] == 'T');
    if (fl_scalar_int(text, &i)) return json_integer(i);
    if (fl_scalar_float(text, &d)) return json_real(d);
    return json_string(text);
}

static json_t *node_json(const fl_node *n) {
    json_t *all;
    switch (n->kind) {
    case FL_NODE_NULL: return json_null();
    case FL_NODE_SCALAR: return n->quoted ? json_string(n->text) : plain_json(n->text);
    case FL_NODE_LIST:
        all = json_array();
        for (int i = 0; i < n->n; i++) json_array_append_new(all, node_json(n->pair[i].value));
        return all;
    default:
        all = json_object();
        for (int i = 0; i < n->n; i++)
            json_object_set_new(all, n->pair[i].key, node_json(n->pair[i].value));
        return all;
    }
}

/* Digits that bring every number back: 15, so that 0.1 is 0.1, or 17 if one was given that needs
 * it. */
static int digits_needed(const fl_node *n) {
    double v;
    char shown[32];
    if (n->kind == FL_NODE_SCALAR && fl_scalar_of(n->text) == FL_SCALAR_FLOAT) {
        v = strtod(n->text, NULL);
        snprintf(shown, sizeof shown, "%.15g", v);
        return strtod(shown, NULL) == v ? 15 : 17;
    }
    int most = 15;
    for (int i = 0; i < n->n; i++) {
        int needed = digits_needed(n->pair[i].value);
        if (needed > most) most = needed;
    }
    return most;
}

int fl_json_sink(const char *bytes, size_t n, void *text) {
    fl_text_put(text, bytes, n);
    return 0;
}

char *fl_node_json(const fl_node *n, int indent) {
    fl_text t = {0};
    json_t *json = node_json(n);
    size_t flags = JSON_ENCODE_ANY | JSON_INDENT((size_t)indent) |
                   JSON_REAL_PRECISION((size_t)digits_needed(n));
    FL_CHECK(json && json_dump_callback(json, fl_json_sink, &t, flags) == 0, "the tree is no JSON");
    json_decref(json);
    return t.s;
}

char *fl_config_json(const fl_config *c) {
    return fl_node_json(c->root, 2);
}
