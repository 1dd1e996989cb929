/* data: what a config chooses: classes, split, limit, sizes; and what it may not say. */
#include "data_fixture.h"

enum { ROWS = 40 };

static char *idx_set(const char *options) {
    char *images = write_idx_images("i", ROWS, 3, 2), *labels = write_idx_labels("l", ROWS, 5);
    return fl_format("format: idx, normalize: none, train: {images: %s, labels: %s}%s", images,
                     labels, options);
}

static const fl_shape input = {3, {3, 2, 1}};

/* How often each row of the file is in the set, and that its label is `id[old label]`. */
static void count_rows(const fl_dataset *d, const int *id, int *seen) {
    fl_loader *l = must_load(d, (fl_loader_conf){.batch_size = 7});
    fl_loader_start(l, 0, 0);
    for (const fl_batch *b; (b = fl_loader_next(l));)
        for (int i = 0; i < b->rows; i++) {
            int row = (int)b->x[6 * i]; /* the first pixel tells */
            assert_in_range(row, 0, ROWS - 1);
            assert_int_equal(b->label[i], id[row % 5]);
            seen[row]++;
        }
    fl_loader_close(l);
}

static const int same_id[] = {0, 1, 2, 3, 4};

static void test_classes(void **state) {
    (void)state;
    static const int id[] = {-1, 1, -1, -1, 0};
    int seen[ROWS] = {0}, seen_v[ROWS] = {0};
    char *yaml = idx_set(", classes: [4, 1], class_names: [a, b, c, d, e]");
    char *both = fl_format("%s, validation: {images: %s, labels: %s}", yaml, scratch_path("i"),
                           scratch_path("l"));
    opened o = must_open(both, input);
    assert_int_equal(fl_dataset_classes(o.data->train), 2);
    assert_string_equal(fl_dataset_class_name(o.data->train, 0), "e");
    assert_string_equal(fl_dataset_class_name(o.data->train, 1), "b");
    assert_null(fl_dataset_class_name(o.data->train, 2));
    count_rows(o.data->train, id, seen);
    count_rows(o.data->validation, id, seen_v);
    for (int i = 0; i < ROWS; i++) assert_int_equal(seen[i], id[i % 5] >= 0);
    assert_memory_equal(seen, seen_v, sizeof seen);
    close_set(&o);
    fl_free(both);
    fl_free(yaml);
}

static void test_split(void **state) {
    (void)state;
    int seen[ROWS] = {0}, part[ROWS] = {0}, again[ROWS] = {0};
    char *yaml = idx_set(", validation: {split: 0.29}");
    opened o = must_open(yaml, input);
    assert_int_equal(fl_dataset_rows(o.data->validation), 11); /* floor(0.29 · 40) */
    assert_int_equal(fl_dataset_rows(o.data->train), 29);
    count_rows(o.data->validation, same_id, part);
    memcpy(seen, part, sizeof seen);
    count_rows(o.data->train, same_id, seen);
    for (int i = 0; i < ROWS; i++) assert_int_equal(seen[i], 1);
    int in_order = 0;
    for (int i = ROWS - 11; i < ROWS; i++) in_order += part[i];
    assert_true(in_order < 11); /* drawn, not the end of the file */
    close_set(&o);
    o = open_set(yaml, input, FL_DATA_VALIDATION);
    assert_null(o.data->train);
    count_rows(o.data->validation, same_id, again);
    assert_memory_equal(part, again, sizeof part);
    close_set(&o);
    fl_free(yaml);
}

/* A limit leaves the validation part alone, and mixes the classes. */
static void test_limit(void **state) {
    (void)state;
    int all[ROWS] = {0}, limited[ROWS] = {0}, both[ROWS] = {0}, per_class[5] = {0};
    char *yaml = idx_set(", validation: {split: 0.25}"),
         *short_yaml = idx_set(", validation: {split: 0.25}, limit: 15");
    opened a = must_open(yaml, input), b = must_open(short_yaml, input);
    assert_int_equal(fl_dataset_rows(b.data->train), 15);
    count_rows(a.data->validation, same_id, all);
    count_rows(b.data->validation, same_id, limited);
    assert_memory_equal(all, limited, sizeof all);
    count_rows(b.data->train, same_id, both);
    for (int i = 0; i < ROWS; i++) {
        assert_true(both[i] + limited[i] <= 1);
        per_class[i % 5] += both[i];
    }
    for (int c = 0; c < 5; c++) assert_true(per_class[c] > 0);
    close_set(&a);
    close_set(&b);
    fl_free(yaml);
    fl_free(short_yaml);
    yaml = idx_set(", limit: 400"); /* more than there are: a note */
    a = must_open(yaml, input);
    assert_int_equal(fl_dataset_rows(a.data->train), ROWS);
    close_set(&a);
    fl_free(yaml);
}

