/* plan_json.c: `frostline plan --json`. */
#include <jansson.h>

#include "tables.h"

static json_t *integer(size_t n) {
    return json_integer((json_int_t)n);
}

/* FLOPs are whole numbers, kept in doubles because they outgrow 32 bits. */
static json_t *flops(double n) {
    return n < 0x1p53 ? json_integer((json_int_t)n) : json_real(n);
}

static void set(json_t *o, const char *key, json_t *value) {
    FL_CHECK(json_object_set_new(o, key, value) == 0, "'%s' is no JSON value", key);
}

/* Names come from a config, which is checked to be UTF-8. */
static json_t *name(const char *s) {
    return json_string(s ? s : "");
}

static json_t *parameters(const fl_totals *t, const fl_plan *p) {
    json_t *o = json_object();
    set(o, "total", integer(t->parameters));
    set(o, "trainable", integer(t->trainable));
    set(o, "frozen", integer(t->parameters - t->trainable));
    set(o, "trainable_unfrozen", integer(p->n_unfrozen));
    return o;
}

static json_t *step_flops(const fl_totals *t) {
    json_t *o = json_object();
    set(o, "forward_static", flops(t->flops_static));
    set(o, "forward_live", flops(t->flops_forward));
    set(o, "backward", flops(t->flops_backward));
    return o;
}

static json_t *memory(const fl_memory *m) {
    json_t *o = json_object();
    set(o, "trainable", integer(m->trainable));
    set(o, "gradients", integer(m->gradients));
    set(o, "optimizer", integer(m->optimizer));
    set(o, "state", integer(m->state));
    set(o, "activations", integer(m->activations));
    set(o, "batches", integer(m->batches));
    set(o, "data", integer(m->data));
    set(o, "reducer", integer(m->reducer));
    set(o, "program", integer(m->program));
    set(o, "program_shared", integer(m->program_shared));
    set(o, "frozen_shared", integer(m->frozen_shared));
    set(o, "frozen_on_disk", integer(m->frozen_on_disk));
    set(o, "packed_shared", integer(m->packed_shared));
    return o;
}

static json_t *row_flops(const fl_plan_layer *l) {
    json_t *o = json_object();
    set(o, "forward", flops(l->flops));
    set(o, "input_gradient", flops(l->flops_dx));
    set(o, "weight_gradient", flops(l->flops_dw));
    return o;
}

static json_t *algorithms(const fl_plan *p, int i) {
    json_t *o = json_object();
    set(o, "forward", name(fl_plan_algorithm(p, i, FL_PASS_FORWARD)));
    set(o, "input_gradient", name(fl_plan_algorithm(p, i, FL_PASS_DX)));
    set(o, "weight_gradient", name(fl_plan_algorithm(p, i, FL_PASS_DW)));
    return o;
}

static json_t *shape(fl_shape s) {
    json_t *a = json_array();
    for (int i = 0; i < s.n; i++) json_array_append_new(a, json_integer(s.d[i]));
    return a;
}

static json_t *inputs(const fl_model *m, int i) {
    json_t *a = json_array();
    for (int k = 0; k < m->layer[i].n_in; k++) {
        int in = m->layer[i].in[k];
        json_array_append_new(a, name(in == FL_MODEL_INPUT ? "input" : m->layer[in].name));
    }
    return a;
}

static json_t *layer(const fl_plan *p, int i) {
    const fl_model_layer *l = &p->model->layer[i];
    const fl_plan_layer *q = &p->layer[i];
    json_t *o = json_object();
    set(o, "name", name(l->name));
    set(o, "type", name(l->ops->name));
    set(o, "group", l->group ? name(l->group) : json_null());
    set(o, "inputs", inputs(p->model, i));
    set(o, "output", shape(l->shape));
    set(o, "parameters", integer(fl_model_count_layer(p->model, i)));
    set(o, "trainable", json_boolean(l->trainable));
    set(o, "static", json_boolean(q->is_static));
    set(o, "frost_line", json_boolean(q->frost_line));
    set(o, "input_gradient", json_boolean(q->need.input_gradient));
    set(o, "weight_gradient", json_boolean(q->need.weight_gradient));
    set(o, "algorithm", algorithms(p, i));
    set(o, "flops_per_row", row_flops(q));
    set(o, "payload_bytes", integer(q->payload_bytes));
    return o;
}

static json_t *layers(const fl_plan *p) {
    json_t *a = json_array();
    for (int i = 0; i < p->model->n_layers; i++) json_array_append_new(a, layer(p, i));
    return a;
}

static json_t *whole(double bytes) {
    return json_integer((json_int_t)bytes);
}

