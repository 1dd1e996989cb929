/* The schedules, and the `optimizer` and `lr_scheduler` sections: what is read, and how mistakes
 * are named. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "frostline/config.h"
#include "frostline/optim.h"

static fl_config *config;
static fl_optim_conf conf;

/* Parses a config's text; a failure's message is fl_message() afterwards. */
static fl_status parse(const char *text) {
    assert_int_equal(fl_config_parse("a.yaml", text, 0, NULL, &config), FL_OK);
    fl_status status = fl_optim_parse(fl_config_section(config, "optimizer"),
                                      fl_config_section(config, "lr_scheduler"), &conf);
    if (status != FL_OK) assert_int_equal(fl_config_check(config), status);
    return status;
}

static void release(void) {
    fl_optim_conf_close(&conf);
    fl_config_close(config);
}

static void refused(const char *text, const char *place, const char *part) {
    assert_int_equal(parse(text), FL_ERR_CONFIG);
    assert_null(conf.ops);
    if (!strstr(fl_message(), part) || !strstr(fl_message(), place))
        fail_msg("no '%s' or '%s' in: %s", place, part, fl_message());
    release();
}

/* ---- schedules ---- */

enum { TOTAL = 100, PER_EPOCH = 10 };

static double rate(const char *options, int64_t step) {
    char *text = fl_format("lr_scheduler: {%s}", options);
    assert_int_equal(parse(text), FL_OK);
    double factor = conf.rate->factor(conf.rate_conf, step, TOTAL, PER_EPOCH);
    release();
    fl_free(text);
    return factor;
}

static void assert_rate(const char *options, int64_t step, double want) {
    double got = rate(options, step);
    if (fabs(got - want) > 1e-12) fail_msg("{%s} at %d: %g", options, (int)step, got);
}

static void constant_is_one(void **state) {
    (void)state;
    assert_rate("", 0, 1);
    assert_rate("type: constant", 99, 1);
}

static void step_drops_with_the_epochs(void **state) {
    (void)state;
    const char *text = "type: step, step_size_epochs: 3, gamma: 0.5";
    assert_rate(text, 0, 1);
    assert_rate(text, 29, 1);
    assert_rate(text, 30, 0.5);
    assert_rate(text, 60, 0.25);
    assert_rate("type: step, step_size_epochs: 1", 10, 0.1);
}

static void cosine_falls_along_half_a_wave(void **state) {
    (void)state;
    assert_rate("type: cosine", 0, 1);
    assert_rate("type: cosine", 50, 0.5);
    assert_rate("type: cosine", 25, (1 + sqrt(0.5)) / 2);
    assert_rate("type: cosine", 100, 0);
    assert_rate("type: cosine, min_factor: 0.2", 100, 0.2);
    assert_rate("type: cosine, min_factor: 0.2", 50, 0.6);
    assert_rate("type: cosine, warmup_steps: 20", 60, 0.5);
}

static void linear_falls_along_a_line(void **state) {
    (void)state;
    assert_rate("type: linear", 0, 1);
    assert_rate("type: linear", 25, 0.75);
    assert_rate("type: linear, end_factor: 0.5", 50, 0.75);
    assert_rate("type: linear, end_factor: 0.5", 300, 0.5);
    assert_rate("type: linear, warmup_steps: 20", 60, 0.5);
}

static void every_schedule_warms_up(void **state) {
    (void)state;
    for (const fl_rate_ops *const *o = fl_rates_all(); *o; o++) {
        const char *more = strcmp((*o)->name, "step") == 0 ? "step_size_epochs: 2," : "";
        assert_ptr_equal(fl_rate_find((*o)->name), *o);
        char *text = fl_format("type: %s, %s warmup_steps: 4", (*o)->name, more);
        for (int64_t step = 0; step <= 4; step++)
            assert_rate(text, step, step < 4 ? (double)(step + 1) / 4 : 1);
        fl_free(text);
        text = fl_format("type: %s, %s warmup_steps: 500", (*o)->name, more); /* never warm */
        assert_true(rate(text, 0) == 1.0 / 500 && rate(text, 99) > 0 && rate(text, 99) <= 0.2);
        fl_free(text);
    }
}

/* ---- sections ---- */

