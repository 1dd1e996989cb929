/* data: from an image to floats: channels, normalisation, the crop of an evaluation, augmentation.
 */
#include <math.h>

#include "data/prepare.h"
#include "data_fixture.h"

/* ---- preparation of a row ---- */

static float *read_as(const char *options, fl_shape input, const char *path) {
    opened o = {0};
    float *x = fl_alloc(fl_shape_size(input) * sizeof *x);
    char *yaml = fl_format("data: {format: image_folder, %s}", options);
    assert_int_equal(fl_config_parse("my.yaml", yaml, 0, NULL, &o.config), FL_OK);
    assert_int_equal(fl_fields_parse(section_of(&o), "data", fl_data_fields, NULL, &o.conf), FL_OK);
    if (fl_data_read_image(&o.conf, section_of(&o), input, path, x) != FL_OK)
        fail_msg("%s", fl_message());
    close_set(&o);
    fl_free(yaml);
    return x;
}

static void check_norm(const char *options, float (*f)(int v, int c)) {
    uint8_t *rgb = pattern(5, 4, 3);
    float *x = read_as(options, fl_shape3(4, 5, 3),
                       write_png("n", 5, 4, 8, PNG_COLOR_TYPE_RGB, false, rgb));
    for (int i = 0; i < 60; i++) assert_float_equal(x[i], f(rgb[i], i % 3), 1e-6);
    fl_free(x);
    fl_free(rgb);
}

static float scaled(int v, int c) {
    (void)c;
    return (float)v / 255.0f;
}

static float raw(int v, int c) {
    (void)c;
    return (float)v;
}

static float imagenet(int v, int c) {
    static const float mean[] = {0.485f, 0.456f, 0.406f}, std[] = {0.229f, 0.224f, 0.225f};
    return ((float)v / 255.0f - mean[c]) / std[c];
}

static float own(int v, int c) {
    static const float mean[] = {0.1f, 0.2f, 0.3f};
    return ((float)v / 255.0f - mean[c]) / 0.5f;
}

static void test_normalize(void **state) {
    (void)state;
    check_norm("limit: 5", scaled);
    check_norm("normalize: scale", scaled);
    check_norm("normalize: none", raw);
    check_norm("normalize: imagenet", imagenet);
    check_norm("normalize: {mean: [0.1, 0.2, 0.3], std: [0.5]}", own);
}

static void test_grey_and_color(void **state) {
    (void)state;
    uint8_t *grey = pattern(5, 4, 1), *rgb = pattern(5, 4, 3), luma[20];
    float *x = read_as("normalize: none", fl_shape3(4, 5, 3),
                       write_png("g", 5, 4, 8, PNG_COLOR_TYPE_GRAY, false, grey));
    for (int i = 0; i < 60; i++) assert_float_equal(x[i], grey[i / 3], 0);
    fl_free(x);
    x = read_as("normalize: none", fl_shape3(4, 5, 1),
                write_png("c", 5, 4, 8, PNG_COLOR_TYPE_RGB, false, rgb));
    fl_image_convert(&(fl_view){rgb, 4, 5, 3, 15}, 1, luma);
    for (int i = 0; i < 20; i++) assert_float_equal(x[i], luma[i], 0);
    fl_free(x);
    x = read_as("normalize: none, image_size: [4, 5]", fl_shape1(60), scratch_path("c"));
    for (int i = 0; i < 60; i++) assert_float_equal(x[i], rgb[i], 0); /* (h, w, c) flattened */
    fl_free(x);
    fl_free(grey);
    fl_free(rgb);
}

/* crop: 30 × 20 with its shorter side to 8 · 256/224 = 9, then the middle 8 × 8 of 14 × 9. */
static void test_resize_crop(void **state) {
    (void)state;
    uint8_t *grey = pattern(30, 20, 1), want[64];
    float *x = read_as("normalize: none, resize: crop", fl_shape3(8, 8, 1),
                       write_png("g", 30, 20, 8, PNG_COLOR_TYPE_GRAY, false, grey));
    resized(&(fl_view){grey, 20, 30, 1, 30}, (fl_window){9, 13, 0, 2, 8, 8}, want);
    for (int i = 0; i < 64; i++) assert_float_equal(x[i], want[i], 0);
    fl_free(x);
    fl_free(grey);
}

/* ---- augmentation ---- */

static void test_augment_flip(void **state) {
    (void)state;
    int flips = 0, same = 0;
    fl_rng r = {.seed = 3, .stream = FL_STREAM_AUGMENT};
    for (r.sample = 0; r.sample < 1000; r.sample++) {
        bool first = fl_augment_flip(&r);
        assert_int_equal(first, fl_augment_flip(&r));
        flips += first;
        r.epoch = 1;
        same += first == fl_augment_flip(&r);
        r.epoch = 0;
    }
    assert_in_range(flips, 430, 570);
    assert_in_range(same, 430, 570); /* another epoch draws anew */
}

static void test_augment_box(void **state) {
    (void)state;
    fl_augment a = {.resized_crop = true, .scale = {0.2, 0.7}, .ratio = {0.5, 2.0}};
    fl_rng r = {.seed = 3, .stream = FL_STREAM_AUGMENT};
    int tops[101] = {0}, distinct = 0;
    for (r.sample = 0; r.sample < 1000; r.sample++) {
        fl_box b = fl_augment_box(&a, &r, 100, 140), again = fl_augment_box(&a, &r, 100, 140);
        assert_memory_equal(&b, &again, sizeof b);
        assert_true(b.top >= 0 && b.left >= 0 && b.top + b.h <= 100 && b.left + b.w <= 140);
        double area = b.h * b.w / 14000.0, ratio = (double)b.w / b.h;
        assert_true(area > 0.19 && area < 0.72);
        assert_true(ratio > 0.48 && ratio < 2.08);
        distinct += tops[b.top]++ == 0;
    }
    assert_true(distinct > 40);
}

