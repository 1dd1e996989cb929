/* data: arrays and CSV files: what they read, and how they refuse. */
#include "data_fixture.h"

/* ---- arrays ---- */

static char *array_file(const char *name, fl_tensor_info x, const fl_tensor_info *y) {
    fl_tensor_info t[2] = {x};
    if (y) t[1] = *y;
    char *path = scratch_path(name);
    if (fl_weights_write(path, y ? 2 : 1, t, 0, NULL) != FL_OK) fail_msg("%s", fl_message());
    return fl_format("format: arrays, train: %s", path);
}

static const double six[] = {1, 2, 3, 4, 5, 6};
static const fl_tensor_info wide_x = {
    .name = "x", .dtype = FL_F64, .n = 2, .d = {3, 2}, .data = six};

static void test_arrays_types(void **state) {
    (void)state;
    static const uint8_t ids[] = {2, 0, 1};
    fl_tensor_info y = {.name = "y", .dtype = FL_U8, .n = 2, .d = {3, 1}, .data = ids};
    char *yaml = array_file("a.safetensors", wide_x, &y);
    opened o = must_open(yaml, fl_shape1(2));
    float *x = all_rows(o.data->train, fl_shape1(2));
    for (int i = 0; i < 6; i++) assert_float_equal(x[i], six[i], 0);
    assert_int_equal(fl_dataset_classes(o.data->train), 3);
    fl_free(x);
    close_set(&o);
    fl_free(yaml);
}

static void test_arrays_vectors(void **state) {
    (void)state;
    static const float outputs[] = {.1f, .2f, .3f, .4f, .5f, .6f};
    fl_tensor_info y = {.name = "y", .dtype = FL_F32, .n = 2, .d = {3, 2}, .data = outputs};
    char *yaml = array_file("v.safetensors", wide_x, &y);
    opened o = must_open(yaml, fl_shape1(2));
    assert_int_equal(fl_dataset_target(o.data->train), FL_TARGET_VECTOR);
    assert_int_equal(fl_dataset_classes(o.data->train), 2);
    fl_loader *l = must_load(o.data->train, (fl_loader_conf){.batch_size = 3, .training = true});
    fl_loader_start(l, 0, 0);
    const fl_batch *b = fl_loader_next(l);
    assert_null(b->label);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(b->target + 2 * i, outputs + 2 * b->sample[i], 8);
    fl_loader_close(l);
    close_set(&o);
    fl_free(yaml);
}

static void test_arrays_without_y(void **state) {
    (void)state;
    char *yaml = array_file("n.safetensors", wide_x, NULL);
    opened o = must_open(yaml, fl_shape1(2));
    assert_int_equal(fl_dataset_target(o.data->train), FL_TARGET_NONE);
    close_set(&o);
    fl_free(yaml);
}

static void test_arrays_images(void **state) {
    (void)state;
    static const uint8_t pixels[2 * 2 * 3] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    fl_tensor_info t = {.name = "x", .dtype = FL_U8, .n = 3, .d = {2, 2, 3}, .data = pixels};
    char *yaml = array_file("u.safetensors", t, NULL),
         *raw = fl_format("%s, normalize: none", yaml);
    opened o = must_open(raw, fl_shape3(2, 3, 1));
    float *x = all_rows(o.data->train, fl_shape3(2, 3, 1));
    for (int i = 0; i < 12; i++) assert_float_equal(x[i], pixels[i], 0);
    fl_free(x);
    close_set(&o);
    fl_free(raw);
    fl_free(yaml);
}

static void test_arrays_npy(void **state) {
    (void)state;
    fl_tensor_info x = wide_x;
    x.name = "data";
    fl_free(array_file("x.npy", x, NULL));
    char *yaml = fl_format("format: arrays, train: {x: %s}", scratch_path("x.npy"));
    opened o = must_open(yaml, fl_shape1(2));
    assert_int_equal(fl_dataset_rows(o.data->train), 3);
    close_set(&o);
    fl_free(yaml);
}

static void refuse_arrays(fl_tensor_info x, fl_tensor_info y, fl_status status, const char *part) {
    x.name = "x";
    y.name = "y";
    char *yaml = array_file("bad.safetensors", x, &y);
    must_refuse(yaml, fl_shape1(2), status, part,
                status == FL_ERR_INPUT ? "bad.safetensors" : NULL);
    fl_free(yaml);
}

static void test_arrays_errors(void **state) {
    (void)state;
    static const int64_t ids[] = {0, 1, -1, 3};
    fl_tensor_info y = {.dtype = FL_I64, .n = 1, .d = {3}, .data = ids}, x = wide_x;
    refuse_arrays(x, y, FL_ERR_INPUT, "class -1");
    y.d[0] = 4;
    refuse_arrays(x, y, FL_ERR_INPUT, "4 rows");
    y = (fl_tensor_info){.dtype = FL_I64, .n = 2, .d = {2, 2}, .data = ids};
    refuse_arrays(x, y, FL_ERR_INPUT, "integer class ids");
    y = (fl_tensor_info){.dtype = FL_I64, .n = 1, .d = {2}, .data = ids};
    x.d[0] = 2, x.d[1] = 3;
    refuse_arrays(x, y, FL_ERR_CONFIG, "rows are (3), but the net's input is (2)");
    x = (fl_tensor_info){.dtype = FL_I64, .n = 2, .d = {2, 2}, .data = ids};
    refuse_arrays(x, y, FL_ERR_INPUT, "x is I64");
    x = (fl_tensor_info){.dtype = FL_U8, .n = 2, .d = {2, 2}, .data = ids};
    refuse_arrays(x, y, FL_ERR_INPUT, "(rows, h, w)");
    char *yaml = fl_format("format: arrays, train: %s", scratch_path("none.safetensors"));
    must_refuse(yaml, fl_shape1(2), FL_ERR_INPUT, "none.safetensors", NULL);
    fl_free(yaml);
}

