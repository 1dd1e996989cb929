/* The formats; opening a file by its content. */
#include <stdlib.h>
#include <string.h>

#include "weights/format.h"

const fl_weights_ops *const fl_weights_formats[] = {
#define FL_WEIGHTS(name) &fl_weights_##name,
#include "weights/weights.def"
#undef FL_WEIGHTS
    NULL,
};

static bool ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

const fl_weights_ops *fl_weights_format_by_ending(const char *path) {
    for (const fl_weights_ops *const *f = fl_weights_formats; *f; f++)
        if (ends_with(path, (*f)->ending)) return *f;
    return NULL;
}

static const fl_weights_ops *format_by_content(const fl_weights *w) {
    for (const fl_weights_ops *const *f = fl_weights_formats; *f; f++)
        if ((*f)->matches(w->bytes, w->size)) return *f;
    return NULL;
}

/* Files that people hand over by mistake, by their first bytes. */
static const struct {
    const char *start, *hint;
} strangers[] = {
    {"PK\3\4", "a zip archive, such as PyTorch's .pt (save it with safetensors.torch.save_file "
               "instead) or Keras's .keras (model.save(\"net.h5\"), then `frostline convert`)"},
    {"\x80\x02\x8a\n", "a Python pickle; save it with safetensors.torch.save_file instead"},
    {"\x89HDF", "HDF5, as Keras writes .h5; `frostline convert` makes safetensors of it"},
    {"GGUF", "GGUF; convert it to safetensors first"},
    {"\x1f\x8b", "compressed with gzip; run gunzip on it first"},
    {"version https://git-lfs", "a Git LFS pointer, not the file itself; run `git lfs pull`"},
    {"{", "JSON text, such as an index of several files; give a .safetensors file"},
};

static const char *stranger_hint(const fl_weights *w) {
    for (size_t i = 0; i < FL_COUNT(strangers); i++) {
        size_t n = strlen(strangers[i].start);
        if (w->size >= n && memcmp(w->bytes, strangers[i].start, n) == 0) return strangers[i].hint;
    }
    return NULL;
}

/* A file that looks like no format is read as what its ending says, for the better message. */
static fl_status choose_format(fl_weights *w) {
    w->format = format_by_content(w);
    if (w->format) return FL_OK;
    const char *hint = stranger_hint(w);
    if (hint) return fl_weights_refuse(w, NULL, "this is %s", hint);
    w->format = fl_weights_format_by_ending(w->path);
    if (w->format) return FL_OK;
    return fl_weights_refuse(w, NULL, "neither a safetensors nor an npy file, by its first bytes");
}

static int by_name(const void *a, const void *b) {
    const fl_tensor_info *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static void index_names(fl_weights *w) {
    w->by_name = fl_alloc((size_t)w->count * sizeof *w->by_name);
    for (int i = 0; i < w->count; i++) w->by_name[i] = &w->tensors[i];
    qsort(w->by_name, (size_t)w->count, sizeof *w->by_name, by_name);
}

static fl_status load(fl_weights *w) {
    FL_TRY(fl_weights_map(w));
    FL_TRY(choose_format(w));
    FL_TRY(w->format->read(w));
    index_names(w);
    return FL_OK;
}

fl_status fl_weights_open(const char *path, fl_weights **out) {
    fl_weights *w = fl_alloc(sizeof *w);
    w->path = fl_strdup(path);
    fl_status status = load(w);
    if (status != FL_OK) {
        fl_weights_close(w);
        w = NULL;
    }
    *out = w;
    return status;
}

const fl_tensor_info *fl_weights_find(const fl_weights *w, const char *name) {
    fl_tensor_info wanted = {.name = name};
    const fl_tensor_info *key = &wanted, **found;
    found = bsearch(&key, w->by_name, (size_t)w->count, sizeof *w->by_name, by_name);
    return found ? *found : NULL;
}
