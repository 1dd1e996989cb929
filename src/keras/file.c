/* HDF5. In the folder `model_weights`, or at the root where there are weights alone, an attribute
 * `layer_names` lists folders, one a layer; `weight_names` of each lists its tensors. */
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "keras/keras.h"

struct fl_keras_file {
    char *path, *config;
    hid_t file, group; /* where layer_names is */
    int count;
    fl_keras_tensor *tensor;
};

typedef struct names {
    size_t n;
    char **v; /* owned */
} names;

static void close_names(names *a) {
    for (size_t i = 0; i < a->n; i++) fl_free(a->v[i]);
    fl_free(a->v);
}

static fl_status damaged(const fl_keras_file *f, const char *what) {
    return fl_fail(FL_ERR_INPUT, "%s: %s cannot be read; is the file whole?", f->path, what);
}

/* ---- attributes that are text ---- */

static hid_t text_type(size_t size) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    return type;
}

/* Strings of one length, which may lack the NUL. */
static bool read_fixed(hid_t attribute, size_t size, names *out) {
    char *all = fl_alloc(out->n * size + 1);
    hid_t type = text_type(size);
    bool read = H5Aread(attribute, type, all) >= 0;
    H5Tclose(type);
    for (size_t i = 0; read && i < out->n; i++) out->v[i] = fl_strndup(all + i * size, size);
    fl_free(all);
    return read;
}

static bool read_variable(hid_t attribute, hid_t space, bool utf8, names *out) {
    char **all = fl_alloc(out->n * sizeof *all);
    hid_t type = text_type(H5T_VARIABLE);
    H5Tset_cset(type, utf8 ? H5T_CSET_UTF8 : H5T_CSET_ASCII);
    bool read = H5Aread(attribute, type, all) >= 0;
    for (size_t i = 0; read && i < out->n; i++) out->v[i] = fl_strdup(all[i] ? all[i] : "");
    if (read) H5Dvlen_reclaim(type, space, H5P_DEFAULT, all);
    H5Tclose(type);
    fl_free(all);
    return read;
}

enum { MOST_NAMES = 1 << 20, LONGEST_NAME = 1 << 16 };

/* An empty list has no type of its own: what h5py gives it is of numbers. */
static bool read_names(hid_t attribute, names *out) {
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    bool text = H5Tget_class(type) == H5T_STRING, read = n == 0;
    if (n > 0 && n <= MOST_NAMES && text) {
        *out = (names){(size_t)n, fl_alloc((size_t)n * sizeof *out->v)};
        size_t size = H5Tget_size(type);
        if (H5Tis_variable_str(type) > 0)
            read = read_variable(attribute, space, H5Tget_cset(type) == H5T_CSET_UTF8, out);
        else
            read = size > 0 && size <= LONGEST_NAME && read_fixed(attribute, size, out);
    }
    H5Sclose(space);
    H5Tclose(type);
    return read;
}

static fl_status attribute_names(const fl_keras_file *f, hid_t group, const char *name,
                                 names *out) {
    *out = (names){0};
    hid_t attribute = H5Aopen(group, name, H5P_DEFAULT);
    bool read = attribute >= 0 && read_names(attribute, out);
    if (attribute >= 0) H5Aclose(attribute);
    if (read) return FL_OK;
    close_names(out);
    *out = (names){0};
    return damaged(f, name);
}

/* What does not fit into one attribute is in NAME0, NAME1, … */
static fl_status list_names(const fl_keras_file *f, hid_t group, const char *name, names *out) {
    *out = (names){0};
    if (H5Aexists(group, name) > 0) return attribute_names(f, group, name, out);
    for (int i = 0;; i++) {
        char *piece = fl_format("%s%d", name, i);
        names more = {0};
        bool there = H5Aexists(group, piece) > 0;
        fl_status status = there ? attribute_names(f, group, piece, &more) : FL_OK;
        fl_free(piece);
        if (status != FL_OK || !there) return status == FL_OK && i == 0 ? damaged(f, name) : status;
        out->v = fl_resize(out->v, (out->n + more.n) * sizeof *out->v);
        memcpy(out->v + out->n, more.v, more.n * sizeof *more.v);
        out->n += more.n;
        fl_free(more.v);
    }
}

