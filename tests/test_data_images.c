/* data: decoding, channels, resizing as PIL does, normalisation, augmentation. */
#include <math.h>

#include "data/prepare.h"
#include "data_fixture.h"

/* ---- decoding ---- */

static fl_image must_read(const char *path) {
    fl_image image = {0};
    if (fl_image_read(path, &image) != FL_OK) fail_msg("%s", fl_message());
    return image;
}

static void assert_pixels(const char *path, int h, int w, int c, const uint8_t *want,
                          int tolerance) {
    fl_image image = must_read(path);
    assert_int_equal(image.h, h);
    assert_int_equal(image.w, w);
    assert_int_equal(image.c, c);
    for (int i = 0; i < h * w * c; i++)
        if (abs(image.pixels[i] - want[i]) > tolerance)
            fail_msg("%s: byte %d is %d, not %d", path, i, image.pixels[i], want[i]);
    fl_free(image.memory.p);
}

static void test_png_kinds(void **state) {
    (void)state;
    uint8_t *rgb = pattern(9, 7, 3), *grey = pattern(9, 7, 1), rgba[9 * 7 * 4], la[9 * 7 * 2];
    uint8_t deep[9 * 7 * 2], deep_rgb[9 * 7 * 6];
    for (int i = 0; i < 9 * 7; i++) {
        memcpy(rgba + 4 * i, rgb + 3 * i, 3);
        rgba[4 * i + 3] = (uint8_t)(4 * i);
        la[2 * i] = deep[2 * i] = grey[i];
        la[2 * i + 1] = deep[2 * i + 1] = (uint8_t)(255 - i);
    }
    for (int i = 0; i < 9 * 7 * 3; i++) {
        deep_rgb[2 * i] = rgb[i];
        deep_rgb[2 * i + 1] = 200;
    }
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        assert_pixels(write_png("rgb", 9, 7, 8, PNG_COLOR_TYPE_RGB, interlaced, rgb), 7, 9, 3, rgb,
                      0);
        assert_pixels(write_png("rgba", 9, 7, 8, PNG_COLOR_TYPE_RGBA, interlaced, rgba), 7, 9, 3,
                      rgb, 0);
        assert_pixels(write_png("grey", 9, 7, 8, PNG_COLOR_TYPE_GRAY, interlaced, grey), 7, 9, 1,
                      grey, 0);
        assert_pixels(write_png("la", 9, 7, 8, PNG_COLOR_TYPE_GRAY_ALPHA, interlaced, la), 7, 9, 1,
                      grey, 0);
        assert_pixels(write_png("g16", 9, 7, 16, PNG_COLOR_TYPE_GRAY, interlaced, deep), 7, 9, 1,
                      grey, 0);
        assert_pixels(write_png("rgb16", 9, 7, 16, PNG_COLOR_TYPE_RGB, interlaced, deep_rgb), 7, 9,
                      3, rgb, 0);
    }
    fl_free(rgb);
    fl_free(grey);
}

static void test_png_few_bits(void **state) {
    (void)state;
    static const uint8_t bits[] = {0xa0, 0x40}, white[] = {255, 0, 255, 0, 255, 0};
    assert_pixels(write_png("bw", 3, 2, 1, PNG_COLOR_TYPE_GRAY, false, bits), 2, 3, 1, white, 0);
    static const uint8_t indices[] = {0, 1, 2, 3};
    static const uint8_t colors[] = {10, 20, 30, 200, 100, 50, 0, 255, 0, 7, 8, 9};
    assert_pixels(write_png("pal", 2, 2, 8, PNG_COLOR_TYPE_PALETTE, false, indices), 2, 2, 3,
                  colors, 0);
}

static void test_jpeg_kinds(void **state) {
    (void)state;
    static const uint8_t inks[] = {0, 0, 0, 0, 255, 0, 0, 0, 10, 100, 200, 50, 255, 255, 255, 255};
    static const uint8_t rgb_of_inks[] = {255, 255, 255, 0, 255, 255, 197, 125, 44, 0, 0, 0};
    uint8_t *rgb = pattern(24, 17, 3), *grey = pattern(24, 17, 1), cmyk[8 * 8 * 4], want[8 * 8 * 3];
    for (int progressive = 0; progressive < 2; progressive++) {
        assert_pixels(write_jpeg("rgb", 24, 17, 3, progressive, rgb), 17, 24, 3, rgb, 4);
        assert_pixels(write_jpeg("grey", 24, 17, 1, progressive, grey), 17, 24, 1, grey, 2);
    }
    for (int k = 0; k < 4; k++) { /* flat images; the file holds ink inverted */
        for (int i = 0; i < 64 * 4; i++) cmyk[i] = (uint8_t)(255 - inks[4 * k + i % 4]);
        for (int i = 0; i < 64 * 3; i++) want[i] = rgb_of_inks[3 * k + i % 3];
        assert_pixels(write_jpeg("cmyk", 8, 8, 4, false, cmyk), 8, 8, 3, want, 2);
    }
    fl_free(rgb);
    fl_free(grey);
}

