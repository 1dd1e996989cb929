/* load: what a file may lack and may have too much, and that saving and loading are inverse. */
#include "sheet_fixture.h"

#define TUNED                                                                                      \
    "model: {base: resnet20_cifar, include_top: false, layers: [global_avg_pool2d, dense: {name: " \
    "head, units: 5}]}"
enum { BASE_PARAMS = 105 };

typedef struct outcome {
    fl_status status;
    int filled;
    float head;        /* head.weight[0] afterwards; 7 before */
    float conv1, last; /* the first number of conv1.weight, the last of the base; 7 before */
} outcome;

static outcome load(const char *yaml, sheet *s, bool strict, const char *fresh) {
    fixture f = fixture_open(yaml);
    float *all = fixture_place(f.model);
    for (size_t i = fl_model_count(f.model); i > 0; i--) all[i - 1] = 7;
    outcome o = {.filled = -1};
    fl_strings reinit = {fresh ? 1 : 0, &fresh};
    sheet_write(s);
    o.status = fl_model_load(f.model, path, strict, &reinit, &o.filled);
    o.head = f.model->param[f.model->n_params - 2].value[0];
    o.conv1 = all[0];
    o.last = f.model->param[BASE_PARAMS - 1].value[0];
    fl_free(all);
    fixture_close(&f);
    return o;
}

static sheet base_sheet(void) {
    sheet s = sheet_open(FL_F32, 1 << 16);
    resnet20_sheet(&s);
    return s;
}

static void head_that_the_file_lacks_keeps_its_values(void **state) {
    (void)state;
    sheet s = base_sheet();
    outcome o = load(TUNED, &s, true, NULL);
    assert_int_equal(o.status, FL_OK);
    assert_int_equal(o.filled, BASE_PARAMS);
    assert_true(o.head == 7 && o.conv1 == 0 && o.last == 0);
}

static void head_that_the_file_has_is_filled(void **state) {
    (void)state;
    sheet s = base_sheet();
    add(&s, D(5, 64), "head.weight");
    add(&s, D(5), "head.bias");
    outcome o = load(TUNED, &s, true, NULL);
    assert_int_equal(o.filled, BASE_PARAMS + 2);
    assert_true(o.head == 0);
}

static void head_of_another_shape_is_an_error(void **state) {
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        sheet s = base_sheet();
        add(&s, D(6, 64), "head.weight");
        outcome o = load(TUNED, &s, strict, NULL);
        assert_int_equal(o.status, FL_ERR_INPUT);
        assert_true(o.conv1 == 7);
        assert_non_null(
            strstr(fl_message(), "head.weight is (6, 64) in the file, (5, 64) in the net"));
        assert_non_null(strstr(fl_message(), "'reinit'"));
        assert_null(strstr(fl_message(), "strict: false"));
    }
    sheet s = base_sheet();
    add(&s, D(6, 64), "head.weight");
    outcome o = load(TUNED, &s, true, "he*");
    assert_int_equal(o.status, FL_OK);
    assert_true(o.head == 7 && o.filled == BASE_PARAMS);
}

static void reinit_leaves_layers_alone(void **state) {
    (void)state;
    sheet s = base_sheet();
    outcome o = load(TUNED, &s, true, "conv1");
    assert_true(o.filled == BASE_PARAMS - 1 && o.conv1 == 7 && o.last == 0);
    s = base_sheet();
    o = load(TUNED, &s, true, "resnet20_cifar");
    assert_true(o.status == FL_OK && o.filled == 0 && o.conv1 == 7 && o.last == 7);
}

static void unused_top_and_counters_are_passed_over(void **state) {
    (void)state;
    sheet s = base_sheet();
    add(&s, D(10, 64), "fc.weight");
    add(&s, D(10), "fc.bias");
    s.dtype = FL_I64;
    add(&s, D(1), "bn1.num_batches_tracked");
    assert_int_equal(load(TUNED, &s, true, NULL).filled, BASE_PARAMS);
    s = base_sheet();
    add(&s, D(10), "fcx.bias");
    assert_int_equal(load(TUNED, &s, true, NULL).status, FL_ERR_INPUT);
    s = base_sheet();
    add(&s, D(10, 64), "fc.weight");
    add(&s, D(10), "fc.bias");
    add(&s, D(10), "fc.scale");
    assert_int_equal(load("model: {base: resnet20_cifar}", &s, true, NULL).status, FL_ERR_INPUT);
    assert_non_null(strstr(fl_message(), "surplus: fc.scale"));
}

