/* frostline inspect */
#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"

static void shape_text(const fl_tensor_info *t, fl_text *out) {
    fl_text_add(out, "[");
    for (int i = 0; i < t->n; i++) fl_text_add(out, "%s%lld", i ? ", " : "", (long long)t->d[i]);
    fl_text_add(out, "]");
}

static void print_text(const fl_weights *w) {
    size_t bytes = 0, elements = 0;
    char human[32];
    for (int i = 0; i < fl_weights_count(w); i++) {
        const fl_tensor_info *t = fl_weights_at(w, i);
        fl_text shape = {0};
        shape_text(t, &shape);
        printf("%-40s %-5s %-22s %12zu\n", t->name, fl_dtype_name(t->dtype), shape.s, t->bytes);
        fl_free(shape.s);
        bytes += t->bytes;
        elements += t->count;
    }
    for (int i = 0; i < fl_weights_metadata_count(w); i++) {
        const char *key, *value;
        fl_weights_metadata_at(w, i, &key, &value);
        printf("# %s: %s\n", key, value);
    }
    printf("%s: %s, %d tensors, %zu elements, %s, hash %016llx\n", fl_weights_path(w),
           fl_weights_format(w), fl_weights_count(w), elements,
           fl_human_bytes((double)bytes, human), (unsigned long long)fl_weights_hash(w));
}

static json_t *tensor_json(const fl_tensor_info *t) {
    json_t *shape = json_array();
    for (int i = 0; i < t->n; i++) json_array_append_new(shape, json_integer(t->d[i]));
    return json_pack("{s:s, s:s, s:o, s:I}", "name", t->name, "dtype", fl_dtype_name(t->dtype),
                     "shape", shape, "bytes", (json_int_t)t->bytes);
}

static void print_json(const fl_weights *w) {
    char hash[17];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)fl_weights_hash(w));
    json_t *tensors = json_array(), *meta = json_object();
    for (int i = 0; i < fl_weights_count(w); i++)
        json_array_append_new(tensors, tensor_json(fl_weights_at(w, i)));
    for (int i = 0; i < fl_weights_metadata_count(w); i++) {
        const char *key, *value;
        fl_weights_metadata_at(w, i, &key, &value);
        json_object_set_new(meta, key, json_string(value));
    }
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o}", "file", fl_weights_path(w), "format",
                          fl_weights_format(w), "hash", hash, "metadata", meta, "tensors", tensors);
    char *text = json_dumps(o, JSON_INDENT(2));
    puts(text);
    fl_free(text);
    json_decref(o);
}

/* Structure is checked by opening; beyond it, floating tensors should hold finite numbers. */
static fl_status verify(const fl_weights *w) {
    for (int i = 0; i < fl_weights_count(w); i++) {
        const fl_tensor_info *t = fl_weights_at(w, i);
        if (!fl_dtype_is_floating(t->dtype)) continue;
        float *values = fl_alloc(t->count * sizeof *values);
        size_t bad = 0;
        fl_status status = fl_tensor_read_float(w, t, values);
        while (status == FL_OK && bad < t->count && isfinite(values[bad])) bad++;
        fl_free(values);
        FL_TRY(status);
        if (bad < t->count)
            return fl_fail(FL_ERR_INPUT, "'%s': element %zu of tensor '%s' is not a finite number",
                           fl_weights_path(w), bad, t->name);
    }
    printf("%s: sound\n", fl_weights_path(w));
    return FL_OK;
}

static fl_status inspect(const char *path, bool json, bool check) {
    fl_weights *w;
    FL_TRY(fl_weights_open(path, &w));
    fl_status status = check ? verify(w) : FL_OK;
    if (!check) (json ? print_json : print_text)(w);
    fl_weights_close(w);
    return status;
}

fl_status fl_cli_inspect(fl_comm *c, int argc, char **argv) {
    (void)c;
    bool json = false, check = false;
    const fl_option options[] = {
        {"json", NULL, NULL, &json}, {"verify", NULL, NULL, &check}, {NULL, NULL, NULL, NULL}};
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, options, 0, &a);
    if (status == FL_OK) status = fl_arguments_no_overrides(argv[0], &a);
    if (status == FL_OK && !a.config)
        status = fl_fail(FL_ERR_CONFIG, "'frostline inspect' needs a FILE of weights");
    if (status == FL_OK) status = inspect(a.config, json, check);
    fl_arguments_close(&a);
    return status;
}
