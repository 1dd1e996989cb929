/* What was measured more than once: means. */
#include <jansson.h>
#include <string.h>

#include "cli/site.h"

static json_t *mean(json_t *a, const json_t *b);

static json_t *mean_object(json_t *a, const json_t *b) {
    json_t *o = json_object(), *value;
    const char *key;
    json_object_foreach(a, key, value)
        json_object_set_new(o, key, mean(value, json_object_get(b, key)));
    return o;
}

static json_t *mean_list(json_t *a, const json_t *b) {
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(a); i++)
        json_array_append_new(list, mean(json_array_get(a, i), json_array_get(b, i)));
    return list;
}

/* What is no number in both is that of the first. */
static json_t *mean(json_t *a, const json_t *b) {
    if (json_is_object(a)) return mean_object(a, b);
    if (json_is_array(a)) return mean_list(a, b);
    bool measured = json_is_real(a) && json_is_number(b);
    return measured ? json_real((json_real_value(a) + json_number_value(b)) / 2) : json_incref(a);
}

static fl_status read(const char *path, json_t **out) {
    json_error_t error;
    *out = json_load_file(path, 0, &error);
    if (*out) return FL_OK;
    return fl_fail(FL_ERR_INPUT, "'%s' is no JSON: line %d: %s; delete it, and it is made again",
                   path, error.line, error.text);
}

static fl_status write(const json_t *o, const char *path) {
    char *text = json_dumps(o, JSON_COMPACT);
    FL_CHECK(text, "means of two files are no JSON");
    fl_status status = fl_file_replace(path, text, strlen(text));
    fl_free(text);
    return status;
}

fl_status fl_site_means(const char *first, const char *second, const char *path) {
    json_t *a = NULL, *b = NULL;
    fl_status status = read(first, &a);
    if (status == FL_OK) status = read(second, &b);
    if (status == FL_OK) {
        json_t *both = mean(a, b);
        status = write(both, path);
        json_decref(both);
    }
    json_decref(a);
    json_decref(b);
    return status;
}
