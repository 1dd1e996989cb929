/* Conformance of every reducer in the registry: for any number of ranks, one included, and with
 * several nodes. */
#include "check_nodes.h"

#include <math.h>
#include <unistd.h>

#include "frostline/reduce.h"
#include "frostline/rng.h"

/* ---- layouts of buckets ---- */

enum { MAX_BUCKETS = 1100, GUARD = 3 };

typedef struct layout {
    int n;
    fl_span bucket[MAX_BUCKETS];
    size_t len; /* of the gradients, with guards around and between some buckets */
} layout;

static void add_bucket(layout *l, size_t len, size_t gap) {
    l->bucket[l->n++] = (fl_span){l->len + gap, len};
    l->len += gap + len;
}

static layout *one_bucket(void) {
    layout *l = fl_alloc(sizeof *l);
    add_bucket(l, 30011, GUARD);
    return l;
}

static layout *uneven_buckets(void) {
    static const size_t lens[] = {1, 0, 1000, 7, 0, 70001, 3, 64};
    layout *l = fl_alloc(sizeof *l);
    for (size_t i = 0; i < FL_COUNT(lens); i++) add_bucket(l, lens[i], i % 3);
    return l;
}

static layout *many_buckets(void) {
    layout *l = fl_alloc(sizeof *l);
    for (int i = 0; i < MAX_BUCKETS; i++) add_bucket(l, (size_t)(i % 5), 0);
    return l;
}

static layout *no_buckets(void) {
    return fl_alloc(sizeof(layout));
}

static layout *(*const layouts[])(void) = {one_bucket, uneven_buckets, many_buckets, no_buckets};

static size_t payload_of(const layout *l) {
    size_t floats = 0;
    for (int i = 0; i < l->n; i++) floats += l->bucket[i].len;
    return floats * sizeof(float);
}

/* ---- one step ---- */

static float value(int r, size_t i) {
    fl_rng g = {.seed = 11, .sample = (uint64_t)r};
    return (float)(fl_rng_uniform(&g, i) - 0.5) * (float)(1 + i % 100);
}

static float whole_value(int r, size_t i) {
    return (float)((int)(i % 101) * (r + 1));
}

/* A window with every rank's numbers, guards included. */
static fl_window *filled(const layout *l, float (*of)(int, size_t)) {
    fl_window *w;
    check(fl_window_open(comm, l->len + GUARD, &w) == FL_OK);
    for (size_t i = 0; i < l->len + GUARD; i++) fl_window_floats(w)[i] = of(rank, i);
    return w;
}

static fl_reduce *opened(int reducer, const layout *l, fl_window *w) {
    fl_reduce_conf conf = {.reducer = reducer, .bucket_mb = 25};
    fl_reduce *r;
    check(fl_reduce_open(comm, &conf, l->n, l->bucket, w, &r) == FL_OK);
    return r;
}

/* The update being none, what is published is the sum itself: every reducer then leaves it whole on
 * every rank. */
static void step(fl_reduce *r, const layout *l, fl_window *w, bool backwards) {
    for (int i = 0; i < l->n; i++) fl_reduce_begin(r, backwards ? l->n - 1 - i : i);
    fl_reduce_end(r);
    fl_reduce_publish(r, w);
}

/* The gradients after one step of this reducer; caller frees. */
static float *reduced(int reducer, const layout *l, float (*of)(int, size_t), bool backwards) {
    fl_window *w = filled(l, of);
    fl_reduce *r = opened(reducer, l, w);
    step(r, l, w, backwards);
    float *v = fl_alloc((l->len + GUARD) * sizeof *v);
    memcpy(v, fl_window_floats(w), (l->len + GUARD) * sizeof *v);
    fl_reduce_close(r);
    fl_window_close(w);
    return v;
}

static void (*test_of)(int reducer, const layout *l);

static void on_these_nodes(void) {
    for (int reducer = 0; fl_reducers_all()[reducer]; reducer++)
        for (size_t k = 0; k < FL_COUNT(layouts); k++) {
            layout *l = layouts[k]();
            test_of(reducer, l);
            fl_free(l);
        }
}

/* Runs `test` for every reducer with every layout on one node and on several. */
static void for_all(void (*test)(int reducer, const layout *l)) {
    test_of = test;
    run_on_all_nodes(on_these_nodes);
}

/* ---- what is summed ---- */

