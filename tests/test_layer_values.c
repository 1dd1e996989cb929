/* What single layers promise beyond the conformance suite: whose statistics, which pixel, which
 * order. */
#include "layer_check.h"

#include <string.h>

/* ---- dropout ---- */

static void dropout_follows_the_sample(void **state) {
    (void)state;
    const fl_layer_example e = {"{rate: 0.3}", 1, {{1, {20000}}}, false};
    trial t;
    outcome o;
    int zeros = 0;
    trial_must_open(&t, "dropout", &e);
    t.training = true;
    t.sample[2] = t.sample[0];
    for (int i = 0; i < 3 * 20000; i++) t.in[0][i] = 7;
    trial_run(&t, 0, 3, &o);
    for (int i = 0; i < 20000; i++) {
        zeros += o.out[i] == 0;
        assert_true(o.out[i] == 0 || fabs(o.out[i] - 10) < 1e-5);
    }
    assert_in_range(zeros, 5700, 6300);
    assert_memory_equal(o.out, o.out + 40000, 20000 * sizeof(float));
    assert_memory_not_equal(o.out, o.out + 20000, 20000 * sizeof(float));
    outcome_close(&o);
    trial_close(&t);
}

/* ---- which pixel ---- */

/* The first row of the layer's output for the input 0, 1, 2, … */
static void check_values(const char *name, const fl_layer_example *e, size_t n, const float *want) {
    trial t;
    outcome o;
    trial_must_open(&t, name, e);
    for (size_t i = 0; i < trial_in_size(&t, 0); i++) t.in[0][i] = (float)i;
    for (size_t i = 0; t.plan.n_params > 0 && i < trial_param_size(&t, 0); i++) t.param[0][i] = 1;
    trial_run(&t, 0, 1, &o);
    assert_int_equal(trial_out_size(&t), n);
    assert_same(&t, "out", o.out, want, n, 1e-6);
    outcome_close(&o);
    trial_close(&t);
}

static void windows_lie_where_keras_and_pytorch_put_them(void **state) {
    (void)state;
    const fl_layer_example same = {
        "{filters: 1, kernel_size: [1, 3], strides: [1, 2], padding: same, use_bias: false}",
        1,
        {{3, {1, 4, 1}}},
        false};
    check_values("conv2d", &same, 2, (float[]){0 + 1 + 2, 2 + 3}); /* the odd pixel behind */
    const fl_layer_example edges = {
        "{pool_size: [1, 3], strides: 1, padding: same}", 1, {{3, {1, 4, 1}}}, false};
    check_values("avg_pool2d", &edges, 4, (float[]){0.5f, 1, 2, 2.5f}); /* padding does not count */
    const fl_layer_example ceiling = {
        "{pool_size: [1, 3], strides: [1, 2], ceil_mode: true}", 1, {{3, {1, 6, 1}}}, false};
    check_values("max_pool2d", &ceiling, 3, (float[]){2, 4, 5});
    check_values("avg_pool2d", &ceiling, 3, (float[]){1, 3, 4.5f});
    const fl_layer_example outside = {
        "{pool_size: [1, 2], strides: [1, 3], padding: [0, 0, 1, 1], ceil_mode: true}",
        1,
        {{3, {1, 5, 1}}},
        false};
    check_values("max_pool2d", &outside, 2, (float[]){0, 3}); /* a third would begin at column 5 */
}

/* More padding than the kernel is long: the windows that see nothing of the image stay, as in
 * PyTorch. */
static void a_convolution_may_see_nothing_but_padding(void **state) {
    (void)state;
    const fl_layer_example e = {
        "{filters: 1, kernel_size: [1, 2], padding: [1, 1, 2, 3], use_bias: false}",
        1,
        {{3, {1, 2, 1}}},
        false};
    const float want[18] = {[6 + 2] = 1, [6 + 3] = 1};
    check_values("conv2d", &e, 18, want);
}

static void flatten_puts_channels_outermost(void **state) {
    (void)state;
    const fl_layer_example e = {"{}", 1, {{3, {1, 2, 3}}}, false};
    check_values("flatten", &e, 6, (float[]){0, 3, 1, 4, 2, 5});
}

static void depthwise_channels_stay_together(void **state) {
    (void)state;
    const fl_layer_example e = {
        "{kernel_size: [2, 1], depth_multiplier: 2, use_bias: false}", 1, {{3, {2, 1, 3}}}, false};
    check_values("depthwise_conv2d", &e, 6, (float[]){3, 3, 5, 5, 7, 7});
}