static void defaults_are_adam_and_constant(void **state) {
    (void)state;
    assert_int_equal(parse("name: x\n"), FL_OK);
    assert_string_equal(conf.ops->name, "adam");
    assert_string_equal(conf.rate->name, "constant");
    assert_true(conf.ops->learning_rate(conf.conf) == 0.001);
    char *text = fl_config_text(config);
    assert_non_null(strstr(text, "type: adam"));
    assert_non_null(strstr(text, "beta_2: 0.999"));
    assert_non_null(strstr(text, "type: constant"));
    fl_free(text);
    release();
}

static void mistakes_are_named(void **state) {
    (void)state;
    refused("optimizer: {type: adm}", "a.yaml:1:19", "did you mean 'adam'?");
    refused("lr_scheduler: {type: cosin}", "a.yaml:1:22", "did you mean 'cosine'?");
    refused("optimizer: {type: [a]}", "a.yaml:1:19", "the type must be a name");
    refused("optimizer:\n  lerning_rate: 1\n", "a.yaml:2:3", "did you mean 'learning_rate'?");
    refused("optimizer: {type: sgd, beta_1: 0.9}", "a.yaml:1:24", "optimizer 'sgd'");
    refused("lr_scheduler: {gamma: 0.9}", "a.yaml:1:16", "lr_scheduler 'constant'");
    refused("lr_scheduler: {rules: []}", "a.yaml:1:16", "rules");
    refused("lr_scheduler: {type: step}", "a.yaml:1:", "step_size_epochs");
    refused("optimizer: {learning_rate: -1}", "a.yaml:1:28", "learning_rate");
    refused("optimizer: {type: adm}\nlr_scheduler: {type: cosin}", "a.yaml:1:19", "a.yaml:2:22");
}

static void rules_are_checked(void **state) {
    (void)state;
    refused("optimizer: {rules: 3}", "a.yaml:1:20", "list");
    refused("optimizer:\n  rules: [{layers: a, learning_rate_scal: 1}]", "a.yaml:2:23",
            "did you mean 'learning_rate_scale'?");
    refused("optimizer: {rules: [{learning_rate_scale: 1}]}", "a.yaml:1:", "layers");
}

static const char *const names[] = {"conv1", "conv2", "fc1", "predictions"};
static double scales[4], decay[4];

static fl_status rules(const char *list) {
    char *text = fl_format("optimizer: {rules: %s}", list);
    assert_int_equal(parse(text), FL_OK);
    fl_free(text);
    fl_status status = fl_optim_rules(&conf, 4, names, scales, decay);
    if (status != FL_OK) assert_int_equal(fl_config_check(config), status);
    release();
    return status;
}

static void last_rule_that_matches_wins(void **state) {
    (void)state;
    assert_int_equal(rules("[]"), FL_OK);
    for (int i = 0; i < 4; i++) assert_true(scales[i] == 1 && decay[i] == 1);
    assert_int_equal(rules("[{layers: ['conv*', fc1], learning_rate_scale: 0.1}, "
                           "{layers: conv2, learning_rate_scale: 3, weight_decay_scale: 0}]"),
                     FL_OK);
    static const double want_scale[] = {0.1, 3, 0.1, 1}, want_decay[] = {1, 0, 1, 1};
    for (int i = 0; i < 4; i++)
        assert_true(scales[i] == want_scale[i] && decay[i] == want_decay[i]);
}

static void glob_without_a_match_is_refused(void **state) {
    (void)state;
    assert_int_equal(rules("[{layers: [conv1, predictons]}]"), FL_ERR_CONFIG);
    assert_non_null(strstr(fl_message(), "unknown layer 'predictons'"));
    assert_non_null(strstr(fl_message(), "did you mean 'predictions'?"));
    assert_non_null(strstr(fl_message(), "a.yaml:1:38"));
    assert_int_equal(rules("[{layers: fc9}]"), FL_ERR_CONFIG);
    assert_non_null(strstr(fl_message(), "a.yaml:1:30"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_is_one),
        cmocka_unit_test(step_drops_with_the_epochs),
        cmocka_unit_test(cosine_falls_along_half_a_wave),
        cmocka_unit_test(linear_falls_along_a_line),
        cmocka_unit_test(every_schedule_warms_up),
        cmocka_unit_test(defaults_are_adam_and_constant),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(rules_are_checked),
        cmocka_unit_test(last_rule_that_matches_wins),
        cmocka_unit_test(glob_without_a_match_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
