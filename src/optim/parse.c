/* The config's `optimizer` and `lr_scheduler` sections, and the rules by layer. */
#include "frostline/optim.h"

enum { MAX_NAMES = 64 };

/* The text of map[type]; put there as `fallback` if it is absent. NULL, and an error, if it is no
 * text.
 */
static const char *type_of(fl_node *map, const char *fallback) {
    fl_node *type = fl_node_get(map, "type");
    if (fl_node_kind_of(type) == FL_NODE_NULL) {
        if (fl_node_kind_of(map) == FL_NODE_MAP) fl_node_set_default(map, "type", fallback);
        return fallback;
    }
    if (!fl_node_text(type)) fl_node_error(type, "the type must be a name, such as %s", fallback);
    return fl_node_text(type);
}

static fl_status unknown_optim(fl_node *section, const char *name) {
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (const fl_optim_ops *const *o = fl_optims_all(); *o && n < MAX_NAMES; o++)
        names[n++] = (*o)->name;
    return fl_node_unknown(fl_node_get(section, "type"), "optimizer", name, names, n);
}

static fl_status unknown_rate(fl_node *section, const char *name) {
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (const fl_rate_ops *const *o = fl_rates_all(); *o && n < MAX_NAMES; o++)
        names[n++] = (*o)->name;
    return fl_node_unknown(fl_node_get(section, "type"), "lr_scheduler", name, names, n);
}

static fl_status parse_conf(fl_node *section, const char *family, const char *name,
                            const fl_field *fields, const char *const *also, size_t size,
                            void **conf) {
    char *where = fl_format("%s '%s'", family, name);
    *conf = fl_alloc(size);
    fl_status status = fl_fields_parse(section, where, fields, also, *conf);
    fl_free(where);
    return status;
}

static fl_status parse_optim(fl_node *section, fl_optim_conf *out) {
    static const char *const also[] = {"type", "rules", NULL};
    const char *name = type_of(section, "adam");
    if (!name) return FL_ERR_CONFIG;
    const fl_optim_ops *ops = fl_optim_find(name);
    if (!ops) return unknown_optim(section, name);
    out->ops = ops;
    return parse_conf(section, "optimizer", name, ops->fields, also, ops->conf_size, &out->conf);
}

static fl_status parse_rate(fl_node *section, fl_optim_conf *out) {
    static const char *const also[] = {"type", NULL};
    const char *name = type_of(section, "constant");
    if (!name) return FL_ERR_CONFIG;
    const fl_rate_ops *ops = fl_rate_find(name);
    if (!ops) return unknown_rate(section, name);
    out->rate = ops;
    return parse_conf(section, "lr_scheduler", name, ops->fields, also, ops->conf_size,
                      &out->rate_conf);
}

/* ---- rules ---- */

typedef struct rule {
    fl_strings layers;
    double learning_rate_scale, weight_decay_scale;
} rule;

static const fl_field rule_fields[] = {
    {"layers", FL_STRINGS, offsetof(rule, layers), NULL, 0, 0, NULL,
     "Globs of the layers that the rule is for.", NULL},
    {"learning_rate_scale", FL_FLOAT, offsetof(rule, learning_rate_scale), "1.0", 0, 1e6, NULL,
     "What their learning rate is multiplied by.", NULL},
    {"weight_decay_scale", FL_FLOAT, offsetof(rule, weight_decay_scale), "1.0", 0, 1e6, NULL,
     "What their weight decay is multiplied by.", NULL},
    {.name = NULL},
};

static fl_status parse_rule(const fl_node *rules, int i, rule *out) {
    return fl_fields_parse(fl_node_item(rules, i), "a rule of the optimizer", rule_fields, NULL,
                           out);
}

static fl_status check_rules(const fl_node *rules) {
    fl_status status = FL_OK;
    fl_node_kind kind = fl_node_kind_of(rules);
    if (kind != FL_NODE_LIST && kind != FL_NODE_NULL)
        return fl_node_error(rules, "rules must be a list: [{layers: [\"conv*\"], "
                                    "learning_rate_scale: 0.1}]");
    for (int i = 0; i < fl_node_count(rules); i++)
        if (parse_rule(rules, i, &(rule){0}) != FL_OK) status = FL_ERR_CONFIG;
    return status;
}

/* Applies one glob; false if it matches nothing. */
static bool apply(const rule *r, const char *glob, int n, const char *const *names, double *scales,
                  double *decay) {
    bool matched = false;
    for (int i = 0; i < n; i++) {
        if (!fl_glob(glob, names[i])) continue;
        scales[i] = r->learning_rate_scale;
        decay[i] = r->weight_decay_scale;
        matched = true;
    }
    return matched;
}

/* Where the i-th glob stands: an item, or the one text that stands for a list of one. */
static fl_node *glob_node(const fl_node *rules, int at, int i) {
    fl_node *layers = fl_node_get(fl_node_item(rules, at), "layers");
    return fl_node_kind_of(layers) == FL_NODE_LIST ? fl_node_item(layers, i) : layers;
}

static fl_status apply_rule(const fl_node *rules, int at, int n, const char *const *names,
                            double *scales, double *decay) {
    rule r;
    fl_status status = parse_rule(rules, at, &r);
    if (status != FL_OK) return status;
    for (int i = 0; i < r.layers.n; i++)
        if (!apply(&r, r.layers.v[i], n, names, scales, decay))
            status =
                fl_node_unknown(glob_node(rules, at, i), "layer", r.layers.v[i], names, (size_t)n);
    return status;
}

fl_status fl_optim_rules(const fl_optim_conf *c, int n, const char *const *names, double *scales,
                         double *decay) {
    fl_status status = FL_OK;
    for (int i = 0; i < n; i++) scales[i] = decay[i] = 1;
    for (int i = 0; i < fl_node_count(c->rules); i++)
        if (apply_rule(c->rules, i, n, names, scales, decay) != FL_OK) status = FL_ERR_CONFIG;
    return status;
}

/* ---- both sections ---- */

fl_status fl_optim_parse(fl_node *optimizer, fl_node *lr_scheduler, fl_optim_conf *out) {
    *out = (fl_optim_conf){.rules = fl_node_get(optimizer, "rules")};
    fl_status first = parse_optim(optimizer, out), second = parse_rate(lr_scheduler, out);
    fl_status third = check_rules(out->rules);
    if (first == FL_OK && second == FL_OK && third == FL_OK) return FL_OK;
    fl_optim_conf_close(out);
    return FL_ERR_CONFIG;
}

void fl_optim_conf_close(fl_optim_conf *c) {
    fl_free(c->conf);
    fl_free(c->rate_conf);
    *c = (fl_optim_conf){0};
}