static void check_whole(int reducer, const layout *l) {
    float times = (float)(n_ranks * (n_ranks + 1) / 2);
    for (int backwards = 0; backwards < 2; backwards++) {
        float *v = reduced(reducer, l, whole_value, backwards);
        float *want = fl_alloc((l->len + GUARD) * sizeof *want);
        for (size_t i = 0; i < l->len + GUARD; i++) want[i] = whole_value(rank, i);
        for (int b = 0; b < l->n; b++)
            for (size_t i = l->bucket[b].off; i < l->bucket[b].off + l->bucket[b].len; i++)
                want[i] = whole_value(0, i) * times;
        check(memcmp(v, want, (l->len + GUARD) * sizeof *v) == 0);
        fl_free(v);
        fl_free(want);
    }
}

static void sums_the_buckets_and_nothing_else(void **state) {
    (void)state;
    for_all(check_whole);
}

static float *fixed_sum(const layout *l) {
    float *v = fl_alloc((l->len + GUARD) * sizeof *v);
    float *work = fl_alloc((l->len + GUARD) * sizeof *work);
    for (size_t i = 0; i < l->len + GUARD; i++) v[i] = value(rank, i);
    fl_comm_sum_fixed(comm, v, l->len + GUARD, work);
    fl_free(work);
    return v;
}

static void check_near_tree(int reducer, const layout *l) {
    float *v = reduced(reducer, l, value, false), *tree = fixed_sum(l);
    bool exact = fl_comm_nodes(comm) == 1 || strcmp(fl_reducers_all()[reducer]->name, "tree") == 0;
    for (int b = 0; b < l->n; b++)
        for (size_t i = l->bucket[b].off; i < l->bucket[b].off + l->bucket[b].len; i++) {
            float off = fabsf(v[i] - tree[i]), scale = (float)n_ranks * (float)(1 + i % 100);
            check(exact ? off == 0 : off <= 1e-6F * scale);
        }
    fl_free(v);
    fl_free(tree);
}

static void equals_the_fixed_tree(void **state) {
    (void)state;
    for_all(check_near_tree);
}

static void check_same_bits(int reducer, const layout *l) {
    float *v = reduced(reducer, l, value, false);
    for (int b = 0; b < l->n; b += 1 + l->n / 20)
        check(same_everywhere(v + l->bucket[b].off, l->bucket[b].len * sizeof *v));
    fl_free(v);
}

static void ranks_hold_the_same_bits(void **state) {
    (void)state;
    for_all(check_same_bits);
}

static void check_steps(int reducer, const layout *l) {
    fl_window *w = filled(l, whole_value);
    float *v = fl_window_floats(w);
    fl_reduce *r = opened(reducer, l, w);
    for (int s = 0; s < 3; s++) {
        for (size_t i = 0; i < l->len; i++) v[i] = (float)(rank + s);
        step(r, l, w, s % 2);
        float all = (float)(n_ranks * (n_ranks - 1) / 2 + n_ranks * s);
        for (int b = 0; b < l->n; b++)
            if (l->bucket[b].len) check(v[l->bucket[b].off] == all);
    }
    fl_reduce_close(r);
    fl_window_close(w);
}

static void step_after_step(void **state) {
    (void)state;
    for_all(check_steps);
}

static int reducer_named(const char *name) {
    int i = 0;
    while (strcmp(fl_reducers_all()[i]->name, name) != 0) i++;
    return i;
}

static void tree_gives_the_same_bits_every_run(void **state) {
    (void)state;
    layout *l = uneven_buckets();
    float *once = reduced(reducer_named("tree"), l, value, false);
    float *again = reduced(reducer_named("tree"), l, value, true);
    check(memcmp(once, again, l->len * sizeof *once) == 0);
    fl_free(once);
    fl_free(again);
    fl_free(l);
}

/* ---- owners ---- */

/* After the end each rank has the sum of what it owns; every float has an owner in each node, and
 * only one if the reducer shards. */
