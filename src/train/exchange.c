/* Rows from node to node. In an epoch each row is computed once, on some node; the others are then
 * sent it, for a table's row takes far less time to send than to compute. */
#include <string.h>

#include "train/features.h"

enum { CHUNK_BYTES = 4 << 20 }; /* sent at a time */

typedef struct fetching { /* of all rows: */
    int64_t n;
    double *holder; /* highest rank that has it, plus 1; 0: none */
    double *wanted; /* 1: a table lacks it */
} fetching;

static void survey(const fl_features *f, fetching *g) {
    double rank = fl_comm_rank(f->comm);
    for (int64_t i = 0; i < g->n; i++) {
        bool has = fl_cache_has(f->cache, i);
        g->holder[i] = has ? rank + 1 : 0;
        g->wanted[i] = !has;
    }
    fl_comm_max_double(f->comm, g->holder, 2 * (size_t)g->n);
}

static bool is_sent(const fetching *g, int64_t row, int root) {
    return g->wanted[row] > 0 && g->holder[row] == root + 1;
}

typedef struct chunk { /* rows of one rank */
    int n, most;
    int64_t *row;
    char *bytes;
} chunk;

static void take(const fl_features *f, const chunk *k, size_t row_bytes) {
    for (int i = 0; i < k->n; i++) {
        if (fl_cache_has(f->cache, k->row[i])) continue;
        memcpy(fl_cache_row(f->cache, k->row[i]), k->bytes + (size_t)i * row_bytes, row_bytes);
        fl_cache_mark(f->cache, k->row[i]);
    }
}

static void send(const fl_features *f, chunk *k, int root) {
    size_t row_bytes = fl_cache_row_bytes(fl_cache_conf_of(f->cache));
    for (int i = 0; i < k->n && fl_comm_rank(f->comm) == root; i++)
        memcpy(k->bytes + (size_t)i * row_bytes, fl_cache_row(f->cache, k->row[i]), row_bytes);
    if (k->n > 0) fl_comm_bcast(f->comm, k->bytes, (size_t)k->n * row_bytes, root);
    if (fl_shared_writer(f->shared)) take(f, k, row_bytes); /* one of those that share the table */
    k->n = 0;
}

static void send_from(const fl_features *f, const fetching *g, chunk *k, int root) {
    for (int64_t i = 0; i < g->n; i++) {
        if (!is_sent(g, i, root)) continue;
        k->row[k->n++] = i;
        if (k->n == k->most) send(f, k, root);
    }
    send(f, k, root);
}

static void send_all(const fl_features *f, const fetching *g) {
    size_t row_bytes = fl_cache_row_bytes(fl_cache_conf_of(f->cache));
    chunk k = {.most = row_bytes < CHUNK_BYTES ? (int)(CHUNK_BYTES / row_bytes) : 1};
    k.row = fl_alloc((size_t)k.most * sizeof *k.row);
    k.bytes = fl_alloc_pages((size_t)k.most * row_bytes);
    for (int r = 0; r < fl_comm_size(f->comm); r++) send_from(f, g, &k, r);
    fl_free(k.row);
    fl_free_pages(k.bytes, (size_t)k.most * row_bytes);
}

/* Several nodes, or a node whose ranks cannot share and have a table each; and one of them lacks
 * something. */
static bool is_needed(const fl_features *f) {
    bool whole = fl_cache_count(f->cache) == fl_cache_conf_of(f->cache)->rows;
    double tables = fl_shared_writer(f->shared), lacking = !whole;
    fl_comm_sum_double(f->comm, &tables, 1);
    fl_comm_max_double(f->comm, &lacking, 1);
    return tables > 1 && lacking > 0;
}

void fl_features_exchange(const fl_features *f) {
    fetching g = {.n = fl_cache_conf_of(f->cache)->rows};
    fl_shared_barrier(f->shared); /* the rows of the other ranks are marked */
    if (!is_needed(f)) return;
    g.holder = fl_alloc(2 * (size_t)g.n * sizeof *g.holder);
    g.wanted = g.holder + g.n;
    survey(f, &g);
    send_all(f, &g);
    fl_free(g.holder);
    fl_shared_barrier(f->shared);
}
