/* The seconds of a plan, and of other depths of freezing, as JSON. */
#include <jansson.h>

#include "tables.h"

static void set(json_t *o, const char *key, double value) {
    json_object_set_new(o, key, json_real(value));
}

void fl_set_cost(json_t *o, const fl_plan *p) {
    const fl_cost *c = &p->cost;
    if (!c->known) return;
    json_t *parts = json_object();
    set(o, "predicted_step_seconds", c->step);
    if (fl_shows_cached_step(p)) set(o, "predicted_cached_step_seconds", c->cached_step);
    json_object_set_new(parts, "network", *c->network ? json_string(c->network) : json_null());
    set(parts, "data", c->data);
    set(parts, "static", c->fixed);
    set(parts, "static_ahead", c->ahead);
    set(parts, "forward", c->forward);
    set(parts, "backward", c->backward);
    set(parts, "reduce", c->reduce);
    set(parts, "reduce_exposed", c->reduce_exposed);
    set(parts, "update", c->update);
    set(parts, "other", c->other);
    json_object_set_new(o, "predicted_time", parts);
}

static json_t *point(const fl_what_if *w, int depth, int i) {
    const fl_what_if_point *p = fl_what_if_at(w, depth, i);
    json_t *o = json_object();
    json_object_set_new(o, "np", json_integer(w->np[i]));
    json_object_set_new(o, "nodes", json_integer(p->nodes));
    set(o, "step_seconds", p->step);
    if (w->keeps) set(o, "cached_step_seconds", p->cached_step);
    set(o, "memory_bytes_per_node", p->memory);
    return o;
}

static json_t *depth_of(const fl_what_if *w, int depth) {
    json_t *o = json_object(), *points = json_array();
    json_object_set_new(o, "freeze", json_string(w->rule[depth]));
    set(o, "frozen", fl_what_if_at(w, depth, 0)->frozen);
    set(o, "payload_bytes", fl_what_if_at(w, depth, 0)->payload);
    json_object_set_new(o, "pays_up_to", json_integer(w->np[fl_what_if_pays(w, depth, false)]));
    if (w->keeps)
        json_object_set_new(o, "cached_pays_up_to",
                            json_integer(w->np[fl_what_if_pays(w, depth, true)]));
    for (int i = 0; i < w->n_np; i++) json_array_append_new(points, point(w, depth, i));
    json_object_set_new(o, "points", points);
    return o;
}

char *fl_what_if_json(const fl_what_if *w) {
    json_t *o = json_object(), *depths = json_array();
    json_object_set_new(o, "batch_size", json_integer(w->batch_size));
    json_object_set_new(o, "network", w->network ? json_string(w->network) : json_null());
    for (int d = 0; d < w->n_depths; d++) json_array_append_new(depths, depth_of(w, d));
    json_object_set_new(o, "depths", depths);
    char *text = json_dumps(o, JSON_REAL_PRECISION(9)), *line;
    json_decref(o);
    FL_CHECK(text, "the depths could not be written as JSON");
    line = fl_format("%s\n", text);
    fl_free(text);
    return line;
}