static void check_owned(int reducer, const layout *l) {
    bool shards = fl_reducers_all()[reducer]->shards;
    fl_window *w = filled(l, whole_value);
    fl_reduce *r = opened(reducer, l, w);
    float *owners = fl_alloc((l->len + GUARD) * sizeof *owners);
    for (int i = 0; i < l->n; i++) fl_reduce_begin(r, i);
    fl_reduce_end(r);
    for (int b = 0; b < l->n; b++) {
        fl_span s = fl_reduce_owned(r)[b];
        for (size_t i = s.off; i < s.off + s.len; i++) {
            owners[i]++;
            check(fl_window_floats(w)[i] ==
                  whole_value(0, i) * (float)(n_ranks * (n_ranks + 1) / 2));
        }
    }
    fl_comm_sum(comm, owners, l->len);
    float once = l->n > 0 ? owners[l->bucket[0].off] : 1; /* `auto` may have chosen either */
    check(once == 1 || (!shards && once == (float)fl_comm_nodes(comm)));
    for (int b = 0; b < l->n; b++)
        for (size_t i = l->bucket[b].off; i < l->bucket[b].off + l->bucket[b].len; i++)
            check(owners[i] == once);
    fl_reduce_publish(r, w);
    fl_reduce_close(r);
    fl_window_close(w);
    fl_free(owners);
}

static void owners_hold_the_sum(void **state) {
    (void)state;
    for_all(check_owned);
}

/* ---- the ledger ---- */

static uint64_t wire_of(uint64_t payload) {
    return payload * 2 * (uint64_t)(n_ranks - 1) / (uint64_t)n_ranks;
}

static void check_ledger(int reducer, const layout *l) {
    fl_window *w = filled(l, whole_value);
    fl_reduce *r = opened(reducer, l, w);
    uint64_t payload = payload_of(l);
    for (int s = 0; s < 3; s++) step(r, l, w, false);
    fl_ledger done = fl_reduce_take(r), after = fl_reduce_take(r);
    check(done.payload_bytes == 3 * payload && done.calls == 3 * (uint64_t)l->n);
    check(done.wire_bytes == 3 * wire_of(payload));
    check(done.exposed_seconds >= 0 && done.exposed_seconds <= done.seconds + 1e-9);
    check(after.payload_bytes + after.wire_bytes + after.calls == 0 && after.seconds == 0);
    fl_reduce_close(r);
    fl_window_close(w);
}

static void ledger_counts_what_was_done(void **state) {
    (void)state;
    for_all(check_ledger);
}

static double over_ranks(double x) {
    fl_comm_sum_double(comm, &x, 1);
    return x;
}

/* A long sum between N nodes crosses the link 2 (N-1) times, whoever sends which part of it; in
 * the tree, which knows no nodes, the same between ranks. */
static void check_crossings(const fl_account *a, size_t n) {
    double nodes = fl_comm_nodes(comm), bytes = (double)(n * sizeof(float));
    bool tree = a->moved.mpi_bytes != a->moved.sent_bytes;
    double sent = over_ranks((double)a->moved.sent_bytes),
           mpi = over_ranks((double)a->moved.mpi_bytes);
    if (over_ranks(tree) > 0)
        check(mpi == 2 * (n_ranks - 1) * bytes);
    else
        check(sent == 2 * (nodes - 1) * bytes && mpi == sent);
}

static void check_accounts(int reducer, const layout *l) {
    fl_window *w = filled(l, whole_value);
    fl_reduce *r = opened(reducer, l, w);
    for (int s = 0; s < 3; s++) {
        if (s == 1) fl_reduce_clear_accounts(r);
        step(r, l, w, s == 2);
    }
    const fl_account *a = fl_reduce_accounts(r);
    for (int i = 0; i < l->n; i++) {
        check(a[i].calls == 2 && a[i].publications == 2);
        check(a[i].payload_bytes == 2 * l->bucket[i].len * sizeof(float));
        check(memcmp(&a[i].moved, &a[i].foretold, sizeof a[i].moved) == 0);
        check(a[i].seconds > 0);
    }
    fl_reduce_close(r);
    fl_window_close(w);
}

static void accounts_are_as_foretold(void **state) {
    (void)state;
    for_all(check_accounts);
}

