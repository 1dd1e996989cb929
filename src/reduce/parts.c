/* Which parts of a micro-batch a rank works on, and the sum of its parts' gradients.
 *
 * Virtual shards 0 … V-1, V a power of two, are the leaves of a binary tree; what it adds is the
 * same wherever they lie. The ranks are summed in the tree of fl_comm_sum_fixed, which pairs rank r
 * with r + p, …, last of all even ranks with odd ones: a rank's block of shards is its number with
 * the bits reversed. Within a block shards come in order, and a sum that has no neighbour yet
 * waits, at most one at each level (the binary counter of bottom-up merge sort). */
#include <string.h>

#include "reduce_internal.h"

static int power_of_two_within(int n) {
    int p = 1;
    while (p <= n / 2) p *= 2;
    return p;
}

static int reversed(int number, int below) { /* below: a power of two */
    int r = 0;
    for (; below > 1; below /= 2, number /= 2) r = 2 * r + number % 2;
    return r;
}

/* Of a block of shards that of rank r of n: a rank without a partner r + p has twice as many. */
static fl_share block_of(fl_share s, int r, int n) {
    int p = power_of_two_within(n), blocks = r >= p || r + p < n ? 2 * p : p;
    s.count /= blocks;
    s.first += reversed(r, blocks) * s.count;
    return s;
}

fl_status fl_reduce_share(const fl_comm *c, const fl_reduce_conf *conf, fl_share *out) {
    int rank = fl_comm_rank(c), ranks = fl_comm_size(c), shards = (int)conf->virtual_shards;
    *out = (fl_share){rank, 1, ranks};
    if (conf->reproducible == FL_REPRODUCIBLE_OFF) return FL_OK;
    *out = (fl_share){0, shards, shards};
    if (fl_reducers_all()[conf->reducer]->by_rank)
        *out = block_of(*out, rank, ranks);
    else
        *out = block_of(block_of(*out, fl_comm_node(c), fl_comm_nodes(c)), fl_comm_node_rank(c),
                        fl_comm_node_size(c));
    if (out->count > 0) return FL_OK;
    return fl_fail(
        FL_ERR_CONFIG,
        "'distributed.virtual_shards: %d' leaves a rank without work at %d rank%s on %d "
        "node%s; start fewer, %sor set it to a larger power of two (which gives other bits)",
        shards, ranks, ranks == 1 ? "" : "s", fl_comm_nodes(c), fl_comm_nodes(c) == 1 ? "" : "s",
        ranks <= shards ? "set 'distributed.reducer: tree', which does not mind nodes, " : "");
}

int fl_reduce_parts(const fl_reduce_conf *conf, int ranks) {
    return conf->reproducible == FL_REPRODUCIBLE_OFF ? ranks : (int)conf->virtual_shards;
}

int fl_reduce_most_parts(const fl_reduce_conf *conf, int ranks) {
    if (conf->reproducible == FL_REPRODUCIBLE_OFF) return 1;
    return (int)conf->virtual_shards / power_of_two_within(ranks);
}

/* ---- their sum ---- */

size_t fl_parts_floats(int n, const fl_span *buckets) {
    size_t floats = 0;
    for (int i = 0; i < n; i++) {
        size_t end = buckets[i].off + buckets[i].len;
        floats = end > floats ? end : floats;
    }
    return floats;
}

size_t fl_parts_work(const fl_share *s, size_t floats) {
    size_t levels = 0;
    while (s->count >> (levels + 1)) levels++;
    return levels * floats;
}

static void add(float *restrict v, const float *restrict w, size_t n) {
#pragma omp parallel for simd
    for (size_t i = 0; i < n; i++) v[i] += w[i];
}

bool fl_parts_add(fl_reduce *r, int bucket) {
    int before = r->done[bucket]++, level = 0;
    fl_span s = r->bucket[bucket];
    float *v = fl_window_floats(r->gradients) + s.off, *waits = r->partial + s.off;
    for (; before >> level & 1; level++, waits += r->floats) add(v, waits, s.len);
    if (before == r->share.count - 1) {
        r->done[bucket] = 0;
        return true;
    }
    memcpy(waits, v, s.len * sizeof *v);
    return false;
}
