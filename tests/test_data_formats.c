/* data: every format of the registry on an example of its own; what each reads. */
#include <math.h>

#include "data_fixture.h"

enum { ROWS = 20 };

/* ---- the whole registry ---- */

/* A set of 20 rows in this format, with image or vector input as it likes. Caller frees; NULL: no
 * example yet. */
static char *example_of(const char *format, fl_shape *input) {
    *input = fl_shape3(6, 6, 3);
    if (strcmp(format, "image_folder") == 0)
        return fl_format("train: %s", write_folder("all", "abcd", 5));
    if (strcmp(format, "cifar10") == 0)
        return fl_format("train: [%s, %s]", write_cifar("c1", 12), write_cifar("c2", 8));
    if (strcmp(format, "idx") == 0)
        return fl_format("train: {images: %s, labels: %s}", write_idx_images("i", ROWS, 5, 4),
                         write_idx_labels("l", ROWS, 10));
    if (strcmp(format, "synthetic") == 0) return fl_strdup("train: {rows: 20, classes: 3}");
    *input = fl_shape1(2);
    if (strcmp(format, "arrays") == 0)
        return fl_format("train: %s", write_arrays("a.safetensors", ROWS));
    if (strcmp(format, "csv") != 0) return NULL;
    fl_text t = {0};
    fl_text_add(&t, "u,label,v\n");
    for (int i = 0; i < ROWS; i++) fl_text_add(&t, "%d,%d,%g\n", i, i % 4, 0.5 * i);
    char *yaml = fl_format("train: {file: %s, label: label}", scratch_file("t.csv", t.s, t.len));
    fl_free(t.s);
    return yaml;
}

static void check_rows(const fl_dataset *d, fl_shape input) {
    size_t n = fl_shape_size(input);
    float *x = all_rows(d, input), *again = all_rows(d, input);
    assert_memory_equal(x, again, ROWS * n * sizeof *x);
    bool differ = false;
    for (size_t i = 0; i < ROWS * n; i++) {
        assert_true(isfinite(x[i]));
        differ |= x[i] != x[i % n];
    }
    assert_true(differ);
    fl_free(x);
    fl_free(again);
}

/* All at once, shuffled: each sample once, labels among the classes. */
static void check_shuffled(const fl_dataset *d) {
    int seen[ROWS] = {0};
    fl_loader *l =
        must_load(d, (fl_loader_conf){.batch_size = 64, .training = true, .prefetch = 1});
    fl_loader_start(l, 1, 0);
    const fl_batch *b = fl_loader_next(l);
    assert_int_equal(b->rows, ROWS);
    for (int i = 0; i < ROWS; i++) {
        seen[b->sample[i]]++;
        assert_in_range(b->label[i], 0, fl_dataset_classes(d) - 1);
    }
    for (int i = 0; i < ROWS; i++) assert_int_equal(seen[i], 1);
    fl_loader_close(l);
}

static void check_format(const char *format) {
    fl_shape input;
    char *set = example_of(format, &input);
    if (!set) fail_msg("the format '%s' needs an example in example_of", format);
    char *yaml = fl_format("format: %s, %s", format, set);
    opened o = must_open(yaml, input), again = must_open(yaml, input);
    assert_int_equal(fl_dataset_rows(o.data->train), ROWS);
    assert_int_equal(fl_dataset_target(o.data->train), FL_TARGET_CLASS);
    assert_int_equal(fl_dataset_hash(o.data->train), fl_dataset_hash(again.data->train));
    assert_true(fl_data_bytes(o.data) > 0);
    assert_null(o.data->validation);
    check_rows(o.data->train, input);
    check_shuffled(o.data->train);
    close_set(&o);
    close_set(&again);
    fl_free(yaml);
    yaml = fl_format("format: %s, train: %s", format, "{surplus: 1}");
    must_refuse(yaml, input, FL_ERR_CONFIG, "my.yaml:1:", NULL);
    fl_free(yaml);
    fl_free(set);
}

