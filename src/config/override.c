/* Overrides: `a.b=value` puts a value into the tree, `~a.b` takes one out. Each is a source of its
 * own, so that errors about what it brought point into it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

typedef struct path { /* the dotted words, one after the other */
    fl_config *config;
    const fl_source *source;
    const char *next, *end; /* what is still to come; next > end: nothing */
    const char *key;        /* the current word */
    fl_place at;
    int depth;
} path;

static int characters(const char *s, const char *end) {
    int n = 0;
    for (; s < end; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static fl_place place(const path *p, const char *s, const char *end) {
    return (fl_place){.source = p->source,
                      .line = 1,
                      .column = characters(p->source->text, s) + 1,
                      .width = characters(s, end)};
}

static bool next_word(path *p) {
    if (p->next > p->end) return false;
    const char *dot = memchr(p->next, '.', (size_t)(p->end - p->next));
    const char *stop = dot ? dot : p->end;
    p->at = place(p, p->next, stop);
    p->key = fl_config_keep(p->config, p->next, (size_t)(stop - p->next));
    p->next = stop + 1;
    p->depth++;
    return true;
}

/* ---- one word down ---- */

static fl_pair *unknown_key(const path *p, const fl_node *map) {
    const char **names = fl_alloc((size_t)(map->n + 1) * sizeof *names);
    for (int i = 0; i < map->n; i++) names[i] = map->pair[i].key;
    char *hint = fl_diag_suggest(p->key, names, (size_t)map->n);
    fl_diag_add(p->config, p->at, "there is no key '%s' to take out\n%s", p->key, hint);
    fl_free(hint);
    fl_free(names);
    return NULL;
}

static fl_pair *enter_map(const path *p, fl_node *map, bool create) {
    fl_pair *found = fl_node_find(map, p->key);
    if (found) return found;
    if (!create) return unknown_key(p, map);
    fl_node_become_map(map);
    return fl_node_add(map, p->key, p->at, fl_node_new(p->config, FL_NODE_NULL, p->at));
}

static fl_pair *enter_list(const path *p, fl_node *list) {
    int64_t i = -1;
    if (fl_scalar_int(p->key, &i) && i >= 0 && i < list->n) return &list->pair[i];
    if (list->n == 0)
        fl_diag_add(p->config, p->at, "'%s' is an item of an empty list\nset the whole list: [...]",
                    p->key);
    else
        fl_diag_add(p->config, p->at, "the list has no item '%s'\nits items are 0 to %d", p->key,
                    list->n - 1);
    return NULL;
}

static fl_pair *enter_scalar(const path *p, const fl_node *n) {
    char *shown = fl_excerpt(n->text);
    fl_diag_add(p->config, p->at,
                "'%s' cannot be reached: what is before it is the value '%s'\noverride that value "
                "itself, or check the path",
                p->key, shown);
    fl_free(shown);
    return NULL;
}

static bool good_word(const path *p) {
    size_t len = strlen(p->key);
    if (len == 0)
        fl_diag_add(p->config, p->at, "a key is empty\nthe form is a.b=value or ~a.b");
    else if (len > FL_MAX_KEY)
        fl_diag_add(p->config, p->at, "a key of %zu bytes\nkeys have at most %d bytes", len,
                    FL_MAX_KEY);
    else if (p->depth > FL_MAX_DEPTH)
        fl_diag_add(p->config, p->at, "nested more than %d deep\nno option is that deep",
                    FL_MAX_DEPTH);
    else
        return true;
    return false;
}

static fl_pair *enter(const path *p, fl_node *n, bool create) {
    if (!good_word(p)) return NULL;
    if (n->kind == FL_NODE_SCALAR) return enter_scalar(p, n);
    return n->kind == FL_NODE_LIST ? enter_list(p, n) : enter_map(p, n, create);
}

/* ---- the two forms ---- */

static void take_out(path *p) {
    fl_node *parent = NULL, *n = p->config->root;
    fl_pair *pair = NULL;
    while (next_word(p)) {
        parent = n;
        pair = enter(p, n, false);
        if (!pair) return;
        n = pair->value;
    }
    int after = (int)(parent->pair + parent->n - pair) - 1;
    memmove(pair, pair + 1, (size_t)after * sizeof *pair);
    parent->n--;
}

/* The text after the '=' as a node; NULL if it is no YAML. */
static fl_node *read_value(const path *p, const char *value, int depth) {
    fl_place at = place(p, value, value);
    if (value[strspn(value, " \t\n")] == '\0') return fl_node_new(p->config, FL_NODE_NULL, at);
    fl_yaml from = {.source = p->source,
                    .text = value,
                    .len = strlen(value),
                    .column = at.column - 1,
                    .depth = depth,
                    .flow = true};
    return fl_yaml_read(p->config, &from);
}

static int words(const char *s, const char *end) {
    int n = 1;
    for (; s < end; s++) n += *s == '.';
    return n;
}

static void put(path *p, const char *value) {
    int depth = words(p->next, p->end);
    fl_node *n = p->config->root, *fresh = NULL;
    fl_pair *pair = NULL;
    while (next_word(p)) {
        pair = enter(p, n, true);
        if (!pair) return;
        n = pair->value;
    }
    fresh = read_value(p, value, depth);
    if (!fresh) return;
    if (fresh->at.width == 0) fresh->at = p->at;
    pair->at = p->at;
    pair->value = fresh;
}

static fl_source *source_of(fl_config *c, const char *text, int order) {
    size_t len = strlen(text);
    char *shown = fl_excerpt(text), *name = fl_format("override '%s'", shown);
    fl_source *s = fl_source_new(c, name, fl_config_keep(c, text, len), len, order);
    fl_free(name);
    fl_free(shown);
    return s;
}

void fl_override_apply(fl_config *c, const char *given, int order) {
    const fl_source *s = source_of(c, given, order);
    if (fl_source_check(c, s) != FL_OK) return;
    const char *text = s->text, *equals = strchr(text, '=');
    path p = {.config = c, .source = s, .next = text, .end = equals};
    if (text[0] == '~' && equals) {
        fl_diag_add(c, place(&p, equals, text + s->len),
                    "'~' takes a key out and has no value\nwrite ~a.b, or a.b=value");
    } else if (text[0] == '~') {
        p.next = text + 1;
        p.end = text + s->len;
        take_out(&p);
    } else if (equals) {
        put(&p, equals + 1);
    } else {
        fl_diag_add(c, place(&p, text, text + s->len),
                    "this is no override\nthe form is a.b=value to set a key, ~a.b to take it out");
    }
}
