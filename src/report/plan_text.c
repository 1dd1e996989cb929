/* plan_text.c: what `frostline plan` prints: what runs where, what is kept, what is reduced, what
 * it costs. */
#include <string.h>

#include "table.h"
#include "tables.h"
#include "text.h"

enum { LAYER, OUTPUT, FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, CACHED, COST, BACKWARD, PAYLOAD };

static const fl_table_column layer_columns[] = {
    [LAYER] = {"Layer (type)", .shrinks = true},
    [OUTPUT] = {"Output"},
    [FORWARD] = {"Forward"},
    [INPUT_GRADIENT] = {"dX"},
    [WEIGHT_GRADIENT] = {"dW"},
    [CACHED] = {"Cached"},
    [COST] = {"FLOPs fwd", .right = true},
    [BACKWARD] = {"FLOPs bwd", .right = true},
    [PAYLOAD] = {"Payload", .right = true},
};

static const char *bytes_text(size_t n, char *buf) {
    return fl_human_bytes((double)n, buf);
}

static const char *yes(bool is) {
    return is ? "yes" : "–";
}

/* What runs a pass of a layer; "yes" is its own way. */
static const char *way(const fl_plan *p, int i, fl_pass pass, bool is) {
    const char *algorithm = fl_plan_algorithm(p, i, pass);
    return *algorithm ? algorithm : yes(is);
}

/* Nothing to compute or to send is a dash, so that what costs stands out. */
static void cell_or_dash(fl_table *t, int column, double n,
                         const char *(*human)(double n, char *buf)) {
    char buf[32];
    fl_table_cell(t, column, "%s", n > 0 ? human(n, buf) : "–");
}

static void add_layer(fl_table *t, const fl_plan *p, int i) {
    const fl_model_layer *l = &p->model->layer[i];
    const fl_plan_layer *q = &p->layer[i];
    char shape[64];
    fl_table_row(t);
    fl_table_cell(t, LAYER, "%s (%s)", l->name, l->ops->name);
    fl_table_cell(t, OUTPUT, "%s", fl_shape_text(l->shape, shape));
    const char *algorithm = fl_plan_algorithm(p, i, FL_PASS_FORWARD);
    fl_table_cell(t, FORWARD, "%s%s%s", q->is_static ? "static" : "live", algorithm[0] ? " " : "",
                  algorithm);
    fl_table_cell(t, INPUT_GRADIENT, "%s", way(p, i, FL_PASS_DX, q->need.input_gradient));
    fl_table_cell(t, WEIGHT_GRADIENT, "%s", way(p, i, FL_PASS_DW, q->need.weight_gradient));
    fl_table_cell(t, CACHED, "%s", yes(q->frost_line));
    cell_or_dash(t, COST, q->flops, fl_human_count);
    cell_or_dash(t, BACKWARD, q->flops_dx + q->flops_dw, fl_human_count);
    cell_or_dash(t, PAYLOAD, (double)q->payload_bytes, fl_human_bytes);
}

static bool has_bf16(const fl_plan *p) {
    for (int i = 0; i < p->model->n_layers; i++)
        if (strstr(fl_plan_algorithm(p, i, FL_PASS_FORWARD), "_bf16")) return true;
    return false;
}

static void add_layers(fl_text *out, const fl_plan *p, int columns) {
    fl_table t = fl_table_open((int)FL_COUNT(layer_columns), layer_columns);
    for (int i = 0; i < p->model->n_layers; i++) {
        bool border = i > 0 && p->layer[i - 1].is_static && !p->layer[i].is_static;
        if (border) fl_table_rule(&t);
        add_layer(&t, p, i);
    }
    fl_table_print(&t, columns, out);
    fl_table_close(&t);
    fl_text_add(out,
                " static: runs as inference, its output for a row never changes\n"
                " fused: done by the layer before; others: the algorithm of the layer\n"
                " dX, dW: the gradients of its input and weights; yes: run, the layer's own way\n"
                " cached: the frost line; with cached features nothing static runs twice\n"
                " FLOPs are those of one row\n");
    if (has_bf16(p))
        fl_text_add(out,
                    " bf16: operands in bfloat16; 'frostline bench error CONFIG' measures what "
                    "that costs in digits\n");
}