/* Every truncation is refused by path; every flipped bit is refused or decoded. */
static void sweep(const char *path) {
    char *data, *name = scratch_path("swept");
    size_t len;
    fl_image image = {0};
    assert_int_equal(fl_file_read(path, &data, &len), FL_OK);
    for (size_t n = 0; n < len; n++) {
        scratch_file("swept", data, n);
        if (fl_image_read(name, &image) != FL_ERR_INPUT)
            fail_msg("%s: read from %zu of %zu bytes", path, n, len);
        assert_message("swept", NULL);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        data[bit / 8] ^= (char)(1 << bit % 8);
        scratch_file("swept", data, len);
        fl_status status = fl_image_read(name, &image);
        if (status != FL_OK) assert_int_equal(status, FL_ERR_INPUT);
        data[bit / 8] ^= (char)(1 << bit % 8);
    }
    fl_free(image.memory.p);
    fl_free(data);
}

static void test_damaged_images(void **state) {
    (void)state;
    uint8_t *rgb = pattern(11, 9, 3);
    sweep(write_png("a", 11, 9, 8, PNG_COLOR_TYPE_RGB, false, rgb));
    sweep(write_png("b", 6, 5, 2, PNG_COLOR_TYPE_PALETTE, true, rgb));
    sweep(write_jpeg("c", 11, 9, 3, false, rgb));
    sweep(write_jpeg("d", 11, 9, 1, true, rgb));
    fl_free(rgb);
}

/* A file of some bytes cannot ask for the memory of the largest image. */
static void test_bombs(void **state) {
    (void)state;
    uint8_t *grey = pattern(8, 8, 1);
    fl_image image = {0};
    char *data, *path = write_jpeg("bomb", 8, 8, 1, false, grey);
    size_t len, at = 0;
    assert_int_equal(fl_file_read(path, &data, &len), FL_OK);
    while (memcmp(data + at, "\xff\xc0", 2) != 0) at++;
    memcpy(data + at + 5, "\x3f\xff\x3f\xff", 4); /* 16383 × 16383 */
    assert_int_equal(fl_image_read(scratch_file("bomb", data, len), &image), FL_ERR_INPUT);
    assert_message("bomb", "16383");
    assert_int_equal(image.memory.cap, 0);
    memcpy(data + at + 5, "\xff\xff\x00\x08", 4); /* a side over the largest */
    assert_int_equal(fl_image_read(scratch_file("bomb", data, len), &image), FL_ERR_INPUT);
    fl_free(data);
    fl_free(grey);
}

/* ---- channels and size ---- */

static void test_channels(void **state) {
    (void)state;
    static const uint8_t rgb[] = {1, 2, 3, 200, 10, 30, 255, 255, 255, 0, 255, 0};
    static const uint8_t grey[] = {2, 69, 255, 150}; /* PIL's */
    uint8_t out[12];
    fl_image_convert(&(fl_view){rgb, 2, 2, 3, 6}, 1, out);
    assert_memory_equal(out, grey, 4);
    fl_image_convert(&(fl_view){grey, 2, 2, 1, 2}, 3, out);
    for (int i = 0; i < 12; i++) assert_int_equal(out[i], grey[i / 3]);
}

enum { GOLD_H = 8, GOLD_W = 9 };

static void resized(const fl_view *v, fl_window o, uint8_t *out) {
    fl_resizer r = {0};
    fl_image_resize(&r, v, o, out);
    fl_resizer_close(&r);
}