/* Keys "<before>mpi_bytes<behind>", … */
static void set_bytes(json_t *o, const char *before, const char *behind, const fl_bytes *b) {
    const struct {
        const char *what;
        double bytes;
    } figure[] = {{"mpi", b->mpi}, {"node", b->node}, {"link", b->link}};
    for (size_t i = 0; i < FL_COUNT(figure); i++) {
        char *key = fl_format("%s%s_bytes%s", before, figure[i].what, behind);
        set(o, key, whole(figure[i].bytes));
        fl_free(key);
    }
}

static json_t *bucket(const fl_plan *p, int i) {
    const fl_bucket *b = &p->bucket[i];
    json_t *o = json_object(), *names = json_array();
    for (int k = 0; k < b->n_layers; k++)
        json_array_append_new(names, name(p->model->layer[b->layer[k]].name));
    set(o, "index", json_integer(i));
    set(o, "bytes", integer(b->span.len * sizeof(float)));
    if (p->traffic.nodes) set_bytes(o, "", "", &p->traffic.bucket[i]);
    set(o, "ready", name(p->model->layer[b->ready].name));
    set(o, "layers", names);
    return o;
}

static json_t *buckets(const fl_plan *p) {
    json_t *a = json_array();
    for (int i = 0; i < p->n_buckets; i++) json_array_append_new(a, bucket(p, i));
    return a;
}

static void set_traffic(json_t *o, const fl_plan *p) {
    size_t payload = fl_plan_payload_bytes(p), unfrozen = fl_plan_unfrozen_payload_bytes(p);
    set(o, "payload_bytes", integer(payload));
    set(o, "unfrozen_payload_bytes", integer(unfrozen));
    set(o, "wire_bytes_per_rank", integer(fl_plan_wire_bytes(p, payload)));
    set(o, "unfrozen_wire_bytes_per_rank", integer(fl_plan_wire_bytes(p, unfrozen)));
    if (!p->traffic.nodes) return;
    set(o, "nodes", json_integer(p->traffic.nodes));
    set(o, "reducer", name(p->traffic.reducer));
    set_bytes(o, "", "", &p->traffic.all);
    set_bytes(o, "unfrozen_", "", &p->traffic.all_unfrozen);
    set_bytes(o, "", "_per_rank", &p->traffic.rank);
    set_bytes(o, "unfrozen_", "_per_rank", &p->traffic.rank_unfrozen);
}

/* Bytes per node; null where the rows are not known. */
static json_t *features(const fl_feature_plan *f) {
    json_t *o = json_object();
    set(o, "place", name(f->place));
    set(o, "reason", f->reason ? name(f->reason) : json_null());
    set(o, "dtype", name(f->dtype));
    set(o, "rows", f->rows ? json_integer(f->rows) : json_null());
    set(o, "variants", f->rows ? json_integer(f->variants) : json_null());
    set(o, "validation_rows", f->rows ? json_integer(f->validation_rows) : json_null());
    set(o, "bytes_per_row", integer(f->row_bytes));
    set(o, "bytes_per_node", f->rows ? integer(f->bytes) : json_null());
    return o;
}

static json_t *plan(const fl_plan *p) {
    fl_totals t = fl_totals_of(p);
    json_t *o = json_object();
    set(o, "np", json_integer(p->conf.np));
    set(o, "batch_size", json_integer(p->conf.batch_size));
    set(o, "gradient_accumulation_steps", json_integer(p->conf.accumulation));
    set(o, "rows_per_rank", json_integer(p->rows));
    set(o, "parts", json_integer(p->conf.parts));
    set(o, "calls_per_rank", json_integer(p->conf.calls));
    set(o, "parameters", parameters(&t, p));
    set_traffic(o, p);
    set(o, "flops", step_flops(&t));
    set(o, "memory_bytes_per_rank", integer(fl_plan_memory_per_rank(p)));
    set(o, "memory_bytes_per_node_shared", integer(fl_plan_memory_per_node(p)));
    set(o, "memory", memory(&p->memory));
    if (p->features.place) set(o, "features", features(&p->features));
    fl_set_cost(o, p);
    set(o, "layers", layers(p));
    set(o, "buckets", buckets(p));
    return o;
}

static int add_bytes(const char *bytes, size_t n, void *text) {
    fl_text_put(text, bytes, n);
    return 0;
}

char *fl_plan_json(const fl_plan *p) {
    json_t *o = plan(p);
    fl_text t = {0};
    int failed = json_dump_callback(o, add_bytes, &t, 0);
    json_decref(o);
    FL_CHECK(!failed, "a plan could not be written as JSON");
    fl_text_add(&t, "\n");
    return t.s;
}
