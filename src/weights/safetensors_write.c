/* Writing safetensors: the header with __metadata__ first, filled with spaces to a multiple of 8
 * bytes, then the tensors in the order in which they are given. */
#include <jansson.h>
#include <string.h>

#include "weights/format.h"

enum { ALIGNMENT = 8 };

static fl_status add_metadata(json_t *header, const fl_weights_content *c) {
    json_t *metadata = json_object();
    json_object_set_new(header, "__metadata__", metadata);
    for (int i = 0; i < c->n_meta; i++)
        if (json_object_set_new(metadata, c->meta[i][0], json_string(c->meta[i][1])) != 0)
            return fl_fail(FL_ERR_INPUT, "%s: metadata '%s' is not valid UTF-8", c->path,
                           c->meta[i][0]);
    /* transformers and others refuse files that do not say this */
    if (!json_object_get(metadata, "format"))
        json_object_set_new(metadata, "format", json_string("pt"));
    return FL_OK;
}

static json_t *describe(const fl_tensor_info *t, size_t at) {
    json_t *entry = json_object(), *shape = json_array(), *offsets = json_array();
    for (int i = 0; i < t->n; i++) json_array_append_new(shape, json_integer(t->d[i]));
    json_array_append_new(offsets, json_integer((json_int_t)at));
    json_array_append_new(offsets, json_integer((json_int_t)(at + t->bytes)));
    json_object_set_new(entry, "dtype", json_string(fl_dtype_name(t->dtype)));
    json_object_set_new(entry, "shape", shape);
    json_object_set_new(entry, "data_offsets", offsets);
    return entry;
}

static fl_status add_tensors(json_t *header, const fl_weights_content *c) {
    size_t at = 0;
    for (int i = 0; i < c->n; i++) {
        const fl_tensor_info *t = &c->tensors[i];
        if (json_object_get(header, t->name))
            return fl_fail(FL_ERR_INPUT, "%s: two tensors would be named '%s'", c->path, t->name);
        if (json_object_set_new(header, t->name, describe(t, at)) != 0)
            return fl_fail(FL_ERR_INPUT, "%s: the tensor name '%s' is not valid UTF-8", c->path,
                           t->name);
        at += t->bytes;
    }
    return FL_OK;
}

static void put_header(fl_sink *out, const char *text) {
    size_t len = strlen(text), padding = (ALIGNMENT - len % ALIGNMENT) % ALIGNMENT;
    uint64_t size = len + padding;
    fl_sink_put(out, &size, sizeof size);
    fl_sink_put(out, text, len);
    fl_sink_put(out, "        ", padding);
}

static fl_status put_described_header(fl_sink *out, json_t *header, const fl_weights_content *c) {
    FL_TRY(add_metadata(header, c));
    FL_TRY(add_tensors(header, c));
    char *text = json_dumps(header, JSON_COMPACT);
    FL_CHECK(text, "a header of checked parts cannot be dumped");
    put_header(out, text);
    fl_free(text);
    return FL_OK;
}

fl_status fl_safetensors_write(fl_sink *out, const fl_weights_content *content) {
    json_t *header = json_object();
    fl_status status = put_described_header(out, header, content);
    json_decref(header);
    for (int i = 0; status == FL_OK && i < content->n; i++) fl_sink_put_tensor(out, content, i);
    return status;
}
