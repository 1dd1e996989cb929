/* Arrays in safetensors or npy files: a path of a file with the tensors `x` and `y`, or {x: FILE,
 * y: FILE}. x is (rows, …input), float or uint8 images, channels-last; y is (rows) class ids or
 * (rows, outputs) floats, or absent. */
#include "data/dataset.h"

#include "frostline/weights.h"

#include <string.h>

typedef struct arrays {
    fl_weights *x_file, *y_file; /* may be the same */
    const fl_tensor_info *x, *y; /* y may be NULL */
    float *converted;            /* x, if it is floating but not float32 */
} arrays;

typedef struct conf {
    const char *x, *y;
} conf;

static const fl_field fields[] = {
    {"x", FL_STRING, offsetof(conf, x), NULL, 0, 0, NULL, "file of (rows, …input)", NULL},
    {"y", FL_STRING, offsetof(conf, y), "null", 0, 0, NULL,
     "file of (rows) class ids or (rows, outputs) floats", NULL},
    {0},
};

static bool is_float(fl_dtype t) {
    return t == FL_F32 || t == FL_F16 || t == FL_BF16 || t == FL_F64;
}

static fl_status open_pair(const conf *c, arrays *a) {
    FL_TRY(fl_weights_open(c->x, &a->x_file));
    if (!c->y) return FL_OK;
    return fl_weights_open(c->y, &a->y_file);
}

static fl_status open_files(const fl_source_conf *sc, arrays *a) {
    conf c;
    if (fl_node_kind_of(sc->node) == FL_NODE_MAP) {
        FL_TRY(fl_fields_parse(sc->node, "an arrays set", fields, NULL, &c));
        return open_pair(&c, a);
    }
    FL_TRY(fl_source_path(
        sc->node, "the path of a .safetensors file with x and y, or {x: FILE, y: FILE}", &c.x));
    FL_TRY(fl_weights_open(c.x, &a->x_file));
    a->y_file = a->x_file;
    return FL_OK;
}

/* By name; a file of its own may hold one array of any name. */
static const fl_tensor_info *pick(const fl_weights *w, const char *name, bool own) {
    const fl_tensor_info *t = w ? fl_weights_find(w, name) : NULL;
    return t || !w || !own || fl_weights_count(w) != 1 ? t : fl_weights_at(w, 0);
}

static fl_status check_x(const char *path, const fl_tensor_info *x) {
    bool image = x->dtype == FL_U8;
    if (!image && !is_float(x->dtype))
        return fl_fail(FL_ERR_INPUT, "'%s': x is %s; save it as float32, or images as uint8", path,
                       fl_dtype_name(x->dtype));
    if (x->n < (image ? 3 : 2) || x->n > 4)
        return fl_fail(FL_ERR_INPUT, "'%s': x has %d dimensions; it should be %s", path, x->n,
                       image ? "(rows, h, w) or (rows, h, w, c)"
                             : "(rows, features), (rows, h, w) or (rows, h, w, c)");
    for (int i = 0; i < x->n; i++)
        if (x->d[i] < 1 || (image && i > 0 && x->d[i] > FL_IMAGE_MAX_SIDE))
            return fl_fail(FL_ERR_INPUT, "'%s': x has %lld in dimension %d, which cannot be", path,
                           (long long)x->d[i], i);
    return FL_OK;
}

static fl_status take_x(arrays *a, fl_source *s) {
    const char *path = fl_weights_path(a->x_file);
    const fl_tensor_info *x = a->x;
    FL_TRY(check_x(path, x));
    s->rows = x->d[0];
    s->pixels = x->dtype == FL_U8;
    s->shape =
        x->n == 2 ? fl_shape1(x->d[1]) : fl_shape3(x->d[1], x->d[2], x->n == 4 ? x->d[3] : 1);
    fl_source_hash(s, path, x->d, (size_t)x->n * sizeof *x->d);
    fl_source_hash(s, fl_dtype_name(x->dtype), x->data, x->bytes);
    if (x->dtype == FL_U8 || x->dtype == FL_F32) return FL_OK;
    a->converted = fl_alloc(x->count * sizeof *a->converted);
    s->bytes += x->count * sizeof *a->converted;
    return fl_tensor_read_float(a->x_file, x, a->converted);
}