/* Ranks that lie as fl_seat_on says move what it foretells, though nobody asks them. */
static void check_before_the_run(int reducer, const layout *l) {
    int nodes = fl_comm_nodes(comm), node_of[64];
    check(n_ranks <= 64);
    fl_seat_spread(n_ranks, nodes, node_of);
    fl_seat at = fl_seat_on(rank, n_ranks, nodes, node_of);
    if (over_ranks(node_of[rank] != fl_comm_node(comm)) > 0) return; /* not spread evenly */
    check(at.peers == fl_comm_node_size(comm) && at.me == fl_comm_node_rank(comm));
    fl_reduce_conf conf = {.reducer = reducer, .bucket_mb = 25};
    if (fl_reducers_all()[reducer]->choose) return; /* may choose either */
    fl_window *gradients = filled(l, whole_value), *weights;
    check(fl_window_open_common(comm, l->len + GUARD, &weights) == FL_OK);
    fl_reduce *r = opened(reducer, l, gradients);
    for (int i = 0; i < l->n; i++) fl_reduce_begin(r, i);
    fl_reduce_end(r);
    fl_reduce_publish(r, weights);
    for (int i = 0; i < l->n; i++) {
        fl_traffic foretold = fl_reduce_foretell_on(&at, &conf, l->bucket[i]);
        check(memcmp(&foretold, &fl_reduce_accounts(r)[i].moved, sizeof foretold) == 0);
    }
    fl_reduce_close(r);
    fl_window_close(weights);
    fl_window_close(gradients);
}

static void what_moves_is_known_before_there_are_ranks(void **state) {
    (void)state;
    for_all(check_before_the_run);
}

static void cross(void) {
    enum { LONG = 100003 };
    for (int reducer = 0; fl_reducers_all()[reducer]; reducer++) {
        layout *l = fl_alloc(sizeof *l);
        add_bucket(l, LONG, 0);
        fl_window *w = filled(l, whole_value);
        fl_reduce *r = opened(reducer, l, w);
        step(r, l, w, false);
        check_crossings(fl_reduce_accounts(r), LONG);
        fl_reduce_close(r);
        fl_window_close(w);
        fl_free(l);
    }
}

static void each_number_crosses_no_oftener_than_it_must(void **state) {
    (void)state;
    run_on_all_nodes(cross);
}

/* The numbers of the user's contract: 131978 trainable parameters on 4 ranks. */
static void ledger_of_the_contract(void **state) {
    (void)state;
    layout *l = fl_alloc(sizeof *l);
    add_bucket(l, 131978, 0);
    fl_window *w = filled(l, whole_value);
    fl_reduce *r = opened(0, l, w);
    step(r, l, w, false);
    fl_ledger done = fl_reduce_take(r);
    check(done.payload_bytes == 527912);
    if (n_ranks == 4) check(done.wire_bytes == 791868);
    if (n_ranks == 1) check(done.wire_bytes == 0);
    fl_reduce_close(r);
    fl_window_close(w);
    fl_free(l);
}

/* While a rank computes, here asleep, an overlapping reduction is under way but not exposed; one
 * that runs after backward has not begun. */
static void exposure_is_told_apart(void **state) {
    (void)state;
    for (int reducer = 0; fl_reducers_all()[reducer]; reducer++) {
        layout *l = uneven_buckets();
        fl_window *w = filled(l, whole_value);
        fl_reduce *r = opened(reducer, l, w);
        const fl_reduce_ops *ops = fl_reducers_all()[reducer];
        bool overlaps = ops->begin || ops->choose; /* on one node auto is overlap */
        fl_comm_barrier(comm);
        for (int i = 0; i < l->n; i++) fl_reduce_begin(r, i);
        usleep(200000);
        fl_reduce_end(r);
        fl_ledger done = fl_reduce_take(r);
        double hidden = done.seconds - done.exposed_seconds;
        check(overlaps ? hidden > 0.19 : fabs(hidden) < 1e-6);
        fl_reduce_publish(r, w);
        fl_reduce_close(r);
        fl_window_close(w);
        fl_free(l);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_the_buckets_and_nothing_else),
        cmocka_unit_test(equals_the_fixed_tree),
        cmocka_unit_test(ranks_hold_the_same_bits),
        cmocka_unit_test(step_after_step),
        cmocka_unit_test(tree_gives_the_same_bits_every_run),
        cmocka_unit_test(owners_hold_the_sum),
        cmocka_unit_test(ledger_counts_what_was_done),
        cmocka_unit_test(accounts_are_as_foretold),
        cmocka_unit_test(what_moves_is_known_before_there_are_ranks),
        cmocka_unit_test(each_number_crosses_no_oftener_than_it_must),
        cmocka_unit_test(ledger_of_the_contract),
        cmocka_unit_test(exposure_is_told_apart),
    };
    return run_on_all_ranks(tests);
}
