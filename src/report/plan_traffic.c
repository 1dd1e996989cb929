/* plan_traffic.c: what `frostline plan` says of the bytes of a step. */
#include "table.h"
#include "tables.h"
#include "text.h"

enum { BUCKET, PAYLOAD, MPI, NODE, LINK, READY, LAYERS };

static const fl_table_column columns_of[] = {
    [BUCKET] = {"Bucket", .right = true},   [PAYLOAD] = {"Bytes", .right = true},
    [MPI] = {"To MPI", .right = true},      [NODE] = {"In nodes", .right = true},
    [LINK] = {"On links", .right = true},   [READY] = {"Ready after", .shrinks = true},
    [LAYERS] = {"Layers", .shrinks = true},
};

static void put_bytes(fl_table *t, int column, double n) {
    char text[32];
    fl_table_cell(t, column, "%s", n > 0 ? fl_human_bytes(n, text) : "–");
}

static void put_moved(fl_table *t, const fl_bytes *b) {
    put_bytes(t, MPI, b->mpi);
    put_bytes(t, NODE, b->node);
    put_bytes(t, LINK, b->link);
}

static void add_bucket(fl_table *t, const fl_plan *p, int i) {
    const fl_bucket *b = &p->bucket[i];
    fl_text layers = {0};
    for (int k = 0; k < b->n_layers; k++)
        fl_text_add(&layers, "%s%s", k ? ", " : "", p->model->layer[b->layer[k]].name);
    fl_table_row(t);
    fl_table_cell(t, BUCKET, "%d", i);
    put_bytes(t, PAYLOAD, (double)(b->span.len * sizeof(float)));
    if (p->traffic.bucket) put_moved(t, &p->traffic.bucket[i]);
    fl_table_cell(t, READY, "%s", p->model->layer[b->ready].name);
    fl_table_cell(t, LAYERS, "%s", layers.s ? layers.s : "");
    fl_free(layers.s);
}

static void add_sum(fl_table *t, const char *what, size_t payload, const fl_bytes *moved) {
    fl_table_row(t);
    fl_table_cell(t, BUCKET, "%s", what);
    put_bytes(t, PAYLOAD, (double)payload);
    put_moved(t, moved);
}

void fl_add_buckets(const fl_plan *p, int columns, fl_text *out) {
    const fl_traffic_plan *moved = &p->traffic;
    fl_text_add(out, "\nBuckets, in the order in which backward fills them\n");
    fl_table t = fl_table_open((int)FL_COUNT(columns_of), columns_of);
    for (int i = 0; i < p->n_buckets; i++) add_bucket(&t, p, i);
    if (moved->nodes) {
        fl_table_rule(&t);
        add_sum(&t, "all", fl_plan_payload_bytes(p), &moved->all);
        add_sum(&t, "nothing frozen", fl_plan_unfrozen_payload_bytes(p), &moved->all_unfrozen);
    }
    fl_table_print(&t, columns, out);
    fl_table_close(&t);
    if (!moved->nodes) return;
    fl_text_add(out,
                " moved in a step by all ranks together, on %d node%s, reducer %s: handed to MPI,\n"
                " between ranks of a node, and between nodes with the headers of TCP on Ethernet\n",
                moved->nodes, moved->nodes == 1 ? "" : "s", moved->reducer);
}

void fl_add_traffic(const fl_plan *p, fl_text *out) {
    size_t payload = fl_plan_payload_bytes(p), unfrozen = fl_plan_unfrozen_payload_bytes(p);
    char a[32], b[32], share[32];
    fl_text_add(out, "\nReduced per step: %s, %s with nothing frozen",
                fl_human_bytes((double)payload, a), fl_human_bytes((double)unfrozen, b));
    if (payload)
        fl_text_add(out, ": %.3g times less (%s)", (double)unfrozen / (double)payload,
                    fl_text_percent((double)payload / (double)unfrozen, share));
    fl_text_add(out,
                "\nLeast that an all-reduce sends from each of %d rank%s: %s, %s with nothing "
                "frozen\n",
                p->conf.np, p->conf.np == 1 ? "" : "s",
                fl_human_bytes((double)fl_plan_wire_bytes(p, payload), a),
                fl_human_bytes((double)fl_plan_wire_bytes(p, unfrozen), b));
}
