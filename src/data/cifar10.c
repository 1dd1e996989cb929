/* The binary version of CIFAR-10: records of a label and three planes of 32 × 32. A list of files,
 * or one. */
#include "data/dataset.h"

#include <string.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE, RECORD = 1 + PIXELS, CLASSES = 10 };

static const char *const names[CLASSES] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                           "dog",      "frog",       "horse", "ship", "truck"};

static void interleave(const uint8_t *planes, uint8_t *pixels) { /* (3, 32, 32) → (32, 32, 3) */
    for (int i = 0; i < PLANE; i++)
        for (int c = 0; c < 3; c++) *pixels++ = planes[c * PLANE + i];
}

static fl_status check(const char *path, const fl_text *t) {
    if (t->len == 0 || t->len % RECORD != 0)
        return fl_fail(FL_ERR_INPUT,
                       "'%s' has %zu bytes, which is no multiple of the %d of a CIFAR-10 record; "
                       "the binary version is read",
                       path, t->len, RECORD);
    for (size_t at = 0; at < t->len; at += RECORD)
        if ((uint8_t)t->s[at] >= CLASSES)
            return fl_fail(FL_ERR_INPUT, "'%s': record %zu is of class %u; CIFAR-10 has 0 to 9",
                           path, at / RECORD, (uint8_t)t->s[at]);
    return FL_OK;
}

static void append(fl_source *s, const fl_text *t) {
    size_t had = (size_t)s->rows, more = t->len / RECORD, rows = had + more;
    s->state = fl_resize(s->state, rows * PIXELS);
    s->label = fl_resize(s->label, rows * sizeof *s->label);
    for (size_t i = 0; i < more; i++) {
        const uint8_t *record = (const uint8_t *)t->s + i * RECORD;
        s->label[had + i] = record[0];
        interleave(record + 1, (uint8_t *)s->state + (had + i) * PIXELS);
    }
    s->rows = (int64_t)rows;
    s->bytes = rows * (PIXELS + sizeof *s->label);
}

static fl_status read_file(const fl_node *n, fl_source *s) {
    const char *path;
    fl_text t = {0};
    FL_TRY(fl_source_path(n, "the path of a data_batch_N.bin", &path));
    FL_TRY(fl_data_read_file(path, &t));
    fl_status status = check(path, &t);
    if (status == FL_OK) {
        fl_source_hash(s, path, t.s, t.len);
        append(s, &t);
    }
    fl_free(t.s);
    return status;
}

static fl_status open_cifar10(const fl_source_conf *conf, fl_source *s) {
    s->pixels = true;
    s->shape = fl_shape3(SIDE, SIDE, 3);
    s->target = FL_TARGET_CLASS;
    s->classes = CLASSES;
    s->class_name = fl_alloc(CLASSES * sizeof *s->class_name);
    for (int i = 0; i < CLASSES; i++) s->class_name[i] = fl_strdup(names[i]);
    if (fl_node_kind_of(conf->node) != FL_NODE_LIST) return read_file(conf->node, s);
    for (int i = 0; i < fl_node_count(conf->node); i++)
        FL_TRY(read_file(fl_node_item(conf->node, i), s));
    return FL_OK;
}

static fl_status read_cifar10(const fl_source *s, int64_t i, fl_image *image) {
    image->h = image->w = SIDE;
    image->c = 3;
    image->pixels = (const uint8_t *)s->state + (size_t)i * PIXELS;
    image->values = NULL;
    return FL_OK;
}

static void close_cifar10(fl_source *s) {
    fl_free(s->state);
}

const fl_dataset_ops fl_dataset_cifar10 = {
    .name = "cifar10", .open = open_cifar10, .read = read_cifar10, .close = close_cifar10};
