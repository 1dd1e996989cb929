/* safetensors: 8 bytes of header length, a JSON header, then the tensors' bytes without gaps.
 *   {"__metadata__": {"format": "pt"}, "fc1.bias": {"dtype": "F32", "shape": [4], "data_offsets":
 * [0, 16]}} Nothing in the header is believed before it was checked against the size of the file.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "weights/format.h"

enum { LENGTH_BYTES = 8, MAX_HEADER = 100000000 };

static const char members[] = "dtype, shape and data_offsets";

static bool matches(const unsigned char *bytes, size_t size) {
    return size > LENGTH_BYTES && bytes[LENGTH_BYTES] == '{';
}

static fl_status header_length(const fl_weights *w, size_t *len) {
    if (w->size < LENGTH_BYTES)
        return fl_weights_refuse(
            w, NULL, "the file has %zu bytes; expected at least %d, the header's length", w->size,
            LENGTH_BYTES);
    uint64_t n;
    memcpy(&n, w->bytes, sizeof n);
    if (n > MAX_HEADER)
        return fl_weights_refuse(w, NULL,
                                 "bytes 0-7 give a header of %llu bytes; expected at most %d",
                                 (unsigned long long)n, MAX_HEADER);
    if (n > w->size - LENGTH_BYTES)
        return fl_weights_refuse(w, NULL,
                                 "bytes 0-7 give a header of %llu bytes, but only %zu follow; the "
                                 "file is cut short",
                                 (unsigned long long)n, w->size - LENGTH_BYTES);
    *len = (size_t)n;
    return FL_OK;
}

static fl_status parse_header(const fl_weights *w, size_t len, json_t **root) {
    json_error_t e;
    *root = json_loadb((const char *)w->bytes + LENGTH_BYTES, len, JSON_REJECT_DUPLICATES, &e);
    if (!*root)
        return fl_weights_refuse(w, NULL, "the header is not valid JSON at byte %d: %s",
                                 LENGTH_BYTES + e.position, e.text);
    if (json_is_object(*root)) return FL_OK;
    json_decref(*root);
    return fl_weights_refuse(w, NULL,
                             "the header is not a JSON object; expected {\"<tensor>\": …}");
}

static fl_status read_metadata(fl_weights *w, json_t *metadata) {
    if (!json_is_object(metadata))
        return fl_weights_refuse(w, NULL, "__metadata__ is not an object; expected texts by key");
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value) {
        if (!json_is_string(value))
            return fl_weights_refuse(w, NULL, "__metadata__: '%.120s' is not a text in quotes",
                                     key);
        fl_weights_add_metadata(w, key, json_string_value(value));
    }
    return FL_OK;
}

static fl_status check_members(const fl_weights *w, const char *name, json_t *entry) {
    if (!json_is_object(entry))
        return fl_weights_refuse(w, name, "its entry is not an object; expected %s", members);
    static const char *const wanted[] = {"dtype", "shape", "data_offsets"};
    for (size_t i = 0; i < FL_COUNT(wanted); i++)
        if (!json_object_get(entry, wanted[i]))
            return fl_weights_refuse(w, name, "member '%s' is missing", wanted[i]);
    if (json_object_size(entry) == FL_COUNT(wanted)) return FL_OK;
    const char *key;
    json_t *value;
    json_object_foreach(entry, key, value) {
        bool known = false;
        for (size_t i = 0; i < FL_COUNT(wanted); i++) known |= strcmp(key, wanted[i]) == 0;
        if (!known)
            return fl_weights_refuse(w, name, "unknown member '%.40s'; expected %s", key, members);
    }
    return FL_OK;
}

static fl_status read_dtype(const fl_weights *w, json_t *entry, fl_tensor_info *t) {
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype) return fl_weights_refuse(w, t->name, "dtype is not a text; expected \"F32\" or so");
    if (fl_dtype_parse(dtype, &t->dtype)) return FL_OK;
    return fl_weights_refuse(w, t->name, "dtype '%.40s' is unknown; expected one of %s", dtype,
                             fl_dtype_names());
}

static fl_status read_shape(const fl_weights *w, json_t *entry, fl_tensor_info *t) {
    json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape))
        return fl_weights_refuse(w, t->name, "shape is not a list; expected one of sizes");
    if (json_array_size(shape) > FL_MAX_DIMS)
        return fl_weights_refuse(w, t->name, "shape has %zu dimensions; expected at most %d",
                                 json_array_size(shape), FL_MAX_DIMS);
    t->n = (int)json_array_size(shape);
    for (int i = 0; i < t->n; i++) {
        json_t *d = json_array_get(shape, (size_t)i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return fl_weights_refuse(w, t->name, "shape[%d] is not a size; expected an integer ≥ 0",
                                     i);
        t->d[i] = json_integer_value(d);
    }
    if (fl_tensor_measure(t)) return FL_OK;
    return fl_weights_refuse(w, t->name, "shape: so many elements overflow; no file can hold them");
}

/* The tensor's place, [begin, end) within the `size` bytes at `data`. */
static fl_status read_offsets(const fl_weights *w, json_t *entry, size_t size, const char *data,
                              fl_tensor_info *t) {
    json_t *offsets = json_object_get(entry, "data_offsets");
    json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return fl_weights_refuse(w, t->name,
                                 "data_offsets is malformed; expected two integers [begin, end]");
    long long begin = json_integer_value(first), end = json_integer_value(last);
    if (begin < 0 || end < begin)
        return fl_weights_refuse(w, t->name, "data_offsets [%lld, %lld] are negative or reversed",
                                 begin, end);
    if ((unsigned long long)end > size)
        return fl_weights_refuse(w, t->name,
                                 "its data ends at byte %lld, but the file has only %zu bytes of "
                                 "data; it is cut short",
                                 end, size);
    if ((size_t)(end - begin) != t->bytes)
        return fl_weights_refuse(w, t->name,
                                 "data_offsets span %lld bytes; its shape and dtype need %zu",
                                 end - begin, t->bytes);
    t->data = data + begin;
    return FL_OK;
}

