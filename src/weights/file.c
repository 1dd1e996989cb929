/* An open file of weights: what it holds. */
#include <ctype.h>
#include <string.h>

#include "weights/format.h"

const char *fl_weights_format(const fl_weights *w) {
    return w->format->name;
}

const char *fl_weights_path(const fl_weights *w) {
    return w->path;
}

void fl_weights_call(fl_weights *w, const char *path) {
    fl_free(w->path);
    w->path = fl_strdup(path);
}

int fl_weights_count(const fl_weights *w) {
    return w->count;
}

const fl_tensor_info *fl_weights_at(const fl_weights *w, int i) {
    FL_CHECK(i >= 0 && i < w->count, "no tensor %d among %d", i, w->count);
    return &w->tensors[i];
}

int fl_weights_metadata_count(const fl_weights *w) {
    return w->n_meta;
}

void fl_weights_metadata_at(const fl_weights *w, int i, const char **key, const char **value) {
    FL_CHECK(i >= 0 && i < w->n_meta, "no metadata %d among %d", i, w->n_meta);
    *key = w->meta[i][0];
    *value = w->meta[i][1];
}

const char *fl_weights_metadata(const fl_weights *w, const char *key) {
    for (int i = 0; i < w->n_meta; i++)
        if (strcmp(w->meta[i][0], key) == 0) return w->meta[i][1];
    return NULL;
}

static uint64_t hash_tensor(const fl_tensor_info *t, uint64_t h) {
    const char *dtype = fl_dtype_name(t->dtype);
    int64_t dims = t->n;
    h = fl_hash(t->name, strlen(t->name) + 1, h);
    h = fl_hash(dtype, strlen(dtype) + 1, h);
    h = fl_hash(&dims, sizeof dims, h);
    h = fl_hash(t->d, (size_t)t->n * sizeof t->d[0], h);
    return fl_hash(t->data, t->bytes, h);
}

/* In the order of names: the same tensors hash alike however a file arranges them. */
uint64_t fl_weights_hash(const fl_weights *w) {
    uint64_t h = 0;
    for (int i = 0; i < w->count; i++) h = hash_tensor(w->by_name[i], h);
    return h;
}

void fl_weights_add(fl_weights *w, const fl_tensor_info *t) {
    w->tensors = fl_resize(w->tensors, (size_t)(w->count + 1) * sizeof *w->tensors);
    w->tensors[w->count] = *t;
    w->tensors[w->count++].name = fl_strdup(t->name);
}

void fl_weights_add_metadata(fl_weights *w, const char *key, const char *value) {
    w->meta = fl_resize(w->meta, (size_t)(w->n_meta + 1) * sizeof *w->meta);
    w->meta[w->n_meta][0] = fl_strdup(key);
    w->meta[w->n_meta++][1] = fl_strdup(value);
}

void fl_weights_close(fl_weights *w) {
    if (!w) return;
    for (int i = 0; i < w->count; i++) fl_free((char *)w->tensors[i].name);
    for (int i = 0; i < w->n_meta; i++) {
        fl_free(w->meta[i][0]);
        fl_free(w->meta[i][1]);
    }
    fl_weights_unmap(w);
    fl_free(w->tensors);
    fl_free(w->by_name);
    fl_free(w->meta);
    fl_free(w->path);
    fl_free(w);
}

fl_status fl_weights_refuse(const fl_weights *w, const char *tensor, const char *format, ...) {
    fl_text t = {0};
    if (tensor) fl_text_add(&t, "tensor '%.120s': ", tensor);
    va_list args;
    va_start(args, format);
    fl_text_addv(&t, format, args);
    va_end(args);
    for (char *c = t.s; *c; c++) /* a name may hold anything, even a terminal's commands */
        if (iscntrl((unsigned char)*c)) *c = '?';
    fl_fail(FL_ERR_INPUT, "%s: %s", w->path, t.s);
    fl_free(t.s);
    return FL_ERR_INPUT;
}
