/* Vectors summed where they lie: on any number of ranks, on one node and on several. */
#include "check_nodes.h"

#include "frostline/rng.h"

enum { LONG = 300007, MANY = 700, GUARD = 5 };

/* No two sums of these in different orders are sure to agree. */
static float value(int r, size_t i) {
    fl_rng g = {.seed = 7, .sample = (uint64_t)r};
    return (float)(fl_rng_uniform(&g, i) - 0.5) * (float)(1 + i % 1000);
}

/* Small whole numbers: every order of additions gives the same, exact sum. */
static float whole_value(int r, size_t i) {
    return (float)((int)(i % 101) * (r + 1));
}

static float whole_sum(size_t i) {
    return whole_value(0, i) * (float)(n_ranks * (n_ranks + 1) / 2);
}

static fl_window *opened(size_t n, float (*of)(int, size_t)) {
    fl_window *w;
    check(fl_window_open(comm, n, &w) == FL_OK);
    for (size_t i = 0; i < n; i++) check(fl_window_floats(w)[i] == 0);
    for (size_t i = 0; i < n; i++) fl_window_floats(w)[i] = of(rank, i);
    return w;
}

static bool in(size_t i, fl_span s) {
    return i >= s.off && i < s.off + s.len;
}

/* ---- sums ---- */

static const fl_span spans[] = {
    {0, 0}, {0, 1}, {3, 1}, {15, 2}, {1, 17}, {7, 1000}, {31, 4097}, {0, 65536}, {13, LONG - 20},
};

static void sum_one(fl_span s) {
    fl_window *w = opened(s.off + s.len + GUARD, whole_value);
    fl_window_wait(w, fl_window_sum_begin(w, s));
    const float *v = fl_window_floats(w);
    for (size_t i = 0; i < s.off + s.len + GUARD; i++)
        check(v[i] == (in(i, s) ? whole_sum(i) : whole_value(rank, i)));
    fl_window_close(w);
}

static void sum_each(void) {
    for (size_t k = 0; k < FL_COUNT(spans); k++) sum_one(spans[k]);
}

static void sums_a_span_and_nothing_else(void **state) {
    (void)state;
    run_on_all_nodes(sum_each);
}

/* On one node: the order of the fixed tree; on several: the same bits on all. */
static void compare_with_tree(void) {
    float *tree = fl_alloc(LONG * sizeof *tree), *work = fl_alloc(LONG * sizeof *work);
    fl_window *w = opened(LONG, value);
    float *v = fl_window_floats(w);
    memcpy(tree, v, LONG * sizeof *tree);
    fl_comm_sum_fixed(comm, tree, LONG, work);
    fl_window_wait(w, fl_window_sum_begin(w, (fl_span){0, 1001}));
    fl_window_wait(w, fl_window_sum_begin(w, (fl_span){1001, LONG - 1001}));
    check(fl_window_is_whole(w) == (fl_comm_nodes(comm) == 1));
    if (fl_window_is_whole(w)) check(memcmp(v, tree, LONG * sizeof *v) == 0);
    check(same_everywhere(v, LONG * sizeof *v));
    fl_window_close(w);
    fl_free(tree);
    fl_free(work);
}

static void adds_in_the_order_of_the_tree(void **state) {
    (void)state;
    run_on_all_nodes(compare_with_tree);
}

/* More than a window keeps open at a time, and not one after the other. */
static void sum_many(void) {
    enum { LEN = 21 };
    uint64_t number[MANY];
    fl_window *w = opened(MANY * LEN, whole_value);
    for (size_t i = 0; i < MANY; i++) {
        number[i] = fl_window_sum_begin(w, (fl_span){i * LEN, LEN - i % 3});
        if (i % 50 == 0) fl_window_progress(w);
    }
    int word = rank == 0 ? 5 : 0;
    fl_comm_bcast(comm, &word, sizeof word, 0);
    check(word == 5);
    for (size_t i = 0; i < MANY; i++) fl_window_wait(w, number[i * 3 % MANY]); /* 3 is no divisor */
    for (size_t i = 0; i < MANY * LEN; i++) {
        bool summed = i % LEN < LEN - i / LEN % 3;
        check(fl_window_floats(w)[i] == (summed ? whole_sum(i) : whole_value(rank, i)));
    }
    fl_window_close(w);
}

static void many_at_a_time(void **state) {
    (void)state;
    run_on_all_nodes(sum_many);
}

/* Each rank is late in turn: nobody reads what is not there yet, or writes what is still read. */
static void sum_again_and_again(void) {
    enum { N = 5003, TIMES = 60 };
    fl_window *w = opened(N, whole_value);
    float *v = fl_window_floats(w);
    for (int t = 0; t < TIMES; t++) {
        for (int i = 0; i < 20000 && t % n_ranks == rank; i++) fl_clock();
        for (int i = 0; i < N; i++) v[i] = (float)(rank + t + i % 7);
        fl_window_wait(w, fl_window_sum_begin(w, (fl_span){0, N}));
        for (int i = 0; i < N; i++)
            check(v[i] == (float)(n_ranks * (n_ranks - 1) / 2 + n_ranks * (t + i % 7)));
    }
    fl_window_close(w);
}