static void add_costs(fl_text *out, const fl_plan *p) {
    fl_totals t = fl_totals_of(p);
    char fixed[32], forward[32], backward[32];
    fl_text_add(out, "\nCompute per step and rank: static %s, forward %s, backward %s FLOPs\n",
                fl_human_count(t.flops_static, fixed), fl_human_count(t.flops_forward, forward),
                fl_human_count(t.flops_backward, backward));
}

static void memory_row(fl_table *t, const char *what, size_t bytes) {
    char size[32];
    if (bytes == 0) return;
    fl_table_row(t);
    fl_table_cell(t, 0, "%s", what);
    fl_table_cell(t, 1, "%s", bytes_text(bytes, size));
}

static void add_rank_memory(fl_table *t, const fl_plan *p) {
    const fl_memory *m = &p->memory;
    memory_row(t, "gradients", m->gradients);
    memory_row(t, "running statistics", m->state);
    memory_row(t, "activations", m->activations);
    memory_row(t, "batches read ahead", m->batches);
    memory_row(t, "data", m->data);
    memory_row(t, "reducer", m->reducer);
    memory_row(t, "program", m->program);
    fl_table_rule(t);
    memory_row(t, "per rank", fl_plan_memory_per_rank(p));
}

static void add_node_memory(fl_table *t, const fl_plan *p) {
    const fl_memory *m = &p->memory;
    size_t others =
        m->trainable + m->optimizer + m->frozen_shared + m->packed_shared + m->program_shared;
    fl_table_rule(t);
    memory_row(t, "trainable parameters", m->trainable);
    memory_row(t, "optimizer state", m->optimizer);
    memory_row(t, "frozen parameters", m->frozen_shared);
    memory_row(t, "frozen parameters, packed for kernels", m->packed_shared);
    memory_row(t, "features", fl_plan_memory_per_node(p) - others);
    memory_row(t, "program and libraries", m->program_shared);
    fl_table_rule(t);
    memory_row(t, "shared per node", fl_plan_memory_per_node(p));
    memory_row(t, "on a node's disk: the frozen ones unpacked", m->frozen_on_disk);
}

static void add_memory(fl_text *out, const fl_plan *p, int columns) {
    static const fl_table_column memory_columns[] = {{"Memory", .right = false},
                                                     {"Bytes", .right = true}};
    fl_text_add(out, "\n");
    fl_table t = fl_table_open((int)FL_COUNT(memory_columns), memory_columns);
    add_rank_memory(&t, p);
    add_node_memory(&t, p);
    fl_table_print(&t, columns, out);
    fl_table_close(&t);
}

/* With as many parts as ranks each has one; the line above says its rows. */
static void add_shards(fl_text *out, const fl_plan *p) {
    const fl_plan_conf *c = &p->conf;
    if (c->parts <= c->np) return;
    fl_text_add(out,
                "Reproducible at up to %d ranks: %d shards, %d of them one after the other on the "
                "rank with most",
                c->parts, c->parts, c->calls);
    double balance = (double)c->calls * c->np / c->parts;
    if (balance > 1) fl_text_add(out, ", %.3g times an even share", balance);
    fl_text_add(out, "\n");
}

char *fl_plan_table(const fl_plan *p, int columns) {
    fl_text out = {0};
    fl_text_add(&out, "Plan for %d rank%s, global batch of %lld, %d row%s a rank and call\n",
                p->conf.np, p->conf.np == 1 ? "" : "s", (long long)p->conf.batch_size, p->rows,
                p->rows == 1 ? "" : "s");
    add_shards(&out, p);
    add_layers(&out, p, columns);
    add_costs(&out, p);
    fl_add_buckets(p, columns, &out);
    add_memory(&out, p, columns);
    fl_add_features(p, &out);
    fl_add_traffic(p, &out);
    fl_add_cost(p, columns, &out);
    return out.s;
}
