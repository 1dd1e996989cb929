/* From a model and its freeze mask to everything that is decided before step 0. */
#include <string.h>

#include "plan/schedule.h"

static int64_t parts(int64_t n, int64_t by) {
    return (n + by - 1) / by;
}

/* A live layer reads the output of `from`. */
static void cross_frost_line(fl_plan *p, int from) {
    if (from == FL_MODEL_INPUT) {
        p->live_reads_input = true;
        return;
    }
    const fl_model_layer *layer = &p->model->layer[from];
    if (!layer->is_static || p->layer[from].frost_line) return;
    p->layer[from].frost_line = true;
    p->feature_width += fl_shape_size(layer->shape);
}

static void plan_layer(fl_plan *p, int l) {
    const fl_model *m = p->model;
    const fl_model_layer *layer = &m->layer[l];
    fl_plan_layer *out = &p->layer[l];
    out->is_static = layer->is_static;
    out->need = fl_freeze_need(m, l);
    out->flops = layer->plan.flops;
    out->flops_dx = out->need.input_gradient ? layer->plan.flops_dx : 0;
    out->flops_dw = out->need.weight_gradient ? layer->plan.flops_dw : 0;
    for (int i = 0; i < layer->n_in && !layer->is_static; i++) cross_frost_line(p, layer->in[i]);
}

static void count_payload(fl_plan *p) {
    for (int i = 0; i < p->model->n_params; i++)
        if (p->place[i].region == FL_REGION_TRAINABLE)
            p->layer[p->model->param[i].layer].payload_bytes +=
                p->place[i].span.len * sizeof(float);
}

static size_t batch_bytes(const fl_plan *p) {
    return (size_t)p->rows * fl_shape_size(p->model->input) * sizeof(float);
}

static void count_memory(fl_plan *p) {
    size_t frozen = p->n_frozen * sizeof(float);
    bool on_disk = fl_plan_packs_all(p);
    p->memory = (fl_memory){
        .trainable = p->n_trainable * sizeof(float),
        .gradients = p->n_trainable * sizeof(float),
        .optimizer = p->n_trainable * sizeof(float) * (size_t)p->conf.optimizer_slots,
        .state = p->n_state * sizeof(float),
        .activations = p->schedule->arena_bytes,
        .batches = (size_t)p->conf.batches * batch_bytes(p),
        .program = FL_PROGRAM_BYTES,
        .program_shared = FL_PROGRAM_SHARED_BYTES,
        .frozen_shared = on_disk ? 0 : frozen,
        .frozen_on_disk = on_disk ? frozen : 0,
        .packed_shared = p->schedule->packed_floats * sizeof(float),
    };
}

fl_status fl_plan_open(const fl_model *m, const fl_plan_conf *conf, fl_plan **out) {
    fl_plan *p = fl_alloc(sizeof *p);
    p->model = m;
    p->conf = *conf;
    if (!conf->kernels) p->conf.kernels = &fl_kernels_reference;
    if (!conf->parts) p->conf.parts = conf->np;
    if (!conf->calls) p->conf.calls = 1;
    p->rows = (int)parts(parts(conf->batch_size, conf->accumulation), p->conf.parts);
    p->layer = fl_alloc((size_t)m->n_layers * sizeof *p->layer);
    p->place = fl_alloc((size_t)m->n_params * sizeof *p->place);
    for (int l = 0; l < m->n_layers; l++) plan_layer(p, l);
    fl_plan_place(p);
    fl_plan_cut_buckets(p);
    count_payload(p);
    fl_status status = fl_schedule_open(p, &p->schedule);
    count_memory(p);
    *out = p;
    if (status == FL_OK) return FL_OK;
    fl_plan_close(p);
    *out = NULL;
    return status;
}

void fl_plan_close(fl_plan *p) {
    if (!p) return;
    for (int i = 0; i < p->n_buckets; i++) fl_free(p->bucket[i].layer);
    fl_free(p->bucket);
    fl_free(p->traffic.bucket);
    fl_free(p->cost.ready);
    fl_free(p->layer);
    fl_free(p->place);
    fl_schedule_close(p->schedule);
    fl_free(p);
}

