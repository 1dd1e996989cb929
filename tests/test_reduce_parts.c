/* `reproducible: ranks`: the sum of the shards' gradients has the bits of one binary tree over the
 * shards, whichever ranks and nodes they are dealt to, by every reducer. */
#include "check_nodes.h"

#include "frostline/reduce.h"
#include "frostline/rng.h"

enum { SHARDS = 8, FLOATS = 3001, STEPS = 2 };

static const fl_span buckets[] = {{0, 1000}, {1000, 7}, {1007, 0}, {1007, FLOATS - 1007}};
enum { N_BUCKETS = FL_COUNT(buckets) };

static float value(int step, int shard, size_t i) {
    fl_rng g = {.seed = 5 + (uint64_t)step, .sample = (uint64_t)shard};
    return (float)(fl_rng_uniform(&g, i) - 0.5) * (float)(1 + i % 100);
}

/* Shards first … first + n - 1, as the contract says. */
static float tree(int step, int first, int n, size_t i) {
    if (n == 1) return value(step, first, i);
    return tree(step, first, n / 2, i) + tree(step, first + n / 2, n / 2, i);
}

static fl_reduce_conf conf_of(int reducer) {
    return (fl_reduce_conf){.reducer = reducer,
                            .bucket_mb = 25,
                            .reproducible = FL_REPRODUCIBLE_RANKS,
                            .virtual_shards = SHARDS};
}

static bool fits(const fl_reduce_conf *conf, fl_share *share) {
    fl_status status = fl_reduce_share(comm, conf, share);
    return fl_comm_agree(comm, status) == FL_OK;
}

/* As backward does it: bucket after bucket, shard by shard. */
static void give(fl_reduce *r, fl_window *w, const fl_share *share, int step) {
    for (int k = 0; k < share->count; k++)
        for (int b = 0; b < (int)N_BUCKETS; b++) {
            size_t end = buckets[b].off + buckets[b].len;
            for (size_t i = buckets[b].off; i < end; i++)
                fl_window_floats(w)[i] = value(step, share->first + k, i);
            fl_reduce_begin(r, b);
        }
}

static void check_sum(int reducer) {
    fl_reduce_conf conf = conf_of(reducer);
    fl_share share;
    fl_window *w;
    fl_reduce *r;
    if (!fits(&conf, &share)) return;
    check(fl_window_open(comm, FLOATS, &w) == FL_OK);
    check(fl_reduce_open(comm, &conf, N_BUCKETS, buckets, w, &r) == FL_OK);
    for (int step = 0; step < STEPS; step++) {
        give(r, w, &share, step);
        fl_reduce_end(r);
        fl_reduce_publish(r, w);
        for (size_t i = 0; i < FLOATS; i++)
            check(fl_window_floats(w)[i] == tree(step, 0, SHARDS, i));
        fl_ledger done = fl_reduce_take(r);
        check(done.payload_bytes == FLOATS * sizeof(float)); /* once a step, whatever the shards */
        fl_comm_barrier(comm);
    }
    fl_reduce_close(r);
    fl_window_close(w);
}

static void check_sums(void) {
    for (int reducer = 0; fl_reducers_all()[reducer]; reducer++) check_sum(reducer);
}

static void the_sum_is_one_tree(void **state) {
    (void)state;
    run_on_all_nodes(check_sums);
}

/* Every shard has one rank, no rank has more than the plan says, and the tree's ranks all have
 * some. */
static void check_shares(void) {
    for (int reducer = 0; fl_reducers_all()[reducer]; reducer++) {
        fl_reduce_conf conf = conf_of(reducer);
        double owners[SHARDS] = {0};
        fl_share s;
        if (!fits(&conf, &s)) {
            check(!fl_reducers_all()[reducer]->by_rank && says("leaves a rank without work"));
            continue;
        }
        for (int k = 0; k < s.count; k++) owners[s.first + k]++;
        fl_comm_sum_double(comm, owners, SHARDS);
        for (int k = 0; k < SHARDS; k++) check(owners[k] == 1);
        check(fl_comm_nodes(comm) > 1 || s.count <= fl_reduce_most_parts(&conf, n_ranks));
    }
}

static void every_shard_has_one_rank(void **state) {
    (void)state;
    run_on_all_nodes(check_shares);
}

static void without_it_a_rank_has_one_part(void **state) {
    (void)state;
    fl_reduce_conf conf = {.virtual_shards = SHARDS};
    fl_share s;
    check(fl_reduce_share(comm, &conf, &s) == FL_OK);
    check(s.first == rank && s.count == 1 && s.of == n_ranks);
    check(fl_reduce_parts(&conf, 5) == 5 && fl_reduce_most_parts(&conf, 5) == 1);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_one_tree),
        cmocka_unit_test(every_shard_has_one_rank),
        cmocka_unit_test(without_it_a_rank_has_one_part),
    };
    return run_on_all_ranks(tests);
}