/* ---- CSV ---- */

static char *csv(const char *text, const char *label) {
    return fl_format("format: csv, train: {file: %s, label: %s}",
                     scratch_file("t.csv", text, strlen(text)), label);
}

static void check_csv(const char *text, const char *label, const float *x, int64_t rows,
                      int features) {
    char *yaml = csv(text, label);
    opened o = must_open(yaml, fl_shape1(features));
    assert_int_equal(fl_dataset_rows(o.data->train), rows);
    float *have = all_rows(o.data->train, fl_shape1(features));
    for (int64_t i = 0; i < rows * features; i++) assert_float_equal(have[i], x[i], 0);
    fl_free(have);
    close_set(&o);
    fl_free(yaml);
}

static void test_csv(void **state) {
    (void)state;
    static const float x[] = {1.5f, -2.0f, 3.0f, 4e3f};
    check_csv("a,b,y\n1.5,-2,0\n3,4e3,2\n", "y", x, 2, 2);
    check_csv("a,b,y\r\n1.5,-2,0\r\n3,4e3,2", "2", x, 2, 2);
    check_csv("\xef\xbb\xbf\"a\",y,\"b, \"\"c\"\"\"\n\"1.5\",0,-2\n\n3 ,2, 4e3\n\n", "y", x, 2, 2);
    check_csv("y,a,b\n0,1.5,-2\n2,3,4e3\n", "0", x, 2, 2);
}

static void test_csv_numbers(void **state) {
    (void)state;
    char *yaml = csv("a,y\n1,0.5\n2,-7\n", "y, label_type: number");
    opened o = must_open(yaml, fl_shape1(1));
    assert_int_equal(fl_dataset_target(o.data->train), FL_TARGET_VECTOR);
    fl_loader *l = must_load(o.data->train, (fl_loader_conf){.batch_size = 2});
    fl_loader_start(l, 0, 0);
    const fl_batch *b = fl_loader_next(l);
    assert_float_equal(b->target[0], 0.5, 0);
    assert_float_equal(b->target[1], -7, 0);
    fl_loader_close(l);
    close_set(&o);
    fl_free(yaml);
}

static void refuse_csv(const char *text, const char *label, fl_status status, const char *a,
                       const char *b) {
    char *yaml = csv(text, label);
    must_refuse(yaml, fl_shape1(2), status, a, b);
    fl_free(yaml);
}

static void test_csv_errors(void **state) {
    (void)state;
    refuse_csv("a,b,y\n1,2,0\n\n1,x,0\n", "y", FL_ERR_INPUT, "t.csv:4:", "column 'b': 'x'");
    refuse_csv("a,b,y\n1,,0\n", "y", FL_ERR_INPUT, "t.csv:2:", "column 'b'");
    refuse_csv("a,b,y\n1,nan,0\n", "y", FL_ERR_INPUT, "t.csv:2:", "column 'b'");
    refuse_csv("a,b,y\n1,2\n", "y", FL_ERR_INPUT, "t.csv:2:", "2 fields");
    refuse_csv("a,b,y\n1,2,3,4\n", "y", FL_ERR_INPUT, "t.csv:2:", "4 fields");
    refuse_csv("a,b,y\n1,\"2,0\n", "y", FL_ERR_INPUT, "t.csv:2:", "quote");
    refuse_csv("a,b,y\n1,\"2\"3,0\n", "y", FL_ERR_INPUT, "t.csv:2:", "comma");
    refuse_csv("a,b,y\n1,2,0.5\n", "y", FL_ERR_INPUT, "0.5", "label_type: number");
    refuse_csv("a,b,y\n1,2,-1\n", "y", FL_ERR_INPUT, "class -1", NULL);
    refuse_csv("a,b,y\n", "y", FL_ERR_INPUT, "no rows", "t.csv");
    refuse_csv("", "y", FL_ERR_INPUT, "t.csv", NULL);
    refuse_csv("a,b,target\n1,2,0\n", "traget", FL_ERR_CONFIG, "my.yaml:1:", "'target'");
    refuse_csv("a,y,y\n1,2,0\n", "y", FL_ERR_CONFIG, "my.yaml:1:", "2 columns 'y'");
    refuse_csv("a,b,y\n1,2,0\n", "3", FL_ERR_CONFIG, "my.yaml:1:", "'3'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays_types),
        cmocka_unit_test(test_arrays_vectors),
        cmocka_unit_test(test_arrays_without_y),
        cmocka_unit_test(test_arrays_images),
        cmocka_unit_test(test_arrays_npy),
        cmocka_unit_test(test_arrays_errors),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_numbers),
        cmocka_unit_test(test_csv_errors),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