/* One string of any length: NULL if there is none. */
static char *attribute_text(hid_t group, const char *name) {
    names all = {0};
    char *text = NULL;
    if (H5Aexists(group, name) <= 0) return NULL;
    hid_t attribute = H5Aopen(group, name, H5P_DEFAULT);
    if (attribute >= 0 && read_names(attribute, &all) && all.n == 1) text = fl_strdup(all.v[0]);
    if (attribute >= 0) H5Aclose(attribute);
    close_names(&all);
    return text;
}

/* ---- tensors ---- */

static bool measure(hid_t data, fl_keras_tensor *t) {
    hid_t space = H5Dget_space(data), type = H5Dget_type(data);
    hsize_t d[H5S_MAX_RANK];
    H5T_class_t class = H5Tget_class(type);
    bool fits = class == H5T_FLOAT || class == H5T_INTEGER;
    t->n = H5Sget_simple_extent_ndims(space);
    fits = fits && t->n >= 0 && t->n <= FL_MAX_DIMS;
    fits = fits && H5Sget_simple_extent_dims(space, d, NULL) >= 0;
    t->count = 1;
    for (int i = 0; fits && i < t->n; i++) {
        t->d[i] = (int64_t)d[i];
        fits = d[i] <= INT64_MAX && !__builtin_mul_overflow(t->count, (size_t)d[i], &t->count);
    }
    fits = fits && t->count <= SIZE_MAX / sizeof(double);
    H5Tclose(type);
    H5Sclose(space);
    return fits;
}

/* The name's parts: "…/block1_conv1/kernel:0". */
static size_t length_before(const char *name) {
    const char *slash = strrchr(name, '/');
    return slash ? (size_t)(slash - name) : 0;
}

static char *layer_of(const char *folder, const char *name, bool nested) {
    size_t end = length_before(name);
    if (!nested || end == 0) return fl_strdup(folder);
    char *parent = fl_strndup(name, end);
    char *layer = fl_strdup(parent + length_before(parent) + (strchr(parent, '/') != NULL));
    fl_free(parent);
    return layer;
}

static fl_status add(fl_keras_file *f, const char *folder, const char *name, bool nested) {
    size_t end = length_before(name);
    fl_keras_tensor t = {.layer = layer_of(folder, name, nested),
                         .weight = fl_strdup(name + end + (end > 0)),
                         .path = fl_format("%s/%s", folder, name)};
    hid_t data = H5Dopen2(f->group, t.path, H5P_DEFAULT);
    bool read = data >= 0 && measure(data, &t);
    if (data >= 0) H5Dclose(data);
    f->tensor = fl_resize(f->tensor, (size_t)(f->count + 1) * sizeof *f->tensor);
    f->tensor[f->count++] = t;
    return read ? FL_OK : damaged(f, t.path);
}

/* A net within the net has the tensors of several layers in its folder. */
static bool is_nested(const names *weights) {
    for (size_t i = 1; i < weights->n; i++) {
        size_t n = length_before(weights->v[0]);
        if (length_before(weights->v[i]) != n || strncmp(weights->v[0], weights->v[i], n) != 0)
            return true;
    }
    return false;
}

static fl_status list_folder(fl_keras_file *f, const char *folder) {
    names weights = {0};
    hid_t group = H5Gopen2(f->group, folder, H5P_DEFAULT);
    if (group < 0) return damaged(f, folder);
    fl_status status = list_names(f, group, "weight_names", &weights);
    bool nested = is_nested(&weights);
    for (size_t i = 0; i < weights.n && status == FL_OK; i++)
        status = add(f, folder, weights.v[i], nested);
    close_names(&weights);
    H5Gclose(group);
    return status;
}

