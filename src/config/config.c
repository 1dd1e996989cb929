/* A config: a file's tree with the overrides put in. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "config/tree.h"

static const char *kind_name(const fl_node *n) {
    switch (n->kind) {
    case FL_NODE_NULL: return "nothing";
    case FL_NODE_SCALAR: return "a single value";
    case FL_NODE_LIST: return "a list";
    default: return "a map";
    }
}

static void read_file(fl_config *c) {
    if (fl_source_check(c, c->file) != FL_OK) return;
    fl_yaml from = {.source = c->file, .text = c->file->text, .len = c->file->len};
    c->root = fl_yaml_read(c, &from);
    if (c->root && c->n_diags == 0 && c->root->kind != FL_NODE_MAP)
        fl_diag_add(c, c->root->at,
                    "a config is a map of sections, not %s\nstart it like this: `model:`, and what "
                    "belongs to it indented below",
                    kind_name(c->root));
}

static fl_status finish(fl_config *c, int n_overrides, const char *const *overrides,
                        fl_config **out) {
    *out = NULL;
    read_file(c);
    if (c->n_diags == 0) {
        c->root->at = (fl_place){.source = c->file};
        for (int i = 0; i < n_overrides; i++) fl_override_apply(c, overrides[i], i + 1);
    }
    fl_status status = fl_config_check(c);
    if (status == FL_OK)
        *out = c;
    else
        fl_config_close(c);
    return status;
}

fl_status fl_config_parse(const char *name, const char *text, int n_overrides,
                          const char *const *overrides, fl_config **out) {
    return finish(fl_config_new(name, text, strlen(text)), n_overrides, overrides, out);
}

/* What is no config for sure is not read: a folder, a device, a checkpoint given by mistake. */
static fl_status check_path(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0)
        return fl_fail(FL_ERR_CONFIG, "cannot read the config '%s': %s; check the path", path,
                       strerror(errno));
    if (S_ISDIR(st.st_mode))
        return fl_fail(FL_ERR_CONFIG, "the config '%s' is a folder; name the file in it", path);
    if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode))
        return fl_fail(FL_ERR_CONFIG, "the config '%s' is not a file; name a YAML file", path);
    if (st.st_size > FL_MAX_BYTES)
        return fl_fail(FL_ERR_CONFIG,
                       "the config '%s' has %lld bytes, and may have 4 MiB; is it a YAML file?",
                       path, (long long)st.st_size);
    return FL_OK;
}

static fl_status config_status(fl_status status) { /* keeps the message, changes the kind */
    if (status == FL_OK) return FL_OK;
    char *message = fl_strdup(fl_message());
    fl_fail_text(FL_ERR_CONFIG, message);
    fl_free(message);
    return FL_ERR_CONFIG;
}

fl_status fl_config_open(const char *path, int n_overrides, const char *const *overrides,
                         fl_config **out) {
    char *text = NULL;
    size_t len = 0;
    *out = NULL;
    FL_TRY(check_path(path));
    FL_TRY(config_status(fl_file_read(path, &text, &len)));
    fl_config *c = fl_config_new(path, text, len);
    fl_free(text);
    return finish(c, n_overrides, overrides, out);
}

const char *fl_config_path(const fl_config *c) {
    return c->file->name;
}

const char *fl_config_source(const fl_config *c) {
    return c->read;
}

fl_node *fl_config_root(fl_config *c) {
    return c->root;
}

fl_node *fl_config_section(fl_config *c, const char *name) {
    fl_node *n = fl_node_get(c->root, name);
    if (!n) {
        n = fl_node_new(c, FL_NODE_MAP, c->root->at);
        fl_node_add(c->root, fl_config_keep(c, name, strlen(name)), c->root->at, n);
    }
    fl_node_become_map(n);
    return n;
}
