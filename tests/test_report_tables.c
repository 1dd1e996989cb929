/* Tables of a model and its plan: sums that add up, widths that fit, numbers that people read. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "frostline/report.h"
#include "report/table.h"
#include "report/text.h"
#include "unit.h"

/* ---- numbers ---- */

static void test_human_numbers(void **state) {
    (void)state;
    char b[40];
    const struct {
        double n;
        const char *text;
    } counts[] = {{0, "0"},           {7, "7"},
                  {999, "999"},       {999.6, "1.0 k"},
                  {1030, "1.0 k"},    {999949, "999.9 k"},
                  {999951, "1.0 M"},  {14714688, "14.7 M"},
                  {-2.5e9, "-2.5 G"}, {NAN, "–"}};
    for (size_t i = 0; i < FL_COUNT(counts); i++)
        assert_string_equal(fl_human_count(counts[i].n, b), counts[i].text);
    assert_string_equal(fl_human_bytes(527912, b), "527.9 kB");
    assert_string_equal(fl_human_bytes(12, b), "12 B");
    const struct {
        double s;
        const char *text;
    } times[] = {{0, "0 µs"},         {12e-6, "12 µs"},       {0.0123, "12.3 ms"},
                 {0.99999, "1.0 s"},  {3.4, "3.4 s"},         {59.96, "1 min 00 s"},
                 {61, "1 min 01 s"},  {3599.7, "1 h 00 min"}, {3720, "1 h 02 min"},
                 {86390, "1 d 00 h"}, {183600, "2 d 03 h"},   {INFINITY, "–"}};
    for (size_t i = 0; i < FL_COUNT(times); i++)
        assert_string_equal(fl_human_seconds(times[i].s, b), times[i].text);
    assert_string_equal(fl_text_grouped(14714688, ",", b), "14,714,688");
    assert_string_equal(fl_text_grouped(-123, " ", b), "-123");
    assert_string_equal(fl_text_percent(0.00046, b), "0.046 %");
    assert_string_equal(fl_text_kib(35496, b), "34.66 KB");
}

/* ---- tables of a model and its plan ---- */

static const fl_layer_ops conv = {.name = "conv2d"}, dense = {.name = "dense"},
                          bn = {.name = "batch_norm"};
static const fl_param_spec weight = {.name = "weight"},
                           running = {.name = "running_mean", .buffer = true};

/* base: conv (frozen, 100 + 10) → norm (frozen, 10, buffer 10); head: fc (trainable, 2400 + 10) */
static char names[][24] = {"tiny",        "conv",      "norm",        "fc",
                           "conv.weight", "conv.bias", "norm.weight", "norm.running_mean",
                           "fc.weight",   "fc.bias"};
static fl_model_layer layers[] = {{.name = names[1],
                                   .group = names[0],
                                   .ops = &conv,
                                   .n_in = 1,
                                   .in = {FL_MODEL_INPUT},
                                   .shape = {3, {8, 8, 10}},
                                   .n_params = 2,
                                   .is_static = true},
                                  {.name = names[2],
                                   .group = names[0],
                                   .ops = &bn,
                                   .n_in = 1,
                                   .in = {0},
                                   .shape = {3, {8, 8, 10}},
                                   .first_param = 2,
                                   .n_params = 2,
                                   .is_static = true},
                                  {.name = names[3],
                                   .ops = &dense,
                                   .n_in = 1,
                                   .in = {1},
                                   .shape = {1, {10}},
                                   .first_param = 4,
                                   .n_params = 2,
                                   .trainable = true}};
static fl_param params[] = {
    {names[4], 0, &weight, 100, NULL, NULL},  {names[5], 0, &weight, 10, NULL, NULL},
    {names[6], 1, &weight, 10, NULL, NULL},   {names[7], 1, &running, 10, NULL, NULL},
    {names[8], 2, &weight, 2400, NULL, NULL}, {names[9], 2, &weight, 10, NULL, NULL}};
static fl_model model = {.base = names[0],
                         .input = {3, {8, 8, 3}},
                         .n_layers = 3,
                         .layer = layers,
                         .n_params = 6,
                         .param = params};
static fl_plan_layer plan_layers[] = {
    {.is_static = true, .flops = 1000},
    {.is_static = true, .frost_line = true, .flops = 20},
    {.need = {.weight_gradient = true}, .payload_bytes = 9640, .flops = 4800, .flops_dw = 4900}};
static fl_place places[] = {{FL_REGION_FROZEN, {0, 100}},      {FL_REGION_FROZEN, {100, 10}},
                            {FL_REGION_FROZEN, {110, 10}},     {FL_REGION_FROZEN, {120, 10}},
                            {FL_REGION_TRAINABLE, {10, 2400}}, {FL_REGION_TRAINABLE, {0, 10}}};
static int bucket_layers[] = {2};
static fl_bucket buckets[] = {{{0, 2410}, 2, 1, bucket_layers}};
static const fl_plan plan = {.model = &model,
                             .conf = {.np = 4,
                                      .batch_size = 64,
                                      .accumulation = 2,
                                      .bucket_bytes = 1 << 20,
                                      .optimizer_slots = 2},
                             .rows = 8,
                             .layer = plan_layers,
                             .place = places,
                             .n_trainable = 2410,
                             .n_frozen = 130,
                             .n_unfrozen = 2530,
                             .n_buckets = 1,
                             .bucket = buckets,
                             .memory = {.trainable = 9640,
                                        .gradients = 9640,
                                        .optimizer = 19280,
                                        .activations = 4096,
                                        .frozen_shared = 520}};