static fl_status list(fl_keras_file *f) {
    names layers;
    fl_status status = list_names(f, f->group, "layer_names", &layers);
    for (size_t i = 0; i < layers.n && status == FL_OK; i++) status = list_folder(f, layers.v[i]);
    close_names(&layers);
    if (status == FL_OK && f->count == 0)
        status = fl_fail(FL_ERR_INPUT, "%s: no layer has weights", f->path);
    return status;
}

/* ---- the file ---- */

static fl_status find_group(fl_keras_file *f) {
    f->file = H5Fopen(f->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (f->file < 0)
        return fl_fail(FL_ERR_INPUT, "%s: not HDF5, or cut short: libhdf5 cannot open it", f->path);
    bool whole = H5Lexists(f->file, "model_weights", H5P_DEFAULT) > 0;
    f->group = H5Gopen2(f->file, whole ? "model_weights" : "/", H5P_DEFAULT);
    if (f->group < 0) return damaged(f, "model_weights");
    if (H5Aexists(f->group, "layer_names") > 0 || H5Aexists(f->group, "layer_names0") > 0)
        return FL_OK;
    return fl_fail(FL_ERR_INPUT,
                   "%s: HDF5, but no attribute 'layer_names' lists the net's layers. A .weights.h5 "
                   "of Keras 3 does not say in which order they come: save the whole net, "
                   "model.save(\"net.h5\")",
                   f->path);
}

static fl_status check_backend(const fl_keras_file *f) {
    char *backend = attribute_text(f->group, "backend");
    bool turned = backend && strcmp(backend, "theano") == 0;
    fl_free(backend);
    if (!turned) return FL_OK;
    return fl_fail(FL_ERR_INPUT,
                   "%s: written with Theano, whose convolutions have their kernels the "
                   "other way round; load and save it with TensorFlow first",
                   f->path);
}

fl_status fl_keras_open(const char *path, fl_keras_file **out) {
    fl_keras_file *f = fl_alloc(sizeof *f);
    *f = (fl_keras_file){.path = fl_strdup(path), .file = -1, .group = -1};
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1); /* which many network file systems lack */
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    fl_status status = find_group(f);
    if (status == FL_OK) status = check_backend(f);
    if (status == FL_OK) f->config = attribute_text(f->file, "model_config");
    if (status == FL_OK) status = list(f);
    if (status != FL_OK) {
        fl_keras_close(f);
        f = NULL;
    }
    *out = f;
    return status;
}

void fl_keras_close(fl_keras_file *f) {
    for (int i = 0; i < f->count; i++) {
        fl_free(f->tensor[i].layer);
        fl_free(f->tensor[i].weight);
        fl_free(f->tensor[i].path);
    }
    if (f->group >= 0) H5Gclose(f->group);
    if (f->file >= 0) H5Fclose(f->file);
    fl_free(f->tensor);
    fl_free(f->config);
    fl_free(f->path);
    fl_free(f);
}

const char *fl_keras_path(const fl_keras_file *f) {
    return f->path;
}

int fl_keras_count(const fl_keras_file *f) {
    return f->count;
}

const fl_keras_tensor *fl_keras_at(const fl_keras_file *f, int i) {
    return &f->tensor[i];
}

const char *fl_keras_config(const fl_keras_file *f) {
    return f->config;
}

fl_status fl_keras_read(const fl_keras_file *f, int i, float *dst) {
    hid_t data = H5Dopen2(f->group, f->tensor[i].path, H5P_DEFAULT);
    bool read =
        data >= 0 && H5Dread(data, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, dst) >= 0;
    if (data >= 0) H5Dclose(data);
    return read ? FL_OK : damaged(f, f->tensor[i].path);
}
