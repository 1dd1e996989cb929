/* What the tests of data share: sets made of text, files of every format, images written to disk.
 */
#ifndef FROSTLINE_TESTS_DATA_FIXTURE_H
#define FROSTLINE_TESTS_DATA_FIXTURE_H

#include <png.h>
#include <zlib.h>

#include "data/image.h"
#include "frostline/config.h"
#include "frostline/data.h"
#include "frostline/weights.h"
#include "scratch.h"

/* ---- a data section, opened ---- */

typedef struct opened {
    fl_config *config;
    fl_data_conf conf;
    fl_data *data;
    fl_status status; /* fl_message() is set unless FL_OK */
} opened;

static inline fl_node *section_of(opened *o) {
    return fl_config_section(o->config, "data");
}

/* `yaml` is the inside of the data section as a flow map: "format: idx, train: …". */
static inline opened open_set(const char *yaml, fl_shape input, int which) {
    opened o = {0};
    char *text = fl_format("data: {%s}\n", yaml);
    if (fl_config_parse("my.yaml", text, 0, NULL, &o.config) != FL_OK) fail_msg("%s", fl_message());
    fl_free(text);
    o.status = fl_fields_parse(section_of(&o), "section 'data'", fl_data_fields, NULL, &o.conf);
    if (o.status == FL_OK)
        o.status = fl_data_open(&o.conf, section_of(&o), input, 11, which, &o.data);
    if (o.status == FL_ERR_CONFIG) assert_int_equal(fl_config_check(o.config), FL_ERR_CONFIG);
    return o;
}

static inline void close_set(opened *o) {
    fl_data_close(o->data);
    fl_config_close(o->config);
}

static inline opened must_open(const char *yaml, fl_shape input) {
    opened o = open_set(yaml, input, FL_DATA_TRAIN | FL_DATA_VALIDATION);
    if (o.status != FL_OK) fail_msg("%s\n%s", yaml, fl_message());
    return o;
}

/* Refused, with this status and a message that names both. */
static inline void must_refuse(const char *yaml, fl_shape input, fl_status status, const char *a,
                               const char *b) {
    opened o = open_set(yaml, input, FL_DATA_TRAIN | FL_DATA_VALIDATION);
    if (o.status != status) fail_msg("status %d for %s\n%s", (int)o.status, yaml, fl_message());
    assert_message(a, b);
    close_set(&o);
}

static inline fl_loader *must_load(const fl_dataset *d, fl_loader_conf conf) {
    fl_loader *l;
    if (conf.size == 0) conf.size = 1;
    if (conf.accumulation == 0) conf.accumulation = 1;
    assert_int_equal(fl_loader_open(d, &conf, &l), FL_OK);
    return l;
}

/* All rows of a set, in order: x (rows, input). Caller frees. */
static inline float *all_rows(const fl_dataset *d, fl_shape input) {
    size_t n = fl_shape_size(input), at = 0;
    float *x = fl_alloc((size_t)fl_dataset_rows(d) * n * sizeof *x);
    fl_loader *l = must_load(d, (fl_loader_conf){.batch_size = 5});
    fl_loader_start(l, 0, 0);
    for (const fl_batch *b; (b = fl_loader_next(l)); at += (size_t)b->rows) {
        if (b->status != FL_OK) fail_msg("%s", b->message);
        memcpy(x + at * n, b->x, (size_t)b->rows * n * sizeof *x);
    }
    fl_loader_close(l);
    return x;
}

/* ---- image files ---- */

/* rows: packed as PNG has them, 16 bits big-endian. */
static inline char *write_png(const char *name, int w, int h, int depth, int type, bool interlaced,
                              const uint8_t *rows) {
    static const png_color palette[4] = {{10, 20, 30}, {200, 100, 50}, {0, 255, 0}, {7, 8, 9}};
    static const uint8_t alpha[4] = {0, 128, 255, 255};
    char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, depth, type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_set_PLTE(png, info, palette, 4);
        png_set_tRNS(png, info, alpha, 4, NULL);
    }
    png_write_info(png, info);
    size_t stride = png_get_rowbytes(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (int y = 0; y < h; y++) png_write_row(png, rows + (size_t)y * stride);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(f);
    return path;
}

/* A smooth pattern, so that JPEG keeps it nearly. */
static inline uint8_t *pattern(int w, int h, int c) {
    uint8_t *p = fl_alloc((size_t)(w * h * c));
    for (int i = 0; i < w * h * c; i++)
        p[i] = (uint8_t)(40 + 3 * (i / c % w) + 5 * (i / c / w) + 20 * (i % c));
    return p;
}

