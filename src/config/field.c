/* A table of options: parsed from a map, and as defaults alone. */
#include <pthread.h>
#include <string.h>

#include "config/tree.h"

static size_t count(const fl_field *fields) {
    size_t n = 0;
    while (fields[n].name) n++;
    return n;
}

static void *member_of(const fl_field *f, void *conf) {
    return (char *)conf + f->offset;
}

/* ---- defaults alone ----
 * Lists need memory that no config owns. A default is a constant of its table, so each is read once
 * and kept until the program ends. */

typedef struct known_default {
    struct known_default *next;
    fl_type type;
    const char *text, *choices;
    union {
        char bytes[1];
        fl_padding largest;
        int64_t aligned[2];
    } value;
} known_default;

static pthread_mutex_t defaults_lock = PTHREAD_MUTEX_INITIALIZER;
static fl_config *defaults_owner;
static known_default *defaults;

static bool is_default_of(const known_default *d, const fl_field *f) {
    bool same_choices = f->type != FL_CHOICE || strcmp(d->choices, f->choices) == 0;
    return d->type == f->type && strcmp(d->text, f->fallback) == 0 && same_choices;
}

static const fl_node *default_node(fl_config *c, const char *text) {
    fl_place nowhere = {.source = c->file};
    fl_yaml from = {.source = c->file, .text = text, .len = strlen(text), .fixed = &nowhere};
    const fl_node *n = fl_yaml_read(c, &from);
    FL_CHECK(n && c->n_diags == 0, "the default '%s' is no YAML: %s", text, fl_message());
    return n;
}

static known_default *learn_default(const fl_field *f) {
    if (!defaults_owner) defaults_owner = fl_config_new("defaults", "", 0);
    fl_config *c = defaults_owner;
    known_default *d = fl_config_alloc(c, sizeof *d);
    d->type = f->type;
    d->text = fl_config_keep(c, f->fallback, strlen(f->fallback));
    d->choices = f->choices ? fl_config_keep(c, f->choices, strlen(f->choices)) : "";
    d->next = defaults;
    if (f->type != FL_TREE) {
        fl_status status = fl_value_read(f, default_node(c, d->text), d->value.bytes);
        FL_CHECK(status == FL_OK, "the default of an option is refused: %s", fl_message());
    }
    defaults = d;
    return d;
}

static void fill_default(const fl_field *f, void *member) {
    pthread_mutex_lock(&defaults_lock);
    const known_default *d = defaults;
    while (d && !is_default_of(d, f)) d = d->next;
    if (!d) d = learn_default(f);
    memcpy(member, d->value.bytes, fl_value_size(f->type));
    pthread_mutex_unlock(&defaults_lock);
}

void fl_fields_defaults(const fl_field *fields, void *conf) {
    for (const fl_field *f = fields; f->name; f++) {
        if (f->fallback)
            fill_default(f, member_of(f, conf));
        else
            memset(member_of(f, conf), 0, fl_value_size(f->type));
    }
}

/* ---- keys that are no options ---- */

static bool in_table(const fl_field *fields, const char *key) {
    for (; fields->name; fields++)
        if (strcmp(fields->name, key) == 0) return true;
    return false;
}

static bool in_list(const char *const *list, const char *key) {
    for (; list && *list; list++)
        if (strcmp(*list, key) == 0) return true;
    return false;
}

static const char **known_keys(const fl_field *fields, const char *const *also, size_t *n) {
    size_t more = 0;
    while (also && also[more]) more++;
    const char **keys = fl_alloc((count(fields) + more + 1) * sizeof *keys);
    *n = 0;
    for (size_t i = 0; i < more; i++) keys[(*n)++] = also[i];
    for (const fl_field *f = fields; f->name; f++) keys[(*n)++] = f->name;
    return keys;
}

static fl_status unknown_key(const fl_node *map, int i, const char *where, const fl_field *fields,
                             const char *const *also) {
    size_t n;
    const char **keys = known_keys(fields, also, &n);
    char *hint = fl_diag_suggest(map->pair[i].key, keys, n);
    char *shown = fl_excerpt(map->pair[i].key);
    fl_node_error_key(map, i, "unknown key '%s' in %s\n%s", shown, where, hint);
    fl_free(shown);
    fl_free(hint);
    fl_free(keys);
    return FL_ERR_CONFIG;
}

static fl_status check_keys(const fl_node *map, const char *where, const fl_field *fields,
                            const char *const *also) {
    fl_status status = FL_OK;
    for (int i = 0; i < map->n; i++) {
        const char *key = map->pair[i].key;
        if (!in_table(fields, key) && !in_list(also, key))
            status = unknown_key(map, i, where, fields, also);
    }
    return status;
}

/* ---- the table ---- */

static fl_status missing_key(const fl_node *map, const char *where, const fl_field *f) {
    char *expected = fl_field_expects(f);
    fl_node_error(map, "missing key '%s' in %s\nadd '%s: …', %s: %s", f->name, where, f->name,
                  expected, f->help ? f->help : "it has no default");
    fl_free(expected);
    return FL_ERR_CONFIG;
}

static fl_status parse_one(fl_node *map, const char *where, const fl_field *f, void *conf) {
    if (f->fallback) fl_node_set_default(map, f->name, f->fallback);
    const fl_node *n = fl_node_get(map, f->name);
    return n ? fl_value_read(f, n, member_of(f, conf)) : missing_key(map, where, f);
}

static fl_status not_a_map(const fl_node *n, const char *where) {
    char *found = fl_node_found(n);
    fl_node_error(n, "expected a map of options in %s, found %s\nwrite options as `key: value`",
                  where, found);
    fl_free(found);
    return FL_ERR_CONFIG;
}

/* Without a map there is nothing to point at, and only a missing key can be wrong. */
static fl_status parse_nothing(const char *where, const fl_field *fields, void *conf) {
    fl_fields_defaults(fields, conf);
    for (const fl_field *f = fields; f->name; f++)
        if (!f->fallback) return missing_key(NULL, where, f);
    return FL_OK;
}

fl_status fl_fields_parse(fl_node *map, const char *where, const fl_field *fields,
                          const char *const *also, void *conf) {
    if (!map) return parse_nothing(where, fields, conf);
    fl_node_become_map(map);
    if (map->kind != FL_NODE_MAP) return not_a_map(map, where);
    fl_status status = check_keys(map, where, fields, also);
    for (const fl_field *f = fields; f->name; f++)
        if (parse_one(map, where, f, conf) != FL_OK) status = FL_ERR_CONFIG;
    return status;
}
