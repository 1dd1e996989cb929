/* The speeds of a net's layers, from the JSON of `frostline bench layers`. */
#include "cost/speeds.h"

#include <jansson.h>
#include <string.h>

static uint64_t net_of(const fl_model *m) {
    uint64_t h = 0;
    for (int l = 0; l < m->n_layers; l++) {
        const fl_model_layer *layer = &m->layer[l];
        h = fl_hash(layer->name, strlen(layer->name), h);
        h = fl_hash(layer->ops->name, strlen(layer->ops->name), h);
        h = fl_hash(layer->shape.d, (size_t)layer->shape.n * sizeof *layer->shape.d, h);
        for (int i = 0; i < layer->n_params; i++)
            h = fl_hash(&m->param[layer->first_param + i].len, sizeof(size_t), h);
    }
    return h;
}

static double number(const json_t *o, const char *key, bool *sound) {
    const json_t *v = json_object_get(o, key);
    if (!json_is_number(v) || !(json_number_value(v) >= 0)) *sound = false;
    return json_number_value(v);
}

static void read_rows(const json_t *o, int layers, fl_rows_speed *out, bool *sound) {
    const json_t *list = json_object_get(o, "layers");
    out->layer = fl_alloc((size_t)layers * sizeof *out->layer);
    out->rows = number(o, "rows", sound);
    out->update = number(o, "update_seconds", sound);
    out->sum = number(o, "sum_seconds", sound);
    out->other = number(o, "other_seconds", sound);
    for (int l = 0; l < layers; l++) {
        const json_t *one = json_array_get(list, (size_t)l);
        out->layer[l] = (fl_layer_speed){
            .fixed = number(one, "static_seconds", sound),
            .forward = number(one, "forward_seconds", sound),
            .backward = number(one, "backward_seconds", sound),
        };
    }
}

static void read_layers(const json_t *list, const fl_model *m, fl_speeds *s, bool *sound) {
    s->flops_dx = fl_alloc((size_t)m->n_layers * sizeof(double));
    s->flops_dw = fl_alloc((size_t)m->n_layers * sizeof(double));
    if (json_array_size(list) != (size_t)m->n_layers) *sound = false;
    for (int l = 0; l < m->n_layers; l++) {
        const json_t *one = json_array_get(list, (size_t)l);
        const char *name = json_string_value(json_object_get(one, "name"));
        if (!name || strcmp(name, m->layer[l].name) != 0) *sound = false;
        s->flops_dx[l] = number(one, "flops_dx", sound);
        s->flops_dw[l] = number(one, "flops_dw", sound);
    }
}

static bool parse(const json_t *o, const fl_model *m, fl_speeds *s) {
    bool sound = true;
    const json_t *results = json_object_get(o, "results");
    s->ranks = (int)number(o, "ranks", &sound);
    s->nodes = (int)number(o, "nodes", &sound);
    s->threads = (int)number(o, "threads", &sound);
    s->floats = number(o, "trainable_parameters", &sound);
    s->bytes = number(o, "payload_bytes", &sound);
    s->data = json_number_value(json_object_get(o, "data_seconds_per_row")); /* null: 0 */
    s->net = net_of(m);
    read_layers(json_object_get(o, "layers"), m, s, &sound);
    for (; s->n_rows < FL_SPEEDS_ROWS && s->n_rows < (int)json_array_size(results); s->n_rows++)
        read_rows(json_array_get(results, (size_t)s->n_rows), m->n_layers, &s->at[s->n_rows],
                  &sound);
    bool ascends = s->n_rows < 2 || s->at[0].rows < s->at[1].rows;
    return sound && s->n_rows > 0 && s->at[0].rows > 0 && ascends && s->ranks > 0 && s->nodes > 0 &&
           s->threads > 0;
}

fl_status fl_speeds_open(const char *path, const fl_model *m, fl_speeds **out) {
    json_error_t error;
    json_t *o = json_load_file(path, 0, &error);
    *out = NULL;
    if (!o)
        return fl_fail(FL_ERR_INPUT, "'%s' is no JSON: line %d: %s", path, error.line, error.text);
    fl_speeds *s = fl_alloc(sizeof *s);
    bool sound = parse(o, m, s);
    json_decref(o);
    if (sound) {
        *out = s;
        return FL_OK;
    }
    fl_speeds_close(s);
    return fl_fail(FL_ERR_INPUT,
                   "'%s' does not tell what this net's layers take; 'frostline bench layers CONFIG "
                   "--json' measures it",
                   path);
}

bool fl_speeds_fit(const fl_speeds *s, const fl_model *m) {
    return s->net == net_of(m);
}

void fl_speeds_close(fl_speeds *s) {
    if (!s) return;
    for (int i = 0; i < s->n_rows; i++) fl_free(s->at[i].layer);
    fl_free(s->flops_dx);
    fl_free(s->flops_dw);
    fl_free(s);
}

double fl_speeds_line(const fl_speeds *s, double rows,
                      double (*value)(const fl_rows_speed *at, int layer), int layer) {
    const fl_rows_speed *a = &s->at[0], *b = &s->at[s->n_rows - 1];
    double low = value(a, layer), high = value(b, layer);
    double slope = b->rows > a->rows ? (high - low) / (b->rows - a->rows) : 0;
    double begin = low - slope * a->rows;
    if (slope > 0 && begin > 0) return begin + slope * rows;
    return rows - a->rows < b->rows - rows ? low * rows / a->rows : high * rows / b->rows;
}