static void again_and_again(void **state) {
    (void)state;
    run_on_all_nodes(sum_again_and_again);
}

/* ---- owners ---- */

static void own_once(void) {
    for (size_t k = 0; k < FL_COUNT(spans); k++) {
        fl_span s = spans[k];
        fl_window *w = opened(s.off + s.len + GUARD, whole_value);
        fl_span mine = fl_window_owned(w, s);
        check(mine.len == 0 || (mine.off >= s.off && mine.off + mine.len <= s.off + s.len));
        float *owners = fl_window_floats(w);
        for (size_t i = 0; i < s.off + s.len + GUARD; i++) owners[i] = in(i, mine);
        fl_comm_sum(comm, owners, s.off + s.len + GUARD);
        for (size_t i = 0; i < s.off + s.len + GUARD; i++) check(owners[i] == in(i, s));
        fl_window_close(w);
    }
}

static void every_float_has_one_owner(void **state) {
    (void)state;
    run_on_all_nodes(own_once);
}

/* The largest share of a long span, over its size. */
static void share_alike(void) {
    fl_window *w = opened(LONG, whole_value);
    double largest = (double)fl_window_owned(w, (fl_span){0, LONG}).len / LONG;
    fl_comm_max_double(comm, &largest, 1);
    double sizes[] = {fl_comm_node_size(comm), -fl_comm_node_size(comm)};
    fl_comm_max_double(comm, sizes, 2);
    if (sizes[0] == -sizes[1]) check(largest < 1.01 / n_ranks);
    fl_window_close(w);
}

static void owners_have_equal_shares(void **state) {
    (void)state;
    run_on_all_nodes(share_alike);
}

static void scatter_and_gather_one(fl_span s) {
    fl_window *w = opened(s.off + s.len + GUARD, whole_value);
    fl_span mine = fl_window_owned(w, s);
    float *v = fl_window_floats(w);
    fl_window_wait(w, fl_window_scatter_begin(w, s));
    for (size_t i = mine.off; i < mine.off + mine.len; i++) {
        check(v[i] == whole_sum(i));
        v[i] += 1;
    }
    fl_window_wait(w, fl_window_gather_begin(w, s));
    for (size_t i = 0; i < s.off + s.len + GUARD; i++)
        check(v[i] == (in(i, s) ? whole_sum(i) + 1 : whole_value(rank, i)));
    fl_window_close(w);
}

static void scatter_and_gather(void) {
    for (size_t k = 0; k < FL_COUNT(spans); k++) scatter_and_gather_one(spans[k]);
}

static void owners_sum_and_give_back(void **state) {
    (void)state;
    run_on_all_nodes(scatter_and_gather);
}

/* The whole sum and the owner's are the same bits. */
static void compare_kinds(void) {
    const fl_span s = {3, 70001};
    fl_window *all = opened(s.off + s.len, value), *own = opened(s.off + s.len, value);
    fl_window_wait(all, fl_window_sum_begin(all, s));
    fl_window_wait(own, fl_window_scatter_begin(own, s));
    fl_window_wait(own, fl_window_gather_begin(own, s));
    bool alike = memcmp(fl_window_floats(all), fl_window_floats(own), sizeof(float)) == 0;
    for (size_t i = s.off; i < s.off + s.len && fl_window_is_whole(all); i++)
        alike = alike && fl_window_floats(all)[i] == fl_window_floats(own)[i];
    check(alike || !fl_window_is_whole(all));
    fl_window_close(all);
    fl_window_close(own);
}

static void kinds_agree(void **state) {
    (void)state;
    run_on_all_nodes(compare_kinds);
}

static void empty_window(void **state) {
    (void)state;
    fl_window *w = opened(0, value);
    fl_window_wait(w, fl_window_sum_begin(w, (fl_span){0, 0}));
    fl_window_wait(w, fl_window_gather_begin(w, (fl_span){0, 0}));
    fl_window_close(w);
    fl_window_close(NULL);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_a_span_and_nothing_else),
        cmocka_unit_test(adds_in_the_order_of_the_tree),
        cmocka_unit_test(many_at_a_time),
        cmocka_unit_test(again_and_again),
        cmocka_unit_test(every_float_has_one_owner),
        cmocka_unit_test(owners_have_equal_shares),
        cmocka_unit_test(owners_sum_and_give_back),
        cmocka_unit_test(kinds_agree),
        cmocka_unit_test(empty_window),
    };
    return run_on_all_ranks(tests);
}