static fl_status read_entry(const fl_weights *w, const char *name, json_t *entry, size_t at,
                            fl_tensor_info *t) {
    t->name = name;
    if (!name[0]) return fl_weights_refuse(w, NULL, "a tensor's name is empty; expected a name");
    FL_TRY(check_members(w, name, entry));
    FL_TRY(read_dtype(w, entry, t));
    FL_TRY(read_shape(w, entry, t));
    return read_offsets(w, entry, w->size - at, (const char *)w->bytes + at, t);
}

/* By place; of tensors without bytes at one place, as the header has them (the pointers say it). */
static int by_place(const void *a, const void *b) {
    const fl_tensor_info *x = *(const fl_tensor_info *const *)a;
    const fl_tensor_info *y = *(const fl_tensor_info *const *)b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The tensors, in order, must fill the data exactly. */
static fl_status check_layout(const fl_weights *w, size_t at) {
    const unsigned char *place = w->bytes + at;
    const char *before = "";
    for (int i = 0; i < w->count; i++) {
        const fl_tensor_info *t = &w->tensors[i];
        const unsigned char *begin = t->data;
        size_t byte = (size_t)(begin - w->bytes);
        if (begin < place)
            return fl_weights_refuse(w, t->name, "at byte %zu it overlaps tensor '%.120s'", byte,
                                     before);
        if (begin > place)
            return fl_weights_refuse(w, t->name,
                                     "the %zu bytes before byte %zu belong to no tensor",
                                     (size_t)(begin - place), byte);
        place = begin + t->bytes;
        before = t->name;
    }
    size_t rest = (size_t)(w->bytes + w->size - place);
    if (rest == 0) return FL_OK;
    return fl_weights_refuse(w, NULL, "%zu bytes are left over at the end, from byte %zu on", rest,
                             w->size - rest);
}

static void add_sorted(fl_weights *w, const fl_tensor_info *t, int n) {
    const fl_tensor_info **order = fl_alloc((size_t)n * sizeof *order);
    for (int i = 0; i < n; i++) order[i] = &t[i];
    qsort(order, (size_t)n, sizeof *order, by_place);
    for (int i = 0; i < n; i++) fl_weights_add(w, order[i]);
    fl_free(order);
}

static fl_status read_entries(fl_weights *w, json_t *root, size_t at, fl_tensor_info *t) {
    const char *name;
    json_t *entry;
    int n = 0;
    json_object_foreach(root, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            FL_TRY(read_metadata(w, entry));
        else
            FL_TRY(read_entry(w, name, entry, at, &t[n++]));
    }
    add_sorted(w, t, n);
    return check_layout(w, at);
}

static fl_status read(fl_weights *w) {
    size_t len = 0;
    json_t *root = NULL;
    FL_TRY(header_length(w, &len));
    FL_TRY(parse_header(w, len, &root));
    fl_tensor_info *t = fl_alloc(json_object_size(root) * sizeof *t);
    fl_status status = read_entries(w, root, LENGTH_BYTES + len, t);
    fl_free(t);
    json_decref(root);
    return status;
}

const fl_weights_ops fl_weights_safetensors = {
    .name = "safetensors",
    .ending = ".safetensors",
    .matches = matches,
    .read = read,
    .write = fl_safetensors_write,
};
