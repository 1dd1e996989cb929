/* A table of options as a JSON schema. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "config/tree.h"

static void set(json_t *object, const char *key, json_t *value) {
    FL_CHECK(json_object_set_new(object, key, value) == 0, "no JSON for '%s'", key);
}

static json_t *typed(const char *type) {
    json_t *s = json_object();
    set(s, "type", json_string(type));
    return s;
}

static json_t *number(double v) {
    return v == floor(v) && fabs(v) < 1e15 ? json_integer((json_int_t)v) : json_real(v);
}

static json_t *ranged(const fl_field *f, const char *type) {
    json_t *s = typed(type);
    if (f->min == 0 && f->max == 0) return s;
    if (isfinite(f->min)) set(s, "minimum", number(f->min));
    if (isfinite(f->max)) set(s, "maximum", number(f->max));
    return s;
}

static json_t *list_of(json_t *items, int length) {
    json_t *s = typed("array");
    set(s, "items", items);
    if (length > 0) set(s, "minItems", json_integer(length));
    if (length > 0) set(s, "maxItems", json_integer(length));
    return s;
}

static json_t *any_of(json_t *a, json_t *b) {
    json_t *s = json_object(), *all = json_array();
    json_array_append_new(all, a);
    json_array_append_new(all, b);
    set(s, "anyOf", all);
    return s;
}

static json_t *choice_of(const char *choices) {
    json_t *s = typed("string"), *all = json_array();
    int n;
    const char **names = fl_choices_split(choices, &n);
    for (int i = 0; i < n; i++) json_array_append_new(all, json_string(names[i]));
    fl_free(names);
    set(s, "enum", all);
    return s;
}

static json_t *padding_of(const fl_field *f) {
    fl_field side = *f;
    if (side.min == 0 && side.max == 0) side.max = INFINITY;
    json_t *s = any_of(choice_of("valid|same"), ranged(&side, "integer"));
    json_array_append_new(json_object_get(s, "anyOf"), list_of(ranged(&side, "integer"), 4));
    return s;
}

static json_t *tree_of(const fl_field *f) {
    if (!f->schema) return json_object();
    json_error_t error;
    json_t *s = json_loads(f->schema, 0, &error);
    FL_CHECK(s, "the schema of '%s' is no JSON: %s", f->name, error.text);
    return s;
}

static json_t *type_schema(const fl_field *f) {
    switch (f->type) {
    case FL_BOOL: return typed("boolean");
    case FL_INT: return ranged(f, "integer");
    case FL_FLOAT: return ranged(f, "number");
    case FL_STRING: return typed("string");
    case FL_CHOICE: return choice_of(f->choices);
    case FL_INTS: return list_of(ranged(f, "integer"), 0);
    case FL_FLOATS: return list_of(ranged(f, "number"), 0);
    case FL_STRINGS: return any_of(typed("string"), list_of(typed("string"), 0));
    case FL_PAIR: return any_of(ranged(f, "integer"), list_of(ranged(f, "integer"), 2));
    case FL_PADDING: return padding_of(f);
    default: return tree_of(f);
    }
}

static void add_null_type(json_t *s, json_t *type) {
    json_t *all = json_is_array(type) ? json_copy(type) : json_array(), *one;
    bool there = false;
    size_t i;
    if (json_is_string(type)) json_array_append(all, type);
    json_array_foreach(all, i, one) there |= strcmp(json_string_value(one), "null") == 0;
    if (!there) json_array_append_new(all, json_string("null"));
    set(s, "type", all);
}

/* The same, or null. Takes s over. */
static json_t *or_null(json_t *s) {
    json_t *type = json_object_get(s, "type"), *values = json_object_get(s, "enum");
    if (json_object_size(s) == 0) return s;
    if (!type) return any_of(s, typed("null"));
    add_null_type(s, type);
    if (values) json_array_append_new(values, json_null());
    return s;
}

static json_t *default_json(const fl_field *f) {
    fl_config *c = fl_config_new("defaults", f->fallback, strlen(f->fallback));
    fl_yaml from = {.source = c->file, .text = c->file->text, .len = c->file->len};
    const fl_node *n = fl_yaml_read(c, &from);
    FL_CHECK(n && c->n_diags == 0, "the default of '%s' is no YAML: %s", f->name, f->fallback);
    char *text = fl_node_json(n, 0);
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    fl_free(text);
    fl_config_close(c);
    return value;
}

static json_t *field_schema(const fl_field *f) {
    json_t *s = fl_field_nullable(f) ? or_null(type_schema(f)) : type_schema(f);
    if (f->help) set(s, "description", json_string(f->help));
    if (f->fallback) set(s, "default", default_json(f));
    return s;
}

static char *text_of(json_t *s) {
    fl_text t = {0};
    size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(15);
    FL_CHECK(json_dump_callback(s, fl_json_sink, &t, flags) == 0, "the schema is no JSON");
    json_decref(s);
    return t.s;
}

char *fl_fields_schema(const fl_field *fields) {
    json_t *s = typed("object"), *properties = json_object(), *required = json_array();
    for (const fl_field *f = fields; f->name; f++) {
        set(properties, f->name, field_schema(f));
        if (!f->fallback) json_array_append_new(required, json_string(f->name));
    }
    set(s, "properties", properties);
    if (json_array_size(required) > 0)
        set(s, "required", required);
    else
        json_decref(required);
    set(s, "additionalProperties", json_false());
    return text_of(s);
}