static void surplus_tensors_are_named(void **state) {
    (void)state;
    sheet s = base_sheet();
    add(&s, D(5, 64), "hed.weight");
    assert_int_equal(load(TUNED, &s, true, NULL).status, FL_ERR_INPUT);
    assert_non_null(strstr(fl_message(), "surplus: hed.weight; the net has 'head.weight'"));
    s = base_sheet();
    add(&s, D(5, 64), "hed.weight");
    assert_int_equal(load(TUNED, &s, false, NULL).filled, BASE_PARAMS);
}

static void missing_tensors_are_named(void **state) {
    (void)state;
    for (int strict = 0; strict < 2; strict++) {
        sheet s = base_sheet();
        snprintf(s.name[0], sizeof s.name[0], "conv_1.weight");
        outcome o = load(TUNED, &s, strict, NULL);
        assert_int_equal(o.status, strict ? FL_ERR_INPUT : FL_OK);
        assert_true(o.conv1 == 7 && o.last == (strict ? 7 : 0));
    }
    assert_non_null(strstr(fl_message(), "missing: conv1.weight; the file has 'conv_1.weight'"));
}

static void all_problems_are_listed_up_to_a_limit(void **state) {
    (void)state;
    sheet s = base_sheet();
    for (int i = 1; i < 33; i++) s.name[i][0] = '#';
    assert_int_equal(load(TUNED, &s, true, NULL).status, FL_ERR_INPUT);
    assert_non_null(strstr(fl_message(), "(64 tensors;"));
    assert_non_null(strstr(fl_message(), "… and 44 more"));
    assert_non_null(strstr(fl_message(), path));
    s = sheet_open(FL_F32, 100);
    add(&s, D(3), "nothing");
    assert_int_equal(load(TUNED, &s, false, NULL).status, FL_ERR_INPUT);
    assert_non_null(strstr(fl_message(), "no tensor is named"));
}

static void widths_that_differ_hint_at_alpha(void **state) {
    (void)state;
    sheet s = sheet_open(FL_F32, 1 << 16);
    add(&s, D(24, 3, 3, 3), "conv1.weight");
    const char *yaml = "model: {base: mobilenet_v1, layers: [dense: {units: 2}]}";
    assert_int_equal(load(yaml, &s, true, NULL).status, FL_ERR_INPUT);
    assert_non_null(strstr(fl_message(), "alpha: 0.75"));
    assert_non_null(strstr(fl_message(), "strict: false"));
}

static void without_a_base_the_whole_net_must_be_there(void **state) {
    (void)state;
    fixture f = fixture_open("model: {input: [3], layers: [dense: {units: 2, name: a}]}");
    float *all = fixture_place(f.model);
    sheet s = sheet_open(FL_F32, 8);
    add(&s, D(2, 3), "a.weight");
    sheet_write(&s);
    assert_int_equal(fl_model_load(f.model, path, true, NULL, NULL), FL_ERR_INPUT);
    assert_non_null(strstr(fl_message(), "missing: a.bias"));
    assert_int_equal(fl_model_load(f.model, path, false, NULL, NULL), FL_OK);
    assert_int_equal(fl_model_load(f.model, "/tmp/frostline-none", true, NULL, NULL), FL_ERR_INPUT);
    fl_free(all);
    fixture_close(&f);
}

static void other_precisions_are_read(void **state) {
    (void)state;
    static const uint16_t half[] = {0x3e00, 0xc000}, bfloat[] = {0x3fc0, 0xc000};
    static const double whole[] = {1.5, -2};
    static const int64_t counts[] = {1, 2};
    const struct {
        fl_dtype dtype;
        const void *data;
    } files[] = {{FL_F16, half}, {FL_BF16, bfloat}, {FL_F64, whole}, {FL_I64, counts}};
    fixture f = fixture_open("model: {input: [2], layers: [dense: {units: 1, use_bias: false}]}");
    float *all = fixture_place(f.model);
    for (int i = 0; i < 4; i++) {
        fl_tensor_info t = {.name = "dense.weight",
                            .dtype = files[i].dtype,
                            .n = 2,
                            .d = {1, 2},
                            .data = files[i].data};
        t.count = 2;
        t.bytes = 2 * fl_dtype_size(t.dtype);
        assert_int_equal(fl_weights_write(path, 1, &t, 0, NULL), FL_OK);
        all[0] = all[1] = 0;
        fl_status s = fl_model_load(f.model, path, true, NULL, NULL);
        assert_int_equal(s, t.dtype == FL_I64 ? FL_ERR_INPUT : FL_OK);
        if (s == FL_OK) assert_true(all[0] == 1.5f && all[1] == -2);
    }
    fl_free(all);
    fixture_close(&f);
}

