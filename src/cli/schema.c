/* The JSON schema and the reference of all options, joined from the tables of those who own them.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/schema.h"
#include "frostline/train.h"

static json_t *table_schema(const fl_field *fields) {
    char *text = fl_fields_schema(fields);
    json_t *o = json_loads(text, 0, NULL);
    FL_CHECK(o, "the schema of a table does not parse: %s", text);
    fl_free(text);
    return o;
}

static json_t *property(json_t *schema, const char *name) {
    return json_object_get(json_object_get(schema, "properties"), name);
}

static void set_property(json_t *schema, const char *name, json_t *value) {
    json_object_set_new(json_object_get(schema, "properties"), name, value);
}

static json_t *text_schema(const char *description) {
    return json_pack("{s:s, s:s}", "type", "string", "description", description);
}

/* One member of a family that is chosen by `type`. */
static json_t *typed(const char *name, const char *help, const fl_field *fields) {
    json_t *o = table_schema(fields);
    set_property(o, "type", json_pack("{s:s}", "const", name));
    json_object_set_new(o, "description", json_string(help));
    return o;
}

static json_t *optimizers(void) {
    json_t *list = json_array();
    for (const fl_optim_ops *const *o = fl_optims_all(); *o; o++) {
        json_t *one = typed((*o)->name, (*o)->help, (*o)->fields);
        set_property(one, "rules", json_pack("{s:s}", "type", "array"));
        json_array_append_new(list, one);
    }
    return json_pack("{s:o}", "anyOf", list);
}

static json_t *schedules(void) {
    json_t *list = json_array();
    for (const fl_rate_ops *const *o = fl_rates_all(); *o; o++)
        json_array_append_new(list, typed((*o)->name, (*o)->help, (*o)->fields));
    return json_pack("{s:o}", "anyOf", list);
}

static json_t *layer_schema(const fl_layer_ops *ops) {
    json_t *o = table_schema(ops->fields);
    set_property(o, "name", text_schema("names the layer and its parameters"));
    set_property(
        o, "inputs",
        json_pack("{s:s}", "description", "layers above that it reads; without it, the one above"));
    return json_pack("{s:s, s:s, s:{s:o}, s:b}", "description", ops->help, "type", "object",
                     "properties", ops->name, o, "additionalProperties", 0);
}

static json_t *layers(void) {
    json_t *any = json_array(), *bare = json_array();
    for (const fl_layer_ops *const *o = fl_layers_all(); *o; o++) {
        json_array_append_new(any, layer_schema(*o));
        json_array_append_new(bare, json_string((*o)->name));
    }
    json_array_append_new(any, json_pack("{s:o}", "enum", bare));
    return json_pack("{s:s, s:{s:o}}", "type", "array", "items", "anyOf", any);
}

static json_t *section_schema(const fl_section *s) {
    if (strcmp(s->name, "optimizer") == 0) return optimizers();
    if (strcmp(s->name, "lr_scheduler") == 0) return schedules();
    json_t *o = table_schema(s->fields);
    if (property(o, "layers") && strcmp(s->name, "model") == 0) set_property(o, "layers", layers());
    return o;
}

char *fl_cli_schema(void) {
    json_t *root = table_schema(fl_sections[0].fields);
    json_object_set_new(root, "$schema",
                        json_string("https://json-schema.org/draft/2020-12/schema"));
    json_object_set_new(root, "title", json_string("Frostline experiment"));
    for (const fl_section *s = fl_sections + 1; s->name; s++) {
        json_t *one = section_schema(s);
        if (!json_object_get(one, "description"))
            json_object_set_new(one, "description", json_string(s->help));
        set_property(root, s->name, one);
    }
    char *raw = json_dumps(root, JSON_INDENT(2)), *text = fl_format("%s\n", raw);
    json_decref(root);
    fl_free(raw);
    return text;
}

static void add_owned(fl_text *t, char *text) {
    fl_text_add(t, "%s", text);
    fl_free(text);
}

/* The first member of a family is shown as it would stand; the others as comments. */
static void add_member(fl_text *t, bool shown, const char *name, const char *help,
                       const fl_field *fields) {
    char *body = fl_fields_reference(fields, 2);
    if (shown) {
        fl_text_add(t, "  type: %s  # %s\n%s", name, help, body);
    } else {
        fl_text_add(t, "  # type: %s  # %s\n", name, help);
        for (char *line = strtok(body, "\n"); line; line = strtok(NULL, "\n"))
            fl_text_add(t, "  #%s\n", line[0] == ' ' && line[1] == ' ' ? line + 1 : line);
    }
    fl_free(body);
}

static void add_layers(fl_text *t) {
    fl_text_add(t, "\n# Layers: items of model.layers, such as '- dense: {units: 10}'. Every one "
                   "also takes name and inputs.\n");
    for (const fl_layer_ops *const *o = fl_layers_all(); *o; o++) {
        char *body = fl_fields_reference((*o)->fields, 2);
        fl_text_add(t, "#\n# %s: %s\n", (*o)->name, (*o)->help);
        for (char *line = strtok(body, "\n"); line; line = strtok(NULL, "\n"))
            fl_text_add(t, "#%s\n", line);
        fl_free(body);
    }
}

char *fl_cli_reference(void) {
    fl_text t = {0};
    fl_text_add(&t, "# Every option with its default; made by 'frostline config --defaults'. A "
                    "real config names only what differs.\n");
    for (const fl_section *s = fl_sections; s->name; s++) {
        if (s->name[0]) fl_text_add(&t, "\n%s:  # %s\n", s->name, s->help);
        if (s->fields) add_owned(&t, fl_fields_reference(s->fields, s->name[0] ? 2 : 0));
        for (const fl_optim_ops *const *o = fl_optims_all();
             strcmp(s->name, "optimizer") == 0 && *o; o++)
            add_member(&t, strcmp((*o)->name, "adam") == 0, (*o)->name, (*o)->help, (*o)->fields);
        for (const fl_rate_ops *const *o = fl_rates_all();
             strcmp(s->name, "lr_scheduler") == 0 && *o; o++)
            add_member(&t, strcmp((*o)->name, "constant") == 0, (*o)->name, (*o)->help,
                       (*o)->fields);
    }
    add_layers(&t);
    return t.s;
}