static void the_first_of_equals_gets_the_gradient(void **state) {
    (void)state;
    const fl_layer_example e = {"{}", 1, {{3, {2, 2, 1}}}, false};
    const char *const names[] = {"max_pool2d", "global_max_pool2d"};
    for (int k = 0; k < 2; k++) {
        trial t;
        outcome o;
        trial_must_open(&t, names[k], &e);
        memcpy(t.in[0], (float[]){1, 4, 4, 4}, 4 * sizeof(float));
        t.dout[0] = 3;
        trial_run(&t, 0, 1, &o);
        assert_same(&t, "din", o.din[0], (float[]){0, 3, 0, 0}, 4, 1e-6);
        outcome_close(&o);
        trial_close(&t);
    }
}

static void nan_is_not_swallowed(void **state) {
    (void)state;
    const fl_layer_example pool = {"{}", 1, {{3, {2, 2, 1}}}, false};
    const char *const names[] = {"max_pool2d", "global_max_pool2d", "avg_pool2d"};
    for (int at = 0; at < 4; at++)
        for (int k = 0; k < 3; k++) {
            trial t;
            outcome o;
            trial_must_open(&t, names[k], &pool);
            t.in[0][at] = NAN;
            trial_run(&t, 0, 1, &o);
            assert_true(isnan(o.out[0]));
            outcome_close(&o);
            trial_close(&t);
        }
    const char *const functions[] = {"relu", "relu6", "leaky_relu", "sigmoid",
                                     "tanh", "gelu",  "silu",       "softmax"};
    for (size_t k = 0; k < FL_COUNT(functions); k++) {
        char *options = fl_format("{activation: %s}", functions[k]);
        const fl_layer_example e = {options, 1, {{1, {3}}}, false};
        trial t;
        outcome o;
        trial_must_open(&t, "activation", &e);
        t.in[0][1] = NAN;
        trial_run(&t, 0, 1, &o);
        assert_true(isnan(o.out[1]));
        outcome_close(&o);
        trial_close(&t);
        fl_free(options);
    }
}

/* ---- plans ---- */

static void a_plan_names_what_files_hold(void **state) {
    (void)state;
    const fl_layer_example e = {
        "{filters: 7, kernel_size: [2, 3], strides: 2}", 1, {{3, {8, 9, 5}}}, false};
    trial t;
    trial_must_open(&t, "conv2d", &e);
    const fl_param_spec *w = &t.plan.param[0];
    assert_string_equal(w->name, "weight");
    assert_string_equal(t.plan.param[1].name, "bias");
    assert_true(w->d[0] == 7 && w->d[1] == 5 && w->d[2] == 2 && w->d[3] == 3);
    assert_true(w->layout == FL_LAYOUT_CONV && w->fan_in == 30 && w->fan_out == 42);
    assert_true(w->init == FL_INIT_GLOROT_UNIFORM && t.plan.param[1].init == FL_INIT_ZEROS);
    assert_true(t.plan.flops == 2.0 * 4 * 4 * 7 * 30);
    assert_true(t.plan.dx_reads == 0 && t.plan.dw_reads == FL_READS_INPUT &&
                t.plan.saved_bytes == 0);
    trial_close(&t);
}

static void the_last_activation_can_be_taken_off(void **state) {
    (void)state;
    const fl_layer_example e = {"{units: 3, activation: softmax}", 1, {{1, {2}}}, false};
    trial t;
    outcome o;
    trial_must_open(&t, "dense", &e);
    fl_activation *a = fl_layer_activation(t.ops, t.conf);
    assert_non_null(a);
    assert_int_equal(*a, FL_ACT_SOFTMAX);
    trial_run(&t, 0, 1, &o);
    assert_true(fabs(o.out[0] + o.out[1] + o.out[2] - 1) < 1e-6);
    outcome_close(&o);
    *a = FL_ACT_LINEAR;
    trial_run(&t, 0, 1, &o);
    const float *w = t.param[0] + 2, *x = t.in[0];
    assert_true(fabs(o.out[1] - (w[0] * x[0] + w[1] * x[1] + t.param[1][1])) < 1e-5);
    outcome_close(&o);
    trial_close(&t);
    assert_null(fl_layer_activation(fl_layer_find("flatten"), NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_follows_the_sample),
        cmocka_unit_test(windows_lie_where_keras_and_pytorch_put_them),
        cmocka_unit_test(a_convolution_may_see_nothing_but_padding),
        cmocka_unit_test(flatten_puts_channels_outermost),
        cmocka_unit_test(depthwise_channels_stay_together),
        cmocka_unit_test(the_first_of_equals_gets_the_gradient),
        cmocka_unit_test(nan_is_not_swallowed),
        cmocka_unit_test(a_plan_names_what_files_hold),
        cmocka_unit_test(the_last_activation_can_be_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