static void test_summary_adds_up(void **state) {
    (void)state;
    char *s = fl_summary_text(&plan, "adam", 0);
    static const char *const said[] = {
        "tiny (base)",
        "  conv (conv2d)",
        "(None, 8, 8, 10)",
        "2,410 │ yes",
        "Total params: 2,540 (9.92 KB)",
        "Trainable params: 2,410 (9.41 KB)",
        "Non-trainable params: 130 (520.00 B)",
        "Optimizer params: 4,820 (18.83 KB) adam",
        "Reduced per step: 9,640 bytes in 1 bucket of 10,120 with nothing frozen"};
    for (size_t i = 0; i < FL_COUNT(said); i++)
        if (!strstr(s, said[i])) fail_msg("'%s' is not in\n%s", said[i], s);
    assert_null(strstr(s, "Connected to"));
    fl_free(s);
    layers[2].n_in = 2, layers[2].in[1] = 0; /* a branch */
    s = fl_summary_text(&plan, NULL, 0);
    assert_non_null(strstr(s, "norm, conv"));
    assert_null(strstr(s, "Optimizer"));
    fl_free(s);
    layers[2].n_in = 1;
}

static void test_tables_fit_the_width(void **state) {
    (void)state;
    static const fl_table_column columns[] = {{"Layer", .shrinks = true}, {"N", .right = true}};
    fl_table t = fl_table_open(2, columns);
    fl_table_row(&t);
    fl_table_cell(&t, 0, "a_very_long_näme_of_a_layer_(conv2d)");
    fl_table_cell(&t, 1, "1,234");
    fl_table_rule(&t);
    fl_table_row(&t);
    for (int width = 15; width < 80; width++) {
        fl_text out = {0};
        fl_table_print(&t, width, &out);
        assert_non_null(strstr(out.s, "1,234"));
        for (char *save, *l = strtok_r(out.s, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
            assert_in_range(fl_text_columns(l), 0, width);
        fl_free(out.s);
    }
    fl_table_close(&t);
}

static void test_plan_table(void **state) {
    (void)state;
    char *s = fl_plan_table(&plan, 0);
    static const char *const said[] = {
        "norm (batch_norm)", "static",          "live",  "9.6 kB", "fc",
        "13.7 kB",           "1.05 times less", "520 B", "14.5 kB"};
    for (size_t i = 0; i < FL_COUNT(said); i++)
        if (!strstr(s, said[i])) fail_msg("'%s' is not in\n%s", said[i], s);
    fl_free(s);
}

static json_int_t at(json_t *o, const char *a, const char *b) {
    json_t *v = json_object_get(o, a);
    if (b) v = json_object_get(v, b);
    if (!json_is_integer(v)) fail_msg("%s.%s is no whole number", a, b ? b : "");
    return json_integer_value(v);
}

static void test_plan_json(void **state) {
    (void)state;
    char *s = fl_plan_json(&plan);
    json_t *o = json_loads(s, 0, NULL);
    assert_true(json_is_object(o));
    assert_int_equal(at(o, "np", NULL), 4);
    assert_int_equal(at(o, "parameters", "total"), 2540);
    assert_int_equal(at(o, "parameters", "trainable") + at(o, "parameters", "frozen"), 2540);
    assert_int_equal(at(o, "payload_bytes", NULL), 9640);
    assert_int_equal(at(o, "unfrozen_payload_bytes", NULL), 10120);
    assert_int_equal(at(o, "wire_bytes_per_rank", NULL), 9640 * 6 / 4);
    assert_int_equal(at(o, "flops", "forward_static"), 16 * 1020); /* 8 rows, twice */
    assert_int_equal(at(o, "flops", "forward_live"), 16 * 4800);
    assert_int_equal(at(o, "flops", "backward"), 16 * 4900);
    assert_int_equal(at(o, "memory_bytes_per_rank", NULL), 9640 + 4096);
    assert_int_equal(at(o, "memory_bytes_per_node_shared", NULL), 520 + 9640 + 19280);
    json_int_t parameters = 0, payload = 0, reduced = 0;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(o, "layers"), i, item) {
        parameters += at(item, "parameters", NULL);
        payload += at(item, "payload_bytes", NULL);
        assert_true(json_is_boolean(json_object_get(item, "static")));
        assert_true(json_is_boolean(json_object_get(item, "input_gradient")));
    }
    json_array_foreach(json_object_get(o, "buckets"), i, item) reduced += at(item, "bytes", NULL);
    assert_int_equal(parameters, 2540);
    assert_int_equal(payload, 9640);
    assert_int_equal(reduced, 9640);
    json_decref(o);
    fl_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_human_numbers),
        cmocka_unit_test(test_summary_adds_up),
        cmocka_unit_test(test_tables_fit_the_width),
        cmocka_unit_test(test_plan_table),
        cmocka_unit_test(test_plan_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
