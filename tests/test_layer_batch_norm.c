/* Batch norm: whose statistics, over how many ranks, and what is kept of them. */
#include "layer_check.h"

#include <pthread.h>
#include <string.h>

typedef struct pair { /* two simulated ranks */
    pthread_barrier_t barrier;
    double *slot[2];
    int sums;
} pair;

typedef struct rank {
    pair *both;
    int id, first, rows;
    trial t;
    outcome o;
} rank;

static void sum_pair(void *context, double *v, size_t n) {
    rank *r = context;
    double *total = fl_alloc(n * sizeof *total);
    r->both->slot[r->id] = v;
    if (r->id == 0) r->both->sums++;
    pthread_barrier_wait(&r->both->barrier);
    for (size_t i = 0; i < n; i++) total[i] = r->both->slot[0][i] + r->both->slot[1][i];
    pthread_barrier_wait(&r->both->barrier);
    memcpy(v, total, n * sizeof *v);
    fl_free(total);
}

static void *run_rank(void *context) {
    rank *r = context;
    r->t.sum = sum_pair;
    r->t.context = r;
    trial_run(&r->t, r->first, r->rows, &r->o);
    return NULL;
}

/* Rows 0 … first-1 on rank 0, the others on rank 1. Returns how many sums were asked for. */
static int run_pair(const trial *t, int first, outcome o[2]) {
    pair both = {.sums = 0};
    rank r[2] = {{&both, 0, 0, first, *t, {0}}, {&both, 1, first, TRIAL_ROWS - first, *t, {0}}};
    pthread_t thread;
    pthread_barrier_init(&both.barrier, NULL, 2);
    pthread_create(&thread, NULL, run_rank, &r[1]);
    run_rank(&r[0]);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&both.barrier);
    for (int i = 0; i < 2; i++) o[i] = r[i].o;
    return both.sums;
}

static void check_pair(const trial *t, int first) {
    outcome one, two[2];
    size_t n = trial_out_size(t), head = first * n, tail = (TRIAL_ROWS - first) * n;
    trial_run(t, 0, TRIAL_ROWS, &one);
    assert_int_equal(run_pair(t, first, two), 3); /* mean, variance, gradient */
    assert_same(t, "out", two[0].out, one.out, head, 1e-6);
    assert_same(t, "out", two[1].out, one.out + head, tail, 1e-6);
    assert_same(t, "din", two[0].din[0], one.din[0], head, 1e-6);
    assert_same(t, "din", two[1].din[0], one.din[0] + head, tail, 1e-6);
    for (int i = 0; i < t->plan.n_params; i++) {
        size_t m = trial_param_size(t, i);
        for (size_t k = 0; one.grad[i] && k < m; k++) two[0].grad[i][k] += two[1].grad[i][k];
        if (one.grad[i]) assert_same(t, "grad", two[0].grad[i], one.grad[i], m, 1e-6);
        if (one.buffer[i]) assert_same(t, "running", two[0].buffer[i], one.buffer[i], m, 1e-6);
        if (one.buffer[i])
            assert_memory_equal(two[0].buffer[i], two[1].buffer[i], m * sizeof(float));
    }
    outcome_close(&one), outcome_close(&two[0]), outcome_close(&two[1]);
}

static void batch_norm_sees_all_ranks(void **state) {
    (void)state;
    const fl_layer_example e = {"{}", 1, {{3, {2, 3, 4}}}, false};
    trial t;
    trial_must_open(&t, "batch_norm", &e);
    t.training = true;
    for (int first = 0; first <= TRIAL_ROWS; first++) check_pair(&t, first);
    trial_close(&t);
}

static void sum_forbidden(void *context, double *v, size_t n) {
    (void)context, (void)v;
    fail_msg("a sum of %zu", n);
}

static void batch_norm_of_a_rank_asks_nobody(void **state) {
    (void)state;
    const fl_layer_example e = {"{statistics: rank}", 1, {{1, {4}}}, false};
    trial t;
    outcome o, part;
    trial_must_open(&t, "batch_norm", &e);
    t.training = true;
    t.sum = sum_forbidden;
    trial_run(&t, 0, 2, &part);
    t.global_rows = 100;
    trial_run(&t, 0, 2, &o);
    assert_same(&t, "out", o.out, part.out, 8, 0);
    outcome_close(&o), outcome_close(&part);
    trial_close(&t);
}

/* Running ← 0.75 running + 0.25 batch, with the unbiased variance; far from zero, where E[x²] -
 * E[x]² would fail. */
static void batch_norm_keeps_running_statistics(void **state) {
    (void)state;
    const fl_layer_example e = {"{momentum: 0.75, epsilon: 1.0e-6}", 1, {{1, {1}}}, false};
    const float x[] = {20000, 20001, 20005}; /* mean 20002, variance 14 / 3, unbiased 7 */
    trial t;
    outcome o;
    trial_must_open(&t, "batch_norm", &e);
    t.training = true;
    memcpy(t.in[0], x, sizeof x);
    t.param[0][0] = 2, t.param[1][0] = 1, t.param[2][0] = 10000, t.param[3][0] = 3;
    trial_run(&t, 0, 3, &o);
    assert_true(o.buffer[2][0] == 0.75f * 10000 + 0.25f * 20002);
    assert_true(fabs(o.buffer[3][0] - (0.75 * 3 + 0.25 * 7)) < 1e-6);
    assert_true(fabs(o.out[2] - (1 + 2 * 3 / sqrt(14.0 / 3))) < 1e-4);
    outcome_close(&o);
    t.global_rows = 1; /* a single value has no deviation */
    trial_run(&t, 0, 1, &o);
    assert_true(o.out[0] == 1 && fabs(o.buffer[3][0] - 0.75 * 3) < 1e-6);
    outcome_close(&o);
    trial_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_norm_sees_all_ranks),
        cmocka_unit_test(batch_norm_of_a_rank_asks_nobody),
        cmocka_unit_test(batch_norm_keeps_running_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