static uint64_t hash_of(const char *options) {
    char *yaml = idx_set(options);
    opened o = must_open(yaml, input);
    uint64_t hash = fl_dataset_hash(o.data->train);
    close_set(&o);
    fl_free(yaml);
    return hash;
}

static void test_hash(void **state) {
    (void)state;
    static const char *const options[] = {
        "",
        ", limit: 5",
        ", limit: 6",
        ", classes: [0, 1]",
        ", classes: [1, 0]",
        ", resize: crop",
        ", augment: {horizontal_flip: true}",
        ", validation: {split: 0.1}",
    };
    uint64_t hash[FL_COUNT(options)];
    for (size_t i = 0; i < FL_COUNT(options); i++) {
        hash[i] = hash_of(options[i]);
        assert_int_equal(hash[i], hash_of(options[i]));
        for (size_t k = 0; k < i; k++) assert_int_not_equal(hash[i], hash[k]);
    }
}

/* The bytes of a file count, and the labels, wherever the file lies. */
static void test_hash_of_files(void **state) {
    (void)state;
    char *yaml = idx_set(""), *copy, *data;
    size_t len;
    uint64_t hash = hash_of("");
    assert_int_equal(fl_make_dirs(scratch_path("elsewhere")), FL_OK);
    assert_int_equal(fl_file_read(scratch_path("i"), &data, &len), FL_OK);
    copy = fl_format("format: idx, normalize: none, train: {images: %s, labels: %s}",
                     scratch_file("elsewhere/i", data, len), scratch_path("l"));
    for (int i = 0; i < 2; i++) {
        opened o = must_open(copy, input);
        assert_int_equal(fl_dataset_hash(o.data->train) == hash, i == 0);
        close_set(&o);
        data[len - 1] ^= 1;
        scratch_file("elsewhere/i", data, len);
    }
    fl_free(data);
    fl_free(copy);
    fl_free(yaml);
}

static void test_image_equals_row(void **state) {
    (void)state;
    char *root = write_folder("same", "a", 2);
    char *yaml = fl_format("format: image_folder, normalize: imagenet, train: %s, "
                           "augment: {horizontal_flip: true, random_resized_crop: {}}",
                           root);
    fl_shape shape = fl_shape3(5, 7, 3);
    opened o = must_open(yaml, shape);
    float *rows = all_rows(o.data->train, shape), x[105];
    assert_int_equal(
        fl_data_read_image(&o.conf, section_of(&o), shape, scratch_path("same/a/1.PNG"), x), FL_OK);
    assert_memory_equal(x, rows + 105, sizeof x);
    assert_int_equal(
        fl_data_read_image(&o.conf, section_of(&o), shape, scratch_path("same/a/2.png"), x),
        FL_ERR_INPUT);
    fl_free(rows);
    close_set(&o);
    fl_free(yaml);
}

/* Fashion-MNIST into a small dense net: images resized, then flattened. */
static void test_vector_of_image(void **state) {
    (void)state;
    char *yaml = idx_set(", image_size: [2, 2]");
    opened o = must_open(yaml, fl_shape1(4)), image = {0};
    fl_free(yaml);
    yaml = idx_set("");
    image = must_open(yaml, fl_shape3(2, 2, 1));
    float *flat = all_rows(o.data->train, fl_shape1(4)),
          *square = all_rows(image.data->train, fl_shape3(2, 2, 1));
    assert_memory_equal(flat, square, ROWS * 4 * sizeof *flat);
    fl_free(flat);
    fl_free(square);
    close_set(&o);
    close_set(&image);
    fl_free(yaml);
}

/* ---- refusals ---- */