static inline void resized(const fl_view *v, fl_window o, uint8_t *out) {
    fl_resizer r = {0};
    fl_image_resize(&r, v, o, out);
    fl_resizer_close(&r);
}

/* ---- the other formats ---- */

static inline void put_header(fl_text *t, int n, const uint32_t *d) {
    fl_text_put(t, (char[]){0, 0, 8, (char)n}, 4);
    for (int i = 0; i < n; i++)
        for (int shift = 24; shift >= 0; shift -= 8)
            fl_text_put(t, (char[]){(char)(d[i] >> shift)}, 1);
}

/* Pixel j of image i is i + j; images (n, h, w). */
static inline char *write_idx_images(const char *name, uint32_t n, uint32_t h, uint32_t w) {
    fl_text t = {0};
    put_header(&t, 3, (uint32_t[]){n, h, w});
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < h * w; j++) fl_text_put(&t, (char[]){(char)(i + j)}, 1);
    char *path = scratch_file(name, t.s, t.len);
    fl_free(t.s);
    return path;
}

/* Label i is i % classes. */
static inline char *write_idx_labels(const char *name, uint32_t n, uint32_t classes) {
    fl_text t = {0};
    put_header(&t, 1, &n);
    for (uint32_t i = 0; i < n; i++) fl_text_put(&t, (char[]){(char)(i % classes)}, 1);
    char *path = scratch_file(name, t.s, t.len);
    fl_free(t.s);
    return path;
}

static inline char *write_gz(const char *name, const char *from) {
    char *data, *path = scratch_path(name);
    size_t len;
    assert_int_equal(fl_file_read(from, &data, &len), FL_OK);
    gzFile f = gzopen(path, "wb");
    assert_int_equal(gzwrite(f, data, (unsigned)len), len);
    gzclose(f);
    fl_free(data);
    return path;
}

/* Record i: label i % 10, red i, green i + 1, blue i + 2, but the first pixel's red is 99. */
static inline char *write_cifar(const char *name, int n) {
    fl_text t = {0};
    for (int i = 0; i < n; i++) {
        char record[3073] = {(char)(i % 10)};
        for (int c = 0; c < 3; c++) memset(record + 1 + 1024 * c, i + c, 1024);
        record[1] = 99;
        fl_text_put(&t, record, sizeof record);
    }
    char *path = scratch_file(name, t.s, t.len);
    fl_free(t.s);
    return path;
}

/* folder/a … : class folders, each with `n` PNG files of 8 × 6 whose first pixel tells class and
 * file. */
static inline char *write_folder(const char *folder, const char *classes, int n) {
    char name[64];
    for (const char *c = classes; *c; c++) {
        snprintf(name, sizeof name, "%s/%c", folder, *c);
        assert_int_equal(fl_make_dirs(scratch_path(name)), FL_OK);
        for (int i = 0; i < n; i++) {
            uint8_t *p = pattern(8, 6, 3);
            p[0] = (uint8_t)*c;
            p[1] = (uint8_t)i;
            snprintf(name, sizeof name, "%s/%c/%d.%s", folder, *c, i, i % 2 ? "PNG" : "png");
            write_png(name, 8, 6, 8, PNG_COLOR_TYPE_RGB, false, p);
            fl_free(p);
        }
    }
    return scratch_path(folder);
}

/* x (rows, 2): 10 i, 10 i + 1. y: i % 3. */
static inline char *write_arrays(const char *name, int rows) {
    float *x = fl_alloc((size_t)rows * 2 * sizeof *x);
    int64_t *y = fl_alloc((size_t)rows * sizeof *y);
    for (int i = 0; i < 2 * rows; i++) x[i] = (float)(10 * (i / 2) + i % 2);
    for (int i = 0; i < rows; i++) y[i] = i % 3;
    fl_tensor_info t[] = {{.name = "x", .dtype = FL_F32, .n = 2, .d = {rows, 2}, .data = x},
                          {.name = "y", .dtype = FL_I64, .n = 1, .d = {rows}, .data = y}};
    char *path = scratch_path(name);
    if (fl_weights_write(path, 2, t, 0, NULL) != FL_OK) fail_msg("%s", fl_message());
    fl_free(x);
    fl_free(y);
    return path;
}

#endif
