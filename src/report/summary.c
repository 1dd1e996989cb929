/* summary.c: the model as Keras prints it. */
#include <string.h>

#include "table.h"
#include "tables.h"
#include "text.h"

enum { LAYER, SHAPE, PARAMS, TRAINABLE, INPUTS, COLUMNS };

static const fl_table_column columns_of[COLUMNS] = {
    [LAYER] = {"Layer (type)", .shrinks = true},  [SHAPE] = {"Output Shape"},
    [PARAMS] = {"Param #", .right = true},        [TRAINABLE] = {"Trainable"},
    [INPUTS] = {"Connected to", .shrinks = true},
};

static const char *grouped(size_t n, char *buf) {
    return fl_text_grouped((double)n, ",", buf);
}

static bool is_sequential(const fl_model *m) {
    for (int i = 0; i < m->n_layers; i++)
        if (m->layer[i].n_in != 1 || m->layer[i].in[0] != i - 1) return false; /* the input is -1 */
    return true;
}

static bool same_group(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *trainable_text(const fl_model_layer *l) {
    if (l->n_params == 0) return "–";
    return l->trainable ? "yes" : "no";
}

static void add_input(fl_table *t, const fl_model *m) {
    char shape[80];
    fl_table_row(t);
    fl_table_cell(t, LAYER, "input");
    fl_table_cell(t, SHAPE, "%s", fl_keras_shape(m->input, shape));
    fl_table_cell(t, PARAMS, "0");
    fl_table_cell(t, TRAINABLE, "–");
}

static void add_layer(fl_table *t, const fl_model *m, int i) {
    const fl_model_layer *l = &m->layer[i];
    char shape[80], params[40];
    fl_table_row(t);
    fl_table_cell(t, LAYER, "%s%s (%s)", l->group ? "  " : "", l->name, l->ops->name);
    fl_table_cell(t, SHAPE, "%s", fl_keras_shape(l->shape, shape));
    fl_table_cell(t, PARAMS, "%s", grouped(fl_model_count_layer(m, i), params));
    fl_table_cell(t, TRAINABLE, "%s", trainable_text(l));
    if (t->n_columns <= INPUTS) return;
    fl_text inputs = {0};
    fl_add_inputs(m, i, &inputs);
    fl_table_cell(t, INPUTS, "%s", inputs.s ? inputs.s : "");
    fl_free(inputs.s);
}

/* A base's layers stand indented under its name, between rules. */
static void add_border(fl_table *t, const char *group) {
    fl_table_rule(t);
    if (!group) return;
    fl_table_row(t);
    fl_table_cell(t, LAYER, "%s (base)", group);
}

static void add_layers(fl_table *t, const fl_model *m) {
    const char *group = NULL;
    add_input(t, m);
    for (int i = 0; i < m->n_layers; i++) {
        if (!same_group(m->layer[i].group, group)) add_border(t, m->layer[i].group);
        group = m->layer[i].group;
        add_layer(t, m, i);
    }
}

static void add_total(fl_text *out, const char *what, size_t n, const char *note) {
    char count[40], size[32];
    fl_text_add(out, " %s params: %s (%s)%s%s\n", what, grouped(n, count),
                fl_text_kib((double)n * sizeof(float), size), note ? " " : "", note ? note : "");
}

static const char *plural(size_t n) {
    return n == 1 ? "" : "s";
}

static void add_reduced(fl_text *out, const fl_plan *p) {
    char payload[40], unfrozen[40];
    fl_text_add(out, " Reduced per step: %s bytes in %d bucket%s of %s with nothing frozen\n",
                grouped(fl_plan_payload_bytes(p), payload), p->n_buckets,
                plural((size_t)p->n_buckets), grouped(fl_plan_unfrozen_payload_bytes(p), unfrozen));
}

static void add_totals(fl_text *out, const fl_plan *p, const char *optimizer) {
    fl_totals t = fl_totals_of(p);
    add_total(out, "Total", t.parameters, NULL);
    add_total(out, "Trainable", t.trainable, NULL);
    add_total(out, "Non-trainable", t.parameters - t.trainable, NULL);
    if (optimizer)
        add_total(out, "Optimizer", t.trainable * (size_t)p->conf.optimizer_slots, optimizer);
    fl_text_add(out, " Frozen: %d of %d layer%s with parameters; %d of all %d %s static\n",
                t.n_frozen, t.n_weighted, plural((size_t)t.n_weighted), t.n_static,
                p->model->n_layers, t.n_static == 1 ? "is" : "are");
    add_reduced(out, p);
}

char *fl_summary_text(const fl_plan *p, const char *optimizer, int columns) {
    const fl_model *m = p->model;
    fl_text out = {0};
    fl_text_add(&out, "Model: %s%s%d layer%s\n", m->base ? m->base : "", m->base ? ", " : "",
                m->n_layers, plural((size_t)m->n_layers));
    fl_table t = fl_table_open(is_sequential(m) ? INPUTS : COLUMNS, columns_of);
    add_layers(&t, m);
    fl_table_print(&t, columns, &out);
    fl_table_close(&t);
    add_totals(&out, p, optimizer);
    return out.s;
}
