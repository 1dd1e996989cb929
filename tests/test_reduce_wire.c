/* Gradients that go from node to node in two bytes: how near the sums come, and that what rounding
 * takes from one step is there in the next. */
#include "check_nodes.h"

#include <math.h>

#include "frostline/reduce.h"
#include "frostline/rng.h"

enum { N = 20011, STEPS = 64 };
static const fl_span buckets[] = {{0, 7001}, {7001, N - 7001}};

static fl_wire wire;
static const char *reducer;

static float value(int r, size_t i) {
    fl_rng g = {.seed = 5, .sample = (uint64_t)r};
    return (float)(fl_rng_uniform(&g, i) - 0.3) * (float)(1 + i % 100);
}

static double exact_sum(size_t i) {
    double sum = 0;
    for (int r = 0; r < n_ranks; r++) sum += (double)value(r, i);
    return sum;
}

static double rounding(void) { /* of one number, relative */
    return wire == FL_WIRE_FLOAT32 ? 0x1p-24 : wire == FL_WIRE_BFLOAT16 ? 0x1p-8 : 0x1p-11;
}

static fl_reduce *opened(fl_window *w) {
    fl_reduce_conf conf = {.allreduce_dtype = (int)wire};
    fl_reduce *r;
    while (strcmp(fl_reducers_all()[conf.reducer]->name, reducer) != 0) conf.reducer++;
    check(fl_reduce_open(comm, &conf, FL_COUNT(buckets), buckets, w, &r) == FL_OK);
    return r;
}

static void sum(fl_reduce *r, fl_window *w, float (*of)(int, size_t)) {
    for (size_t i = 0; i < N; i++) fl_window_floats(w)[i] = of(rank, i);
    for (int b = 0; b < (int)FL_COUNT(buckets); b++) fl_reduce_begin(r, b);
    fl_reduce_end(r);
    fl_reduce_publish(r, w);
}

/* On one node nothing is rounded to two bytes. */
static double bound_of(size_t i, double times) {
    double scale = 1 + (double)(i % 100);
    double each = fl_comm_nodes(comm) > 1 ? rounding() : 0x1p-24;
    return times * (2 * each + 0x1p-22) * n_ranks * scale;
}

/* One sum is as near as its format; many together are nearer than the roundings added up. */
static void sum_often(void) {
    fl_window *w;
    check(fl_window_open(comm, N, &w) == FL_OK);
    fl_reduce *r = opened(w);
    double *all = fl_alloc(N * sizeof *all);
    for (int t = 0; t < STEPS; t++) {
        sum(r, w, value);
        const float *v = fl_window_floats(w);
        check(same_everywhere(v, N * sizeof *v));
        for (size_t i = 0; i < N; i++) all[i] += (double)v[i];
        for (size_t i = 0; i < N && t == 0; i++) check(fabs(v[i] - exact_sum(i)) <= bound_of(i, 1));
    }
    for (size_t i = 0; i < N; i++)
        check(fabs(all[i] - STEPS * exact_sum(i)) <=
              bound_of(i, 1) + STEPS * 0x1p-20 * n_ranks * 100);
    fl_free(all);
    fl_reduce_close(r);
    fl_window_close(w);
}

static void for_all(void (*run)(void)) {
    static const char *const reducers[] = {"blocking", "overlap", "sharded"};
    for (wire = FL_WIRE_FLOAT32; wire <= FL_WIRE_FLOAT16; wire++)
        for (size_t k = 0; k < FL_COUNT(reducers); k++) {
            reducer = reducers[k];
            run_on_all_nodes(run);
        }
}

static void rounding_is_made_good(void **state) {
    (void)state;
    for_all(sum_often);
}

static float large(int r, size_t i) {
    (void)r;
    return i % 2 ? 90000.0F : -90000.0F;
}

static float nothing(int r, size_t i) {
    (void)r, (void)i;
    return 0;
}

/* float16 ends at 65504: what is beyond comes with the next steps, and is no infinity. */
static void exceed(void) {
    fl_window *w;
    check(fl_window_open(comm, N, &w) == FL_OK);
    fl_reduce *r = opened(w);
    double first = 0;
    for (int t = 0; t < 8 + 4 * n_ranks; t++) {
        sum(r, w, t ? nothing : large);
        check(isfinite(fl_window_floats(w)[1]));
        first += (double)fl_window_floats(w)[1];
    }
    check(fabs(first - 90000.0 * n_ranks) <= 90000.0 * n_ranks * 0x1p-7);
    fl_reduce_close(r);
    fl_window_close(w);
}

static void no_number_is_lost(void **state) {
    (void)state;
    for_all(exceed);
}

static float special(int r, size_t i) {
    if (i == 3) return INFINITY;
    if (i == 7500) return r == 0 ? NAN : 1;
    return 1;
}

/* Infinities and NaN arrive, and are gone with the step that had them. */
static void pass_specials(void) {
    fl_window *w;
    check(fl_window_open(comm, N, &w) == FL_OK);
    fl_reduce *r = opened(w);
    sum(r, w, special);
    check(isinf(fl_window_floats(w)[3]) && isnan(fl_window_floats(w)[7500]));
    check(fl_window_floats(w)[4] == (float)n_ranks);
    sum(r, w, nothing);
    check(fl_window_floats(w)[3] == 0 && fl_window_floats(w)[7500] == 0);
    fl_reduce_close(r);
    fl_window_close(w);
}

static void what_is_not_finite_shows(void **state) {
    (void)state;
    for_all(pass_specials);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounding_is_made_good),
        cmocka_unit_test(no_number_is_lost),
        cmocka_unit_test(what_is_not_finite_shows),
    };
    return run_on_all_ranks(tests);
}