/* Where no box fits, the middle is taken. */
static void test_augment_box_middle(void **state) {
    (void)state;
    fl_augment a = {.resized_crop = true, .scale = {0.99, 1.0}, .ratio = {0.5, 2.0}};
    fl_rng r = {.seed = 3, .stream = FL_STREAM_AUGMENT};
    fl_box wide = fl_augment_box(&a, &r, 10, 100), tall = fl_augment_box(&a, &r, 100, 10);
    assert_int_equal(wide.h, 10);
    assert_int_equal(wide.w, 20);
    assert_int_equal(wide.left, 40);
    assert_int_equal(tall.h, 20);
    assert_int_equal(tall.w, 10);
    assert_int_equal(tall.top, 40);
}

enum { SIDE = 6, AREA = SIDE * SIDE };

/* What row `sample` becomes in an epoch: the image of a grey idx file of one row, augmented. */
static void augmented(const fl_dataset *d, int64_t epoch, float *x) {
    fl_loader *l = must_load(d, (fl_loader_conf){.batch_size = 1, .training = true, .seed = 5});
    fl_loader_start(l, epoch, 0);
    memcpy(x, fl_loader_next(l)->x, AREA * sizeof *x);
    fl_loader_close(l);
}

/* Whether x is image `from`, shifted by (dy, dx) with black around it, and then perhaps mirrored.
 */
static bool is_shifted(const float *from, const float *x, int dy, int dx, bool flip) {
    for (int i = 0; i < AREA; i++) {
        int y = i / SIDE + dy, column = (flip ? SIDE - 1 - i % SIDE : i % SIDE) + dx;
        bool inside = y >= 0 && y < SIDE && column >= 0 && column < SIDE;
        if (x[i] != (inside ? from[y * SIDE + column] : 0.0f)) return false;
    }
    return true;
}

static void check_shifts(const char *yaml) {
    opened o = must_open(yaml, fl_shape3(SIDE, SIDE, 1));
    float *plain = all_rows(o.data->train, fl_shape3(SIDE, SIDE, 1)), x[AREA];
    bool seen[5][5][2] = {0};
    int kinds = 0;
    for (int64_t e = 0; e < 300; e++) {
        int hits = 0;
        augmented(o.data->train, e, x);
        for (int k = 0; k < 50; k++) {
            int dy = k / 10 - 2, dx = k / 2 % 5 - 2;
            if (!is_shifted(plain, x, dy, dx, k % 2)) continue;
            hits++;
            kinds += !seen[dy + 2][dx + 2][k % 2];
            seen[dy + 2][dx + 2][k % 2] = true;
        }
        assert_int_equal(hits, 1);
    }
    assert_int_equal(kinds, 50); /* all shifts and both sides occur */
    fl_free(plain);
    close_set(&o);
}

static void test_crop_and_flip(void **state) {
    (void)state;
    static const char augment[] = "augment: {horizontal_flip: true, random_crop: {padding: 2}}";
    float x[AREA];
    int64_t y = 0;
    for (int i = 0; i < AREA; i++) x[i] = 1.0f + (float)i;
    char *images = write_idx_images("i", 1, SIDE, SIDE), *labels = write_idx_labels("l", 1, 1);
    char *yaml = fl_format("format: idx, train: {images: %s, labels: %s}, normalize: none, %s",
                           images, labels, augment);
    check_shifts(yaml);
    fl_free(yaml);
    fl_tensor_info t[] = {
        {.name = "x", .dtype = FL_F32, .n = 4, .d = {1, SIDE, SIDE, 1}, .data = x},
        {.name = "y", .dtype = FL_I64, .n = 1, .d = {1}, .data = &y}};
    assert_int_equal(fl_weights_write(scratch_path("f.safetensors"), 2, t, 0, NULL), FL_OK);
    yaml = fl_format("format: arrays, train: %s, %s", scratch_path("f.safetensors"), augment);
    check_shifts(yaml);
    fl_free(yaml);
}

/* The prepared row is the box, resized. */
static void test_resized_crop(void **state) {
    (void)state;
    fl_augment a = {.resized_crop = true, .scale = {0.3, 0.9}, .ratio = {0.75, 1.5}};
    uint8_t *grey = pattern(30, 20, 1), want[AREA];
    float x[AREA], table[256], zero = 0, one = 1;
    for (int i = 0; i < 256; i++) table[i] = (float)i;
    fl_prep p = {fl_shape1(AREA), SIDE, SIDE, 1, FL_RESIZE_CROP, &zero, &one, table, a};
    fl_work w = {.raw = {.h = 20, .w = 30, .c = 1, .pixels = grey}};
    fl_rng r = {.seed = 8, .stream = FL_STREAM_AUGMENT};
    for (r.sample = 0; r.sample < 50; r.sample++) {
        fl_box b = fl_augment_box(&a, &r, 20, 30);
        fl_prep_row(&p, &r, &w, x);
        resized(&(fl_view){grey + b.top * 30 + b.left, b.h, b.w, 1, 30},
                (fl_window){SIDE, SIDE, 0, 0, SIDE, SIDE}, want);
        for (int i = 0; i < AREA; i++) assert_float_equal(x[i], want[i], 0);
    }
    fl_work_close(&w);
    fl_free(grey);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize),     cmocka_unit_test(test_grey_and_color),
        cmocka_unit_test(test_resize_crop),   cmocka_unit_test(test_augment_flip),
        cmocka_unit_test(test_augment_box),   cmocka_unit_test(test_augment_box_middle),
        cmocka_unit_test(test_crop_and_flip), cmocka_unit_test(test_resized_crop),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