/* ---- saving ---- */

static void round_trip(const char *yaml, fl_naming names, const char *has) {
    fixture f = fixture_open(yaml);
    float *all = fixture_place(f.model);
    size_t bytes = fl_model_count(f.model) * sizeof(float);
    for (size_t i = 0; i < bytes / sizeof(float); i++) all[i] = (float)i;
    float *copy = fl_alloc(bytes);
    memcpy(copy, all, bytes);
    const char *const meta[][2] = {{"epoch", "3"}};
    if (fl_model_save(f.model, path, names, 1, meta) != FL_OK) fail_msg("%s", fl_message());
    memset(all, 0, bytes);
    if (fl_model_load(f.model, path, true, NULL, NULL) != FL_OK) fail_msg("%s", fl_message());
    assert_memory_equal(all, copy, bytes);
    fl_weights *w;
    assert_int_equal(fl_weights_open(path, &w), FL_OK);
    assert_non_null(fl_weights_find(w, has));
    assert_string_equal(fl_weights_metadata(w, "epoch"), "3");
    fl_weights_close(w);
    fl_free(copy);
    fl_free(all);
    fixture_close(&f);
}

#define SMALL                                                                                      \
    "model: {base: mobilenet_v1, alpha: 0.125, include_top: false, layers: [flatten, dense: "      \
    "{units: 2}]}"
#define VGG "model: {base: vgg16, include_top: false, input: [32, 32, 3]}"

static void saved_files_load_again_in_every_naming(void **state) {
    (void)state;
    round_trip(SMALL, FL_NAMES_FROSTLINE, "blocks.12.dw_bn.running_var");
    round_trip(SMALL, FL_NAMES_KERAS, "conv_dw_13_bn.running_var");
    round_trip(SMALL, FL_NAMES_KERAS, "dense.weight");
    round_trip(TUNED, FL_NAMES_TORCHVISION, "layer2.0.downsample.0.weight");
    round_trip("model: {base: squeezenet1_0}", FL_NAMES_TORCHVISION, "features.3.squeeze.bias");
    round_trip(VGG, FL_NAMES_TORCHVISION, "features.28.weight");
}

static void a_naming_that_is_not_there_is_refused(void **state) {
    (void)state;
    fixture f = fixture_open(SMALL);
    assert_int_equal(fl_model_save(f.model, path, FL_NAMES_TORCHVISION, 0, NULL), FL_ERR_CONFIG);
    assert_non_null(strstr(fl_message(), "mobilenet_v1 has no torchvision names"));
    fixture_close(&f);
    f = fixture_open("model: {input: [3], layers: [dense: {units: 2}]}");
    assert_int_equal(fl_model_save(f.model, path, FL_NAMES_KERAS, 0, NULL), FL_ERR_CONFIG);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_that_the_file_lacks_keeps_its_values),
        cmocka_unit_test(head_that_the_file_has_is_filled),
        cmocka_unit_test(head_of_another_shape_is_an_error),
        cmocka_unit_test(reinit_leaves_layers_alone),
        cmocka_unit_test(unused_top_and_counters_are_passed_over),
        cmocka_unit_test(surplus_tensors_are_named),
        cmocka_unit_test(missing_tensors_are_named),
        cmocka_unit_test(all_problems_are_listed_up_to_a_limit),
        cmocka_unit_test(widths_that_differ_hint_at_alpha),
        cmocka_unit_test(without_a_base_the_whole_net_must_be_there),
        cmocka_unit_test(other_precisions_are_read),
        cmocka_unit_test(saved_files_load_again_in_every_naming),
        cmocka_unit_test(a_naming_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
