/* The messages of each reducer between nodes, by latency and rate (cost.h has the formulas). */
#include "cost/sums.h"

#include <math.h>

/* As in src/comm, which this room does not see: up to so many nodes exchange directly, so few
 * floats go whole to everyone, and so many are summed at a time in the tree. A test holds the two
 * together. */
enum { DIRECT = 8, SHORT = 1024, PIECE = 1 << 20 };

/* ---- through lanes: comm/lane.c, comm/halving.c ---- */

static bool is_power_of_two(int n) {
    return (n & (n - 1)) == 0;
}

/* Messages in a row of a scatter, or of a gather. */
static double turns_of_half(int nodes, bool coded) {
    bool halves = nodes > DIRECT && is_power_of_two(nodes) && !coded;
    return halves ? log2(nodes) : 1;
}

static double turns_of_sum(int nodes, size_t floats, bool coded) {
    double half = turns_of_half(nodes, coded);
    return floats <= SHORT && half == 1 && !coded ? 1 : 2 * half;
}

double fl_network_turns(int nodes, size_t floats) {
    return nodes > 1 ? turns_of_sum(nodes, floats, false) : 0;
}

/* Floats of a bucket that one rank of a node sums with its likes: a slice. */
static size_t slice_of(const fl_cost_conf *conf, const fl_plan *p, int bucket) {
    size_t slices = (size_t)(p->conf.np / conf->nodes);
    return (p->bucket[bucket].span.len + slices - 1) / slices;
}

/* A sharding reducer sends the gradients as coded before the update, and the weights in full
 * after. */
static void through_lane(const fl_cost_conf *conf, const fl_plan *p, int i, fl_sums *out) {
    const fl_network *net = conf->network;
    double wire = p->traffic.bucket[i].sent / conf->nodes / net->bytes_per_second;
    double before = !conf->shards ? 1 : conf->coded ? 2.0 / (2 + 4) : 0.5;
    double turns = conf->shards ? turns_of_half(conf->nodes, conf->coded)
                                : turns_of_sum(conf->nodes, slice_of(conf, p, i), conf->coded);
    out->sum[i] = (fl_crossing){before * wire, turns * net->latency};
    if (conf->shards)
        out->weights[i] =
            (fl_crossing){(1 - before) * wire, turns_of_half(conf->nodes, false) * net->latency};
}

/* ---- in the tree of the ranks: comm/tree.c ---- */

typedef struct tree { /* of each piece of a bucket: */
    double turns;     /* exchanges in a row between nodes, and */
    double floats;    /* what the busiest node sends in all of them, of a piece of one float */
} tree;

/* Ranks in order, the first nodes with one more (fl_seat_spread). */
static int node_of(const fl_cost_conf *conf, int np, int rank) {
    int each = np / conf->nodes, more = np % conf->nodes;
    return rank < more * (each + 1) ? rank / (each + 1) : (rank - more) / each;
}

/* The ranks from … to - 1 exchange as much with those across `distance`, all at the same time. The
 * link of a node carries what all of its ranks send, or all of them receive. */
static void exchange(const fl_cost_conf *conf, int np, int from, int to, int distance,
                     double floats, tree *t) {
    int *out = fl_alloc((size_t)conf->nodes * sizeof *out), most = 0;
    int *in = fl_alloc((size_t)conf->nodes * sizeof *in);
    for (int r = from; r < to; r++) {
        int mine = node_of(conf, np, r), theirs = node_of(conf, np, r ^ distance);
        if (mine == theirs) continue;
        int sent = ++out[mine], received = ++in[theirs];
        most = sent > most ? sent : most;
        most = received > most ? received : most;
    }
    t->turns += most > 0;
    t->floats += most * floats;
    fl_free(out);
    fl_free(in);
}

/* Ranks p and above lend all they have, and get the sum; the others halve it at each distance; and
 * all of it once more the other way. */
static tree tree_of(const fl_cost_conf *conf, int np) {
    tree t = {0};
    int p = 1;
    double floats = 0.5;
    while (2 * p <= np) p *= 2;
    exchange(conf, np, p, np, p, 1, &t);
    for (int d = p / 2; d > 0; d /= 2, floats /= 2) exchange(conf, np, 0, p, d, floats, &t);
    return (tree){2 * t.turns, 2 * t.floats};
}

static fl_crossing through_tree(const fl_cost_conf *conf, const tree *t, size_t floats) {
    double pieces = ceil((double)floats / PIECE), bytes = (double)(floats * sizeof(float));
    return (fl_crossing){t->floats * bytes / conf->network->bytes_per_second,
                         pieces * t->turns * conf->network->latency};
}

/* ---- all buckets ---- */

fl_sums fl_sums_of(const fl_cost_conf *conf, const fl_plan *p) {
    size_t n = (size_t)p->n_buckets;
    fl_sums s = {.n = p->n_buckets, .early = conf->overlaps && conf->nodes > 1};
    tree t = conf->by_rank && conf->nodes > 1 ? tree_of(conf, p->conf.np) : (tree){0};
    s.sum = fl_alloc(n * sizeof *s.sum);
    s.weights = fl_alloc(n * sizeof *s.weights);
    for (int i = 0; i < s.n && conf->nodes > 1; i++) {
        if (conf->by_rank)
            s.sum[i] = through_tree(conf, &t, p->bucket[i].span.len);
        else
            through_lane(conf, p, i, &s);
    }
    return s;
}

void fl_sums_close(fl_sums *s) {
    fl_free(s->sum);
    fl_free(s->weights);
}

double fl_sums_last(int n, const fl_crossing *c, const double *ready) {
    double free = 0, last = 0;
    for (int i = 0; i < n; i++) {
        if (ready) free = fmax(free, ready[i]);
        free += c[i].wire;
        last = fmax(last, free + c[i].latency);
    }
    return last;
}

double fl_sums_in_turn(int n, const fl_crossing *c) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += c[i].wire + c[i].latency;
    return sum;
}