static fl_status take_ids(const arrays *a, fl_source *s) {
    int64_t *wide = fl_alloc(a->y->count * sizeof *wide);
    fl_status status = fl_tensor_read_int(a->y_file, a->y, wide);
    if (status == FL_OK)
        status = fl_source_set_labels(s, fl_weights_path(a->y_file), wide, s->rows);
    fl_free(wide);
    return status;
}

static fl_status take_vectors(const arrays *a, fl_source *s) {
    size_t bytes = a->y->count * sizeof *s->vector;
    s->target = FL_TARGET_VECTOR;
    s->classes = a->y->n == 2 ? (int)a->y->d[1] : 1;
    s->vector = fl_alloc(bytes);
    s->bytes += bytes;
    FL_TRY(fl_tensor_read_float(a->y_file, a->y, s->vector));
    fl_source_hash(s, "", s->vector, bytes);
    return FL_OK;
}

static fl_status take_y(const arrays *a, fl_source *s) {
    const fl_tensor_info *y = a->y;
    s->target = FL_TARGET_NONE;
    if (!y) return FL_OK;
    const char *path = fl_weights_path(a->y_file);
    bool ids = !is_float(y->dtype), column = y->n == 2 && y->d[1] == 1;
    if (y->n < 1 || y->n > 2 || (ids && y->n == 2 && !column) || y->d[y->n - 1] > INT32_MAX)
        return fl_fail(FL_ERR_INPUT,
                       "'%s': y should be (rows) integer class ids or (rows, outputs) floats",
                       path);
    if (y->d[0] != s->rows)
        return fl_fail(FL_ERR_INPUT, "'%s': y has %lld rows, but x has %lld", path,
                       (long long)y->d[0], (long long)s->rows);
    if (y->n == 2 && y->d[1] < 1) return fl_fail(FL_ERR_INPUT, "'%s': y has no outputs", path);
    return ids ? take_ids(a, s) : take_vectors(a, s);
}

static fl_status open_arrays(const fl_source_conf *sc, fl_source *s) {
    arrays *a = s->state = fl_alloc(sizeof *a);
    FL_TRY(open_files(sc, a));
    bool own = a->x_file != a->y_file;
    const char *path = fl_weights_path(a->x_file);
    a->x = pick(a->x_file, "x", own);
    a->y = pick(a->y_file, "y", own);
    if (!a->x)
        return fl_fail(FL_ERR_INPUT, "'%s' has no tensor 'x'; use {x: FILE, y: FILE} for npy files",
                       path);
    if (own && a->y_file && !a->y)
        return fl_fail(FL_ERR_INPUT, "'%s' has no tensor 'y'", fl_weights_path(a->y_file));
    FL_TRY(take_x(a, s));
    return take_y(a, s);
}

static fl_status read_arrays(const fl_source *s, int64_t i, fl_image *image) {
    const arrays *a = s->state;
    size_t n = fl_shape_size(s->shape), at = (size_t)i * n;
    const char *data = a->x->data;
    image->pixels = NULL;
    image->values = NULL;
    if (!s->pixels) {
        image->values =
            a->converted ? (const char *)(a->converted + at) : data + at * sizeof(float);
        return FL_OK;
    }
    image->h = (int)s->shape.d[0];
    image->w = (int)s->shape.d[1];
    image->c = (int)s->shape.d[2];
    image->pixels = (const uint8_t *)data + at;
    return FL_OK;
}

static void close_arrays(fl_source *s) {
    arrays *a = s->state;
    if (a->y_file && a->y_file != a->x_file) fl_weights_close(a->y_file);
    if (a->x_file) fl_weights_close(a->x_file);
    fl_free(a->converted);
    fl_free(a);
}

const fl_dataset_ops fl_dataset_arrays = {
    .name = "arrays", .open = open_arrays, .read = read_arrays, .close = close_arrays};