/* By PIL 12 and 13: Image.resize((w, h), BILINEAR) of (37 x + 91 y + 13 x y) mod 256. */
static void test_resize_as_pil(void **state) {
    (void)state;
    static const uint8_t smaller[] = {111, 141, 139, 131, 121, 146, 134, 130, 122, 152, 158, 158};
    static const uint8_t mixed[] = {31,  106, 172, 61,  102, 152, 121, 154, 158, 148,
                                    131, 158, 152, 139, 156, 116, 85,  166, 138, 105,
                                    126, 123, 118, 135, 125, 156, 127, 155, 101, 146,
                                    145, 152, 109, 141, 168, 153, 180, 191, 191, 180};
    static const uint8_t larger[] = {
        0,   27,  57,  87,  118, 148, 178, 209, 122, 13,  40,  64,  97,  135, 172, 178,
        69,  107, 145, 147, 143, 177, 137, 178, 154, 142, 165, 107, 153, 118, 118, 164,
        205, 133, 181, 138, 112, 152, 144, 199, 139, 94,  107, 156, 26,  82,  131, 184,
        204, 79,  121, 180, 138, 69,  107, 99,  163, 109, 75,  143, 194, 77,  107, 167,
        162, 58,  172, 113, 102, 147, 195, 129, 146, 99,  113, 173, 189, 117, 103, 87,
        117, 183, 167, 151, 135, 119, 138, 217, 61,  148, 105, 87,  170, 204, 155, 171,
        158, 137, 168, 125, 218, 183, 172, 230, 125, 230, 172, 183, 218, 125};
    uint8_t in[GOLD_H * GOLD_W], out[sizeof larger];
    for (int i = 0; i < GOLD_H * GOLD_W; i++) {
        int x = i % GOLD_W, y = i / GOLD_W;
        in[i] = (uint8_t)(37 * x + 91 * y + 13 * x * y);
    }
    fl_view v = {in, GOLD_H, GOLD_W, 1, GOLD_W};
    resized(&v, (fl_window){3, 4, 0, 0, 3, 4}, out);
    assert_memory_equal(out, smaller, sizeof smaller);
    resized(&v, (fl_window){10, 4, 0, 0, 10, 4}, out);
    assert_memory_equal(out, mixed, sizeof mixed);
    resized(&v, (fl_window){10, 11, 0, 0, 10, 11}, out);
    assert_memory_equal(out, larger, sizeof larger);
    resized(&v, (fl_window){10, 11, 2, 3, 5, 6}, out); /* a window is the part of the whole */
    for (int i = 0; i < 30; i++) assert_int_equal(out[i], larger[(2 + i / 6) * 11 + 3 + i % 6]);
}

static void test_resize_properties(void **state) {
    (void)state;
    uint8_t in[16 * 13 * 4], three[16 * 13 * 3], out[40 * 40 * 4], plane[40 * 40 * 3];
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(i * i * 7 + i / 5);
    fl_view v = {in, 16, 13, 4, 13 * 4};
    resized(&v, (fl_window){16, 13, 0, 0, 16, 13}, out);
    assert_memory_equal(in, out, sizeof in);
    /* each channel by itself: 4 channels agree with 3 */
    for (int i = 0; i < 16 * 13; i++) memcpy(three + 3 * i, in + 4 * i, 3);
    resized(&v, (fl_window){7, 30, 0, 0, 7, 30}, out);
    resized(&(fl_view){three, 16, 13, 3, 13 * 3}, (fl_window){7, 30, 0, 0, 7, 30}, plane);
    for (int i = 0; i < 7 * 30; i++) assert_memory_equal(plane + 3 * i, out + 4 * i, 3);
    memset(in, 201, sizeof in);
    for (int h = 1; h < 40; h += 3)
        for (int w = 1; w < 40; w += 4) {
            resized(&v, (fl_window){h, w, 0, 0, h, w}, out);
            for (int i = 0; i < h * w * 4; i++) assert_int_equal(out[i], 201);
        }
}

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
        cmocka_unit_test(test_png_kinds),     cmocka_unit_test(test_png_few_bits),
        cmocka_unit_test(test_jpeg_kinds),    cmocka_unit_test(test_damaged_images),
        cmocka_unit_test(test_bombs),         cmocka_unit_test(test_channels),
        cmocka_unit_test(test_resize_as_pil), cmocka_unit_test(test_resize_properties),
        cmocka_unit_test(test_normalize),     cmocka_unit_test(test_grey_and_color),
        cmocka_unit_test(test_resize_crop),   cmocka_unit_test(test_augment_flip),
        cmocka_unit_test(test_augment_box),   cmocka_unit_test(test_augment_box_middle),
        cmocka_unit_test(test_crop_and_flip), cmocka_unit_test(test_resized_crop),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
