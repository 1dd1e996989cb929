/* data: decoding images, whole and damaged; channels; resizing as PIL does. */
#include "data_fixture.h"

#include <jpeglib.h>

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

static char *write_jpeg(const char *name, int w, int h, int c, bool progressive,
                        const uint8_t *pixels) {
    char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr errors;
    j.err = jpeg_std_error(&errors);
    jpeg_create_compress(&j);
    jpeg_stdio_dest(&j, f);
    j.image_width = (JDIMENSION)w;
    j.image_height = (JDIMENSION)h;
    j.input_components = c;
    j.in_color_space = c == 1 ? JCS_GRAYSCALE : c == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, 100, TRUE);
    if (progressive) jpeg_simple_progression(&j);
    jpeg_start_compress(&j, TRUE);
    while (j.next_scanline < j.image_height) {
        JSAMPROW row = (JSAMPROW)(pixels + (size_t)j.next_scanline * (size_t)(w * c));
        jpeg_write_scanlines(&j, &row, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    fclose(f);
    return path;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_kinds),     cmocka_unit_test(test_png_few_bits),
        cmocka_unit_test(test_jpeg_kinds),    cmocka_unit_test(test_damaged_images),
        cmocka_unit_test(test_bombs),         cmocka_unit_test(test_channels),
        cmocka_unit_test(test_resize_as_pil), cmocka_unit_test(test_resize_properties),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