static void refuse(const char *options, fl_shape shape, fl_status status, const char *part) {
    char *yaml = idx_set(options);
    must_refuse(yaml, shape, status, part, status == FL_ERR_CONFIG ? "my.yaml:1:" : NULL);
    fl_free(yaml);
}

static void test_refused_choices(void **state) {
    (void)state;
    refuse(", classes: [0, 5]", input, FL_ERR_CONFIG, "no class 5");
    refuse(", classes: [0, 1, 0]", input, FL_ERR_CONFIG, "class 0 is listed twice");
    refuse(", class_names: [a, b]", input, FL_ERR_CONFIG, "2 names");
    refuse(", class_names: [a, b, c, d, e, f], classes: [5]", input, FL_ERR_INPUT, "no rows");
    refuse(", validation: {split: 0}", input, FL_ERR_CONFIG, "between 0 and 1");
    refuse(", validation: {split: 1}", input, FL_ERR_CONFIG, "between 0 and 1");
    refuse(", validation: {split: 0.01}", input, FL_ERR_CONFIG, "without rows");
    refuse(", validation: {split: 0.1, images: x}", input, FL_ERR_CONFIG, "unknown key 'images'");
    must_refuse("format: idx, validation: {split: 0.1}", input, FL_ERR_CONFIG, "'train'",
                "my.yaml:1:");
    char *more = fl_format(", validation: {images: %s, labels: %s}",
                           write_idx_images("vi", 9, 3, 2), write_idx_labels("vl", 9, 7));
    refuse(more, input, FL_ERR_INPUT, "row 5 is of class 5");
    fl_free(more);
}

static void test_refused_preparation(void **state) {
    (void)state;
    refuse(", image_size: [3, 3]", input, FL_ERR_CONFIG, "[3, 2]");
    refuse(", image_size: [2, 2]", fl_shape1(5), FL_ERR_CONFIG, "5 values");
    refuse("", fl_shape1(12), FL_ERR_CONFIG, "2 channels");
    refuse(", augment: {flip: true}", input, FL_ERR_CONFIG, "unknown key 'flip'");
    refuse(", augment: {random_resized_crop: {scale: [0.9, 0.1]}}", input, FL_ERR_CONFIG,
           "'scale'");
    char *arrays = write_arrays("a.safetensors", 4);
    char *yaml = fl_format("format: arrays, train: %s, augment: {horizontal_flip: true}", arrays);
    must_refuse(yaml, fl_shape1(2), FL_ERR_CONFIG, "vectors", "my.yaml:1:");
    fl_free(yaml);
    must_refuse("format: synthetic, train: {rows: 4}, augment: {random_resized_crop: {}}", input,
                FL_ERR_CONFIG, "random_resized_crop", "8-bit");
    must_refuse("format: image_folder, train: x", fl_shape1(12), FL_ERR_INPUT, "'x'", NULL);
    char *folder = fl_format("format: image_folder, train: %s", write_folder("vec", "a", 1));
    must_refuse(folder, fl_shape1(12), FL_ERR_CONFIG, "'image_size' is needed", NULL);
    must_refuse(folder, fl_shape3(4, 4, 2), FL_ERR_CONFIG, "2 channels", NULL);
    fl_free(folder);
}

static void refuse_norm(const char *normalize, fl_shape shape, const char *part) {
    char *yaml = fl_format("format: synthetic, train: {rows: 4}, normalize: %s", normalize);
    must_refuse(yaml, shape, FL_ERR_CONFIG, part, "my.yaml:1:");
    fl_free(yaml);
}

static void test_refused_norms(void **state) {
    (void)state;
    refuse_norm("imagenet", input, "3 channels");
    refuse_norm("imagnet", input, "did you mean 'imagenet'");
    refuse_norm("[1]", input, "expected scale");
    refuse_norm("{mean: [1, 2], std: [1]}", fl_shape3(3, 2, 3), "one value or 3");
    refuse_norm("{mean: [1], std: [0]}", input, "std");
    refuse_norm("{mean: [1]}", input, "missing key 'std'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_hash_of_files),
        cmocka_unit_test(test_image_equals_row),
        cmocka_unit_test(test_vector_of_image),
        cmocka_unit_test(test_refused_choices),
        cmocka_unit_test(test_refused_preparation),
        cmocka_unit_test(test_refused_norms),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
