/* The IDX files of MNIST and its kin: big-endian header, then bytes. {images: FILE, labels: FILE}.
 */
#include "data/dataset.h"

#include <string.h>

typedef struct file { /* one IDX file of unsigned bytes */
    fl_text raw;
    int n;
    uint32_t d[4];
    const uint8_t *data;
    size_t size;
} file;

typedef struct conf {
    const char *images, *labels;
} conf;

static const fl_field fields[] = {
    {"images", FL_STRING, offsetof(conf, images), NULL, 0, 0, NULL,
     "file of (n, h, w) or (n, h, w, c) bytes, plain or .gz", NULL},
    {"labels", FL_STRING, offsetof(conf, labels), NULL, 0, 0, NULL,
     "file of (n) class ids, plain or .gz", NULL},
    {0},
};

static uint32_t big_endian(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static fl_status check_magic(const char *path, const uint8_t *p, size_t len) {
    if (len < 4 || p[0] != 0 || p[1] != 0 || p[3] == 0 || p[3] > 4)
        return fl_fail(FL_ERR_INPUT, "'%s' is not an IDX file, by its first bytes", path);
    if (p[2] != 0x08)
        return fl_fail(FL_ERR_INPUT,
                       "'%s' holds elements of type 0x%02x; only unsigned bytes (0x08) are read",
                       path, p[2]);
    return FL_OK;
}

static fl_status parse(const char *path, file *f) {
    const uint8_t *p = (const uint8_t *)f->raw.s;
    FL_TRY(check_magic(path, p, f->raw.len));
    f->n = p[3];
    size_t header = 4 + 4 * (size_t)f->n;
    bool fits = f->raw.len >= header;
    f->size = 1;
    for (int i = 0; fits && i < f->n; i++) {
        f->d[i] = big_endian(p + 4 + 4 * i);
        fits = !__builtin_mul_overflow(f->size, f->d[i], &f->size);
    }
    if (!fits || f->raw.len - header != f->size)
        return fl_fail(FL_ERR_INPUT, "'%s' is damaged: %zu bytes do not match its header", path,
                       f->raw.len);
    f->data = p + header;
    return FL_OK;
}

static fl_status load(const char *path, file *f) {
    *f = (file){0};
    FL_TRY(fl_data_read_file(path, &f->raw));
    return parse(path, f);
}

static fl_status take_labels(const conf *c, const file *f, fl_source *s) {
    if (f->n != 1)
        return fl_fail(FL_ERR_INPUT, "'%s' has %d dimensions; labels have one", c->labels, f->n);
    if (f->d[0] != s->rows)
        return fl_fail(FL_ERR_INPUT, "'%s' has %u labels, but '%s' has %lld images", c->labels,
                       f->d[0], c->images, (long long)s->rows);
    int64_t *wide = fl_alloc(f->size * sizeof *wide);
    for (size_t i = 0; i < f->size; i++) wide[i] = f->data[i];
    fl_status status = fl_source_set_labels(s, c->labels, wide, s->rows);
    fl_free(wide);
    return status;
}

static fl_status read_labels(const conf *c, fl_source *s) {
    file f;
    fl_status status = load(c->labels, &f);
    if (status == FL_OK) status = take_labels(c, &f, s);
    fl_free(f.raw.s);
    return status;
}

static fl_status read_images(const conf *c, fl_source *s) {
    file *f = s->state = fl_alloc(sizeof *f);
    FL_TRY(load(c->images, f));
    if (f->n < 3 || f->d[1] == 0 || f->d[2] == 0 || f->d[1] > FL_IMAGE_MAX_SIDE ||
        f->d[2] > FL_IMAGE_MAX_SIDE || (f->n == 4 && (f->d[3] == 0 || f->d[3] > 1024)))
        return fl_fail(FL_ERR_INPUT,
                       "'%s' does not hold images: they are (n, h, w) or (n, h, w, c)", c->images);
    s->pixels = true;
    s->rows = f->d[0];
    s->shape = fl_shape3(f->d[1], f->d[2], f->n == 4 ? f->d[3] : 1);
    s->bytes += f->raw.len;
    fl_source_hash(s, c->images, f->raw.s, f->raw.len);
    return FL_OK;
}

static fl_status open_idx(const fl_source_conf *sc, fl_source *s) {
    conf c;
    if (fl_node_kind_of(sc->node) != FL_NODE_MAP)
        return fl_node_error(sc->node, "idx wants {images: FILE, labels: FILE} here");
    FL_TRY(fl_fields_parse(sc->node, "an idx set", fields, NULL, &c));
    FL_TRY(read_images(&c, s));
    return read_labels(&c, s);
}

static fl_status read_idx(const fl_source *s, int64_t i, fl_image *image) {
    const file *f = s->state;
    image->h = (int)s->shape.d[0];
    image->w = (int)s->shape.d[1];
    image->c = (int)s->shape.d[2];
    image->pixels = f->data + (size_t)i * fl_shape_size(s->shape);
    image->values = NULL;
    return FL_OK;
}

static void close_idx(fl_source *s) {
    file *f = s->state;
    if (f) fl_free(f->raw.s);
    fl_free(f);
}

const fl_dataset_ops fl_dataset_idx = {
    .name = "idx", .open = open_idx, .read = read_idx, .close = close_idx};