static void test_registry(void **state) {
    (void)state;
    for (const char *const *f = fl_datasets_all(); *f; f++) check_format(*f);
}

/* ---- each format ---- */

static void test_folder(void **state) {
    (void)state;
    char *root = write_folder("f", "bac", 3),
         *yaml = fl_format("format: image_folder, normalize: none, train: %s, "
                           "validation: %s",
                           root, write_folder("v", "cb", 1));
    scratch_file("f/a/notes.txt", "x", 1);
    scratch_file("f/README.md", "x", 1);
    scratch_file("f/.DS_Store", "x", 1);
    assert_int_equal(fl_make_dirs(scratch_path("f/a/deeper")), FL_OK);
    assert_int_equal(fl_make_dirs(scratch_path("f/.checkpoints")), FL_OK);
    opened o = must_open(yaml, fl_shape3(6, 8, 3));
    const fl_dataset *t = o.data->train, *v = o.data->validation;
    assert_int_equal(fl_dataset_rows(t), 9);
    assert_int_equal(fl_dataset_classes(t), 3);
    assert_int_equal(fl_dataset_classes(v), 3);
    static const char *const names[] = {"a", "b", "c"};
    for (int c = 0; c < 3; c++) assert_string_equal(fl_dataset_class_name(t, c), names[c]);
    float *x = all_rows(t, fl_shape3(6, 8, 3));
    for (int i = 0; i < 9; i++) {
        assert_float_equal(x[i * 144], (float)('a' + i / 3), 0);
        assert_float_equal(x[i * 144 + 1], (float)(i % 3), 0);
    }
    fl_free(x);
    fl_loader *l = must_load(v, (fl_loader_conf){.batch_size = 2});
    fl_loader_start(l, 0, 0);
    const fl_batch *b = fl_loader_next(l);
    assert_int_equal(b->label[0], 1); /* b and c, by the ids of the training set */
    assert_int_equal(b->label[1], 2);
    fl_loader_close(l);
    close_set(&o);
    o = open_set(yaml, fl_shape3(6, 8, 3), FL_DATA_VALIDATION); /* also without the training set */
    assert_int_equal(fl_dataset_classes(o.data->validation), 3);
    assert_null(o.data->train);
    close_set(&o);
    fl_free(yaml);
}

static void test_folder_errors(void **state) {
    (void)state;
    fl_shape input = fl_shape3(6, 8, 3);
    char *root = write_folder("g", "ab", 1);
    char *yaml = fl_format("format: image_folder, train: %s, validation: %s", root,
                           write_folder("w", "axb", 1));
    must_refuse(yaml, input, FL_ERR_INPUT, "'x'", "/w");
    assert_int_equal(fl_make_dirs(scratch_path("g/empty")), FL_OK);
    must_refuse(yaml, input, FL_ERR_INPUT, "g/empty", "no .jpg");
    fl_free(yaml);
    yaml = fl_format("format: image_folder, train: %s", scratch_path("g/empty"));
    must_refuse(yaml, input, FL_ERR_INPUT, "g/empty", "class folders");
    fl_free(yaml);
    must_refuse("format: image_folder, train: /no/such", input, FL_ERR_INPUT, "/no/such",
                "No such file");
    must_refuse("format: image_folder, train: [a]", input, FL_ERR_CONFIG,
                "my.yaml:1:", "class folders");
}

