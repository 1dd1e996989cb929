/* plan_text.c: what `frostline plan` prints: what runs where, what is kept, what is reduced, what
 * it costs. */
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
    const char *algorithm = fl_plan_algorithm(p, i);
    fl_table_cell(t, FORWARD, "%s%s%s", q->is_static ? "static" : "live", algorithm[0] ? " " : "",
                  algorithm);
    fl_table_cell(t, INPUT_GRADIENT, "%s", yes(q->need.input_gradient));
    fl_table_cell(t, WEIGHT_GRADIENT, "%s", yes(q->need.weight_gradient));
    fl_table_cell(t, CACHED, "%s", yes(q->frost_line));
    cell_or_dash(t, COST, q->flops, fl_human_count);
    cell_or_dash(t, BACKWARD, q->flops_dx + q->flops_dw, fl_human_count);
    cell_or_dash(t, PAYLOAD, (double)q->payload_bytes, fl_human_bytes);
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
    fl_text_add(out, " static: runs as inference, its output for a row never changes\n"
                     " fused: done by the layer before; others: the algorithm of the convolution\n"
                     " cached: the frost line; with cached features nothing static runs twice\n"
                     " FLOPs are those of one row\n");
}

static void add_costs(fl_text *out, const fl_plan *p) {
    fl_totals t = fl_totals_of(p);
    char fixed[32], forward[32], backward[32];
    fl_text_add(out, "\nCompute per step and rank: static %s, forward %s, backward %s FLOPs\n",
                fl_human_count(t.flops_static, fixed), fl_human_count(t.flops_forward, forward),
                fl_human_count(t.flops_backward, backward));
}

static void add_bucket(fl_table *t, const fl_plan *p, int i) {
    const fl_bucket *b = &p->bucket[i];
    char size[32];
    fl_text layers = {0};
    for (int k = 0; k < b->n_layers; k++)
        fl_text_add(&layers, "%s%s", k ? ", " : "", p->model->layer[b->layer[k]].name);
    fl_table_row(t);
    fl_table_cell(t, 0, "%d", i);
    fl_table_cell(t, 1, "%s", bytes_text(b->span.len * sizeof(float), size));
    fl_table_cell(t, 2, "%s", p->model->layer[b->ready].name);
    fl_table_cell(t, 3, "%s", layers.s ? layers.s : "");
    fl_free(layers.s);
}

static void add_buckets(fl_text *out, const fl_plan *p, int columns) {
    static const fl_table_column bucket_columns[] = {
        {"Bucket", .right = true},
        {"Bytes", .right = true},
        {"Ready after", .shrinks = true},
        {"Layers", .shrinks = true},
    };
    fl_text_add(out, "\nBuckets, in the order in which backward fills them\n");
    fl_table t = fl_table_open((int)FL_COUNT(bucket_columns), bucket_columns);
    for (int i = 0; i < p->n_buckets; i++) add_bucket(&t, p, i);
    fl_table_print(&t, columns, out);
    fl_table_close(&t);
}

static void add_memory(fl_text *out, const fl_plan *p, int columns) {
    const fl_memory *m = &p->memory;
    const struct {
        const char *what;
        size_t bytes;
    } row[] = {
        {"trainable parameters", m->trainable}, {"gradients", m->gradients},
        {"optimizer state", m->optimizer},      {"running statistics", m->state},
        {"activations", m->activations},        {"reducer", m->reducer},
    };
    static const fl_table_column memory_columns[] = {{"Memory", .right = false},
                                                     {"Bytes", .right = true}};
    char size[32];
    fl_text_add(out, "\n");
    fl_table t = fl_table_open((int)FL_COUNT(memory_columns), memory_columns);
    for (size_t i = 0; i < FL_COUNT(row); i++) {
        fl_table_row(&t);
        fl_table_cell(&t, 0, "%s", row[i].what);
        fl_table_cell(&t, 1, "%s", bytes_text(row[i].bytes, size));
    }
    fl_table_rule(&t);
    fl_table_row(&t);
    fl_table_cell(&t, 0, "per rank");
    fl_table_cell(&t, 1, "%s", bytes_text(fl_plan_memory_per_rank(p), size));
    fl_table_row(&t);
    fl_table_cell(&t, 0, "frozen, shared per node");
    fl_table_cell(&t, 1, "%s", bytes_text(m->frozen_shared, size));
    fl_table_row(&t);
    fl_table_cell(&t, 0, "the same, packed for kernels");
    fl_table_cell(&t, 1, "%s", bytes_text(m->packed_shared, size));
    fl_table_print(&t, columns, out);
    fl_table_close(&t);
}

static void add_traffic(fl_text *out, const fl_plan *p) {
    size_t payload = fl_plan_payload_bytes(p), unfrozen = fl_plan_unfrozen_payload_bytes(p);
    char a[32], b[32], c[32], share[32];
    fl_text_add(out, "\nReduced per step: %s, %s with nothing frozen", bytes_text(payload, a),
                bytes_text(unfrozen, b));
    if (payload)
        fl_text_add(out, ": %.3g times less (%s)", (double)unfrozen / (double)payload,
                    fl_text_percent((double)payload / (double)unfrozen, share));
    fl_text_add(out, "\nSent by each of %d rank%s per step: %s, %s with nothing frozen\n",
                p->conf.np, p->conf.np == 1 ? "" : "s",
                bytes_text(fl_plan_wire_bytes(p, payload), a),
                bytes_text(fl_plan_wire_bytes(p, unfrozen), c));
}

char *fl_plan_table(const fl_plan *p, int columns) {
    fl_text out = {0};
    fl_text_add(&out, "Plan for %d rank%s, global batch of %lld, %d row%s a rank and call\n",
                p->conf.np, p->conf.np == 1 ? "" : "s", (long long)p->conf.batch_size, p->rows,
                p->rows == 1 ? "" : "s");
    add_layers(&out, p, columns);
    add_costs(&out, p);
    add_buckets(&out, p, columns);
    add_memory(&out, p, columns);
    add_traffic(&out, p);
    return out.s;
}
