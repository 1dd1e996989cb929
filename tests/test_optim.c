/* Conformance of every optimizer in the registry. */
#include "optim_bench.h"

#include <string.h>

static bool same_state(const bench *a, const bench *b) {
    return memcmp(a->weight, b->weight, sizeof a->weight) == 0 &&
           memcmp(a->slot, b->slot, sizeof a->slot) == 0;
}

/* ---- what holds for every optimizer ---- */

static void for_all(void (*test)(const fl_optim_ops *ops)) {
    for (const fl_optim_ops *const *o = fl_optims_all(); *o; o++) test(*o);
}

static void check_table(const fl_optim_ops *ops) {
    assert_ptr_equal(fl_optim_find(ops->name), ops);
    assert_true(ops->slots >= 0 && ops->slots <= FL_MAX_SLOTS);
    for (int i = 0; i < ops->slots; i++) assert_non_null(ops->slot_name[i]);
    bench *b = bench_open(ops->name, "learning_rate: 0.25,");
    assert_true(ops->learning_rate(b->o.conf) == 0.25);
    bench_close(b);
}

static void registry_is_whole(void **state) {
    (void)state;
    for_all(check_table);
    assert_null(fl_optim_find("no such"));
    assert_null(fl_rate_find("no such"));
}

/* Σ a (w - 1)² / 2, a between 1 and 3 */
static double quadratic(const float *w, float *gradient) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double a = 1 + i % 3, off = (double)w[i] - 1;
        sum += a * off * off / 2;
        gradient[i] = (float)(a * off);
    }
    return sum;
}

static void check_quadratic(const fl_optim_ops *ops) {
    bench *b = bench_open(ops->name, "learning_rate: 0.05,");
    float g[N];
    double start = quadratic(b->weight, g);
    for (int64_t t = 1; t <= 200; t++) {
        fl_update u = update_of(b, t, g);
        ops->update(b->o.conf, &u);
        quadratic(b->weight, g);
    }
    assert_true(quadratic(b->weight, g) < start / 1000);
    bench_close(b);
}

static void goes_down_a_quadratic(void **state) {
    (void)state;
    for_all(check_quadratic);
}

static const char decaying[] = "learning_rate: 0.01, weight_decay: 0.1,";

/* Sharding and freezing cut parameters into spans; no bit may depend on where. */
static void check_split(const fl_optim_ops *ops) {
    for (int cut = 0; cut <= N; cut += 6) {
        bench *whole = bench_open(ops->name, decaying), *split = bench_open(ops->name, decaying);
        steps(whole, 1, 3);
        for (int64_t t = 1; t <= 3; t++) {
            const float *g = gradients_at(t);
            fl_update low = update_of(split, t, g), high = low;
            low.n = (size_t)cut;
            high.n = (size_t)(N - cut);
            high.weight += cut;
            high.gradient += cut;
            for (int k = 0; k < FL_MAX_SLOTS; k++) high.slot[k] += cut;
            ops->update(split->o.conf, &high);
            ops->update(split->o.conf, &low);
        }
        assert_true(same_state(whole, split));
        bench_close(whole);
        bench_close(split);
    }
}

static void two_spans_are_as_one(void **state) {
    (void)state;
    for_all(check_split);
}

static void check_resume(const fl_optim_ops *ops) {
    bench *whole = bench_open(ops->name, decaying), *half = bench_open(ops->name, decaying);
    bench *rest = bench_open(ops->name, decaying);
    steps(whole, 1, 10);
    steps(half, 1, 5);
    memcpy(rest->weight, half->weight, sizeof rest->weight);
    for (int k = 0; k < ops->slots; k++) memcpy(rest->slot[k], half->slot[k], sizeof rest->slot[k]);
    steps(rest, 6, 10);
    assert_true(same_state(whole, rest));
    bench_close(whole);
    bench_close(half);
    bench_close(rest);
}

static void ten_steps_are_five_and_five(void **state) {
    (void)state;
    for_all(check_resume);
}

static void check_gradient_scale(const fl_optim_ops *ops) {
    bench *a = bench_open(ops->name, decaying), *b = bench_open(ops->name, decaying);
    for (int64_t t = 1; t <= 4; t++) {
        float quarter[N];
        for (int i = 0; i < N; i++) quarter[i] = gradients_at(t)[i] / 4; /* exact */
        fl_update scaled = update_of(a, t, gradients_at(t)), plain = update_of(b, t, quarter);
        scaled.gradient_scale = 0.25;
        ops->update(a->o.conf, &scaled);
        ops->update(b->o.conf, &plain);
    }
    assert_true(same_state(a, b));
    bench_close(a);
    bench_close(b);
}

static void clipping_scales_the_gradient(void **state) {
    (void)state;
    for_all(check_gradient_scale);
}

static void check_decay_scale(const fl_optim_ops *ops) {
    bench *a = bench_open(ops->name, "weight_decay: 0.5,"),
          *b = bench_open(ops->name, "weight_decay: 0,");
    bench *c = bench_open(ops->name, "weight_decay: 0.25,"),
          *d = bench_open(ops->name, "weight_decay: 0.5,");
    for (int64_t t = 1; t <= 4; t++) {
        fl_update none = update_of(a, t, gradients_at(t)), half = update_of(d, t, gradients_at(t));
        none.weight_decay_scale = 0;
        half.weight_decay_scale = 0.5;
        ops->update(a->o.conf, &none);
        ops->update(d->o.conf, &half);
    }
    steps(b, 1, 4);
    steps(c, 1, 4);
    assert_true(same_state(a, b) && same_state(c, d) && !same_state(a, c));
    bench_close(a);
    bench_close(b);
    bench_close(c);
    bench_close(d);
}

static void rules_scale_the_decay(void **state) {
    (void)state;
    for_all(check_decay_scale);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(registry_is_whole),
        cmocka_unit_test(goes_down_a_quadratic),
        cmocka_unit_test(two_spans_are_as_one),
        cmocka_unit_test(ten_steps_are_five_and_five),
        cmocka_unit_test(clipping_scales_the_gradient),
        cmocka_unit_test(rules_scale_the_decay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