static void test_cifar(void **state) {
    (void)state;
    char *gz = write_gz("c.gz", write_cifar("c", 12));
    char *yaml = fl_format("format: cifar10, normalize: none, train: %s", gz);
    opened o = must_open(yaml, fl_shape3(32, 32, 3));
    assert_int_equal(fl_dataset_rows(o.data->train), 12);
    assert_string_equal(fl_dataset_class_name(o.data->train, 9), "truck");
    float *x = all_rows(o.data->train, fl_shape3(32, 32, 3));
    for (int i = 0; i < 12; i++) {
        const float *row = x + i * 3072;
        assert_float_equal(row[0], 99, 0);
        for (int k = 1; k < 3072; k++) assert_float_equal(row[k], (float)(i + k % 3), 0);
    }
    fl_free(x);
    close_set(&o);
    fl_free(yaml);
    char bad[3073] = {10};
    yaml = fl_format("format: cifar10, train: %s", scratch_file("bad", bad, sizeof bad));
    must_refuse(yaml, fl_shape3(32, 32, 3), FL_ERR_INPUT, "bad", "class 10");
    fl_free(yaml);
}

static void test_idx(void **state) {
    (void)state;
    char *images = write_idx_images("i", 5, 4, 3),
         *labels = write_gz("l.gz", write_idx_labels("l", 5, 3));
    char *yaml =
        fl_format("format: idx, normalize: none, train: {images: %s, labels: %s}", images, labels);
    opened o = must_open(yaml, fl_shape3(4, 3, 1));
    float *x = all_rows(o.data->train, fl_shape3(4, 3, 1));
    for (int i = 0; i < 60; i++) assert_float_equal(x[i], (float)(i / 12 + i % 12), 0);
    fl_free(x);
    close_set(&o);
    o = must_open(yaml, fl_shape1(36)); /* a vector: 4 × 3, repeated for 3 channels */
    x = all_rows(o.data->train, fl_shape1(36));
    for (int i = 0; i < 180; i++) assert_float_equal(x[i], (float)(i / 36 + i % 36 / 3), 0);
    fl_free(x);
    close_set(&o);
    fl_free(yaml);
    yaml = fl_format("format: idx, train: {images: %s, labels: %s}", images,
                     write_idx_labels("l4", 4, 3));
    must_refuse(yaml, fl_shape3(4, 3, 1), FL_ERR_INPUT, "4 labels", "5 images");
    scratch_file("l4", "\0\0\x08\x01\0\0\0\x01\0surplus", 16);
    must_refuse(yaml, fl_shape3(4, 3, 1), FL_ERR_INPUT, "l4", "16 bytes");
    fl_free(yaml);
}

static void check_synthetic(const fl_dataset *d, int classes) {
    enum { N = 6 * 6 * 3 };
    float *x = all_rows(d, fl_shape3(6, 6, 3)), mean[4][N] = {{0}};
    int64_t rows = fl_dataset_rows(d), right = 0;
    assert_int_equal(fl_dataset_classes(d), classes);
    for (int64_t i = 0; i < rows; i++)
        for (int k = 0; k < N; k++)
            mean[i % classes][k] += x[i * N + k] * (float)classes / (float)rows;
    for (int64_t i = 0; i < rows; i++) { /* the nearest mean is that of the class */
        double best = INFINITY;
        int nearest = -1;
        for (int c = 0; c < classes; c++) {
            double far = 0;
            for (int k = 0; k < N; k++) far += pow(x[i * N + k] - mean[c][k], 2);
            if (far < best) best = far, nearest = c;
        }
        right += nearest == i % classes;
    }
    assert_int_equal(right, rows);
    fl_free(x);
}

static void test_synthetic(void **state) {
    (void)state;
    fl_shape input = fl_shape3(6, 6, 3);
    opened o = must_open("format: synthetic, train: {rows: 80, classes: 4}, validation: {rows: 80}",
                         input);
    check_synthetic(o.data->train, 4);
    check_synthetic(o.data->validation, 4);
    float *t = all_rows(o.data->train, input), *v = all_rows(o.data->validation, input);
    assert_memory_not_equal(t, v, 80 * sizeof *t);
    fl_free(t);
    fl_free(v);
    close_set(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),      cmocka_unit_test(test_folder),
        cmocka_unit_test(test_folder_errors), cmocka_unit_test(test_cifar),
        cmocka_unit_test(test_idx),           cmocka_unit_test(test_synthetic),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
