/* Opening and closing the rows of a set; what the formats share. */
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_CLASSES = 1 << 20 }; /* over it, a label is rather damaged than meant */

/* Whatever text of the config is a path that exists. */
static void stamp_named(fl_source *s, const fl_node *n) {
    const char *text = fl_node_text(n);
    if (text) fl_source_stamp(s, text);
    for (int i = 0; i < fl_node_count(n); i++) stamp_named(s, fl_node_item(n, i));
}

fl_status fl_source_open(const fl_dataset_ops *ops, const fl_source_conf *conf, fl_source **out) {
    fl_source *s = fl_alloc(sizeof *s);
    s->ops = ops;
    s->users = 1;
    s->hash = fl_hash(ops->name, strlen(ops->name), 0);
    stamp_named(s, conf->node); /* first: a change while they are read shows the next time */
    fl_status status = ops->open(conf, s);
    if (status == FL_OK && s->rows == 0)
        status = fl_fail(FL_ERR_INPUT, "'data.%s' has no rows", conf->role);
    *out = s;
    if (status == FL_OK) return FL_OK;
    fl_source_close(s);
    *out = NULL;
    return status;
}

void fl_source_close(fl_source *s) {
    if (!s || --s->users > 0) return;
    s->ops->close(s);
    for (int i = 0; s->class_name && i < s->classes; i++) fl_free(s->class_name[i]);
    fl_free(s->class_name);
    fl_free(s->label);
    fl_free(s->vector);
    fl_free(s);
}

fl_status fl_source_path(const fl_node *n, const char *what, const char **path) {
    *path = fl_node_text(n);
    return *path && **path ? FL_OK : fl_node_error(n, "this should be %s", what);
}

fl_status fl_source_set_labels(fl_source *s, const char *path, const int64_t *wide, int64_t rows) {
    s->target = FL_TARGET_CLASS;
    s->label = fl_alloc((size_t)rows * sizeof *s->label);
    s->bytes += (size_t)rows * sizeof *s->label;
    for (int64_t i = 0; i < rows; i++) {
        if (wide[i] < 0 || wide[i] >= MAX_CLASSES)
            return fl_fail(FL_ERR_INPUT,
                           "'%s': row %lld is of class %lld; class ids are 0, 1, 2, … below %d",
                           path, (long long)i, (long long)wide[i], MAX_CLASSES);
        s->label[i] = (int32_t)wide[i];
        if (s->label[i] >= s->classes) s->classes = s->label[i] + 1;
    }
    fl_source_hash(s, "", s->label, (size_t)rows * sizeof *s->label);
    return FL_OK;
}

void fl_source_stamp(fl_source *s, const char *path) {
    struct stat st;
    char *absolute = realpath(path, NULL);
    if (absolute && stat(absolute, &st) == 0) {
        s->stamp = fl_hash(absolute, strlen(absolute), s->stamp);
        s->stamp = fl_hash(&st.st_mtim, sizeof st.st_mtim, s->stamp);
    }
    fl_free(absolute);
}

void fl_source_hash(fl_source *s, const char *path, const void *bytes, size_t n) {
    const size_t part = (size_t)32 << 20;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *b = bytes;
    s->hash = fl_hash(name, strlen(name), s->hash);
    s->hash = fl_hash(&n, sizeof n, s->hash);
    s->hash = fl_hash(b, n > 2 * part ? part : n, s->hash);
    if (n > 2 * part) s->hash = fl_hash(b + n - part, part, s->hash);
}