size_t fl_plan_packed_floats(const fl_plan *p) {
    return p->schedule->packed_floats;
}

static bool is_packed(const fl_plan *p, int layer) {
    for (int i = 0; i < p->schedule->n_chains; i++) {
        const fl_chain *c = &p->schedule->chain[i];
        if (c->head == layer || c->norm == layer) return true;
    }
    return false;
}

bool fl_plan_packs_all(const fl_plan *p) {
    for (int i = 0; i < p->model->n_params; i++)
        if (p->place[i].region == FL_REGION_FROZEN && !is_packed(p, p->model->param[i].layer))
            return false;
    return p->n_frozen > 0;
}

/* A chain belongs to the part in which the middle of its weights lies. */
void fl_plan_pack(const fl_plan *p, float *packed, int part, int parts) {
    for (int i = 0; i < p->schedule->n_chains; i++) {
        const fl_chain *c = &p->schedule->chain[i];
        size_t middle = (c->packed + c->bias) / 2;
        if (middle * (size_t)parts / p->schedule->packed_floats == (size_t)part)
            fl_chain_pack(c, p->model, packed);
    }
}

size_t fl_plan_payload_bytes(const fl_plan *p) {
    return p->n_trainable * sizeof(float);
}
size_t fl_plan_unfrozen_payload_bytes(const fl_plan *p) {
    return p->n_unfrozen * sizeof(float);
}

size_t fl_plan_wire_bytes(const fl_plan *p, size_t payload) {
    size_t np = (size_t)p->conf.np;
    return payload * 2 * (np - 1) / np;
}

size_t fl_plan_memory_per_rank(const fl_plan *p) {
    const fl_memory *m = &p->memory;
    return m->gradients + m->state + m->activations + m->batches + m->data + m->reducer +
           m->program;
}

static size_t features_in_memory(const fl_feature_plan *f) {
    return f->place && strcmp(f->place, "memory") == 0 ? f->bytes : 0;
}

size_t fl_plan_memory_per_node(const fl_plan *p) {
    const fl_memory *m = &p->memory;
    return m->trainable + m->optimizer + m->program_shared + m->frozen_shared + m->packed_shared +
           features_in_memory(&p->features);
}

/* Other algorithms round differently: ranks must agree on them. */
static void add_algorithms(fl_text *t, const fl_plan *p, int l) {
    const char *forward = fl_plan_algorithm(p, l, FL_PASS_FORWARD),
               *dx = fl_plan_algorithm(p, l, FL_PASS_DX), *dw = fl_plan_algorithm(p, l, FL_PASS_DW);
    if (*forward || *dx || *dw)
        fl_text_add(t, "%s runs by %s, %s, %s\n", p->model->layer[l].name, forward, dx, dw);
}

char *fl_plan_text(const fl_plan *p) {
    static const char *const region[] = {"trainable", "frozen", "state"};
    fl_text t = {0};
    for (int i = 0; i < p->model->n_params; i++)
        fl_text_add(&t, "%s %s @%zu+%zu\n", p->model->param[i].name, region[p->place[i].region],
                    p->place[i].span.off, p->place[i].span.len);
    for (int i = 0; i < p->n_buckets; i++)
        fl_text_add(&t, "bucket %d @%zu+%zu after %s\n", i, p->bucket[i].span.off,
                    p->bucket[i].span.len, p->model->layer[p->bucket[i].ready].name);
    fl_text_add(&t, "kernels %s (FROSTLINE_ISA sets them alike on all ranks)\n",
                p->conf.kernels->name);
    for (int l = 0; l < p->model->n_layers; l++) add_algorithms(&t, p, l);
    fl_text_add(&t, "batch %lld in %lld on %d ranks, in %d parts\n", (long long)p->conf.batch_size,
                (long long)p->conf.accumulation, p->conf.np, p->conf.parts);
    return t.s;
}

uint64_t fl_plan_hash(const fl_plan *p) {
    char *text = fl_plan_text(p);
    size_t len = 0;
    while (text[len]) len++;
    uint64_t hash = fl_hash(text, len, 0);
    fl_free(text);
    return hash;
}
