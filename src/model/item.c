/* One entry of a list of layers: `- dense: {units: 10}` or `- flatten`. After an error the layer is
 * kept as far as it is known, so that the layers below can still be checked without errors that
 * only follow from this one. */
#include "model/parts.h"

#include <string.h>

static const char *const common[] = {"name", "inputs", NULL};
enum { UNKNOWN = -2 };

fl_node *fl_item_options(const fl_node *item) {
    return fl_node_kind_of(item) == FL_NODE_MAP ? fl_node_item(item, 0) : NULL;
}

const char *fl_item_type(const fl_node *item) {
    if (fl_node_kind_of(item) == FL_NODE_SCALAR) return fl_node_text(item);
    if (fl_node_kind_of(item) != FL_NODE_MAP || fl_node_count(item) != 1) return NULL;
    return fl_node_key(item, 0);
}

/* ---- its type ---- */

static fl_status malformed(const fl_node *item) {
    if (fl_node_kind_of(item) == FL_NODE_MAP && fl_node_count(item) > 1)
        return fl_node_error_key(
            item, 1,
            "'%s' stands beside the layer '%s', not in it: a layer is one key, "
            "its options are indented beneath it",
            fl_node_key(item, 1), fl_node_key(item, 0));
    return fl_node_error(item, "expected a layer, such as 'dense: {units: 10}' or 'flatten'");
}

static fl_status unknown_type(const fl_node *item, const char *type) {
    const fl_layer_ops *const *all = fl_layers_all();
    size_t n = 0;
    while (all[n]) n++;
    const char **names = fl_alloc(n * sizeof *names);
    for (size_t i = 0; i < n; i++) names[i] = all[i]->name;
    fl_status s = fl_node_unknown(item, "layer", type, names, n);
    fl_free(names);
    return s;
}

static const fl_layer_ops *find_type(fl_graph *g, const fl_node *item, const char *type) {
    if (!type) {
        g->status = malformed(item);
        return NULL;
    }
    const fl_layer_ops *ops = fl_layer_find(type);
    if (!ops) g->status = unknown_type(item, type);
    return ops;
}

/* ---- its name ---- */

static const char *listed_name(const fl_graph *g, int i) {
    return fl_node_text(fl_node_get(fl_item_options(fl_node_item(g->list, i)), "name"));
}

static bool is_listed(const fl_graph *g, const char *name) {
    for (int i = 0; i < fl_node_count(g->list); i++)
        if (listed_name(g, i) && strcmp(listed_name(g, i), name) == 0) return true;
    return false;
}

static bool is_reserved(const fl_graph *g, const char *name) {
    return strcmp(name, "input") == 0 || (g->m->base && strcmp(name, g->m->base) == 0);
}

/* As in Keras: dense, dense_1, dense_2, … past all names that are given. */
static char *automatic_name(const fl_graph *g, const char *type) {
    char *name = fl_strdup(type);
    for (int i = 1; fl_model_find(g->m, name) >= 0 || is_listed(g, name) || is_reserved(g, name);
         i++) {
        fl_free(name);
        name = fl_format("%s_%d", type, i);
    }
    return name;
}

static fl_status check_name(const fl_graph *g, const fl_node *n, const char *name) {
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-/";
    if (!name || !*name || name[strspn(name, allowed)])
        return fl_node_error(n, "a layer's name is made of letters, digits, '_', '.', '-' and '/'");
    if (is_reserved(g, name))
        return fl_node_error(n, "'%s' means the %s; give the layer another name", name,
                             strcmp(name, "input") == 0 ? "net's input" : "whole base");
    int other = fl_model_find(g->m, name);
    if (other >= 0)
        return fl_node_error(n, "the name '%s' is already that of a layer %s; names must differ",
                             name, g->m->layer[other].group ? "of the base" : "above");
    return FL_OK;
}

static char *take_automatic_name(fl_graph *g, fl_node *options, const fl_layer_ops *ops) {
    fl_node_kind kind = fl_node_kind_of(options);
    if (!ops) g->lost_names = true;
    char *name = automatic_name(g, ops ? ops->name : "?");
    if (ops && (kind == FL_NODE_MAP || (options && kind == FL_NODE_NULL)))
        fl_node_set_default(options, "name", name);
    return name;
}

static char *take_name(fl_graph *g, fl_node *item, const fl_layer_ops *ops) {
    fl_node *options = fl_item_options(item), *n = fl_node_get(options, "name");
    if (fl_node_kind_of(n) == FL_NODE_NULL) return take_automatic_name(g, options, ops);
    const char *name = fl_node_text(n);
    if (check_name(g, n, name) != FL_OK) g->status = FL_ERR_CONFIG;
    return fl_strdup(name ? name : "");
}

/* ---- its inputs ---- */

static fl_status unknown_input(fl_graph *g, const fl_node *n, const char *name) {
    if (g->lost_names) return FL_ERR_CONFIG;
    if (is_listed(g, name))
        return fl_node_error(n,
                             "'%s' is no layer above this one; inputs name layers above, or "
                             "'input'",
                             name);
    const fl_model *m = g->m;
    const char **names = fl_alloc((size_t)m->n_layers * sizeof *names);
    for (int i = 0; i < m->n_layers - 1; i++) names[i] = m->layer[i].name;
    names[m->n_layers - 1] = "input";
    fl_status s = fl_node_unknown(n, "input", name, names, (size_t)m->n_layers);
    fl_free(names);
    return s;
}

static int find_input(fl_graph *g, const fl_node *n) {
    const char *name = fl_node_text(n);
    if (!name) {
        g->status = fl_node_error(n, "expected the name of a layer above, or 'input'");
        return UNKNOWN;
    }
    if (strcmp(name, "input") == 0) return FL_MODEL_INPUT;
    int i = fl_model_find(g->m, name);
    if (i >= 0 && i < g->m->n_layers - 1) return i;
    g->status = unknown_input(g, n, name);
    return UNKNOWN;
}

static bool count_inputs(fl_graph *g, const fl_node *at, const fl_model_layer *l, int n) {
    int least = l->ops ? l->ops->min_in : 0, most = l->ops ? l->ops->max_in : FL_MAX_INPUTS;
    if (n >= least && n <= most) return true;
    char range[32];
    snprintf(range, sizeof range, least < most ? "%d to %d" : "%d", least, most);
    g->status =
        fl_node_error(at, "layer '%s' takes %s input%s, not %d; name them: inputs: [%s]", l->name,
                      range, most == 1 ? "" : "s", n, most == 1 ? "layer" : "layer, layer");
    return false;
}

/* True if all inputs are known. Without `inputs` it is the layer above, which for the first is
 * FL_MODEL_INPUT. */
static bool take_inputs(fl_graph *g, const fl_node *item, fl_model_layer *l) {
    fl_node *inputs = fl_node_get(fl_item_options(item), "inputs");
    bool given = fl_node_kind_of(inputs) != FL_NODE_NULL, known = true;
    bool list = fl_node_kind_of(inputs) == FL_NODE_LIST;
    int n = list ? fl_node_count(inputs) : 1;
    if (!count_inputs(g, given ? inputs : item, l, n)) return false;
    l->n_in = n;
    for (int i = 0; i < n; i++) {
        l->in[i] =
            given ? find_input(g, list ? fl_node_item(inputs, i) : inputs) : g->m->n_layers - 2;
        if (l->in[i] == UNKNOWN) known = false;
    }
    if (!known) l->n_in = 0;
    return known;
}

/* ---- its options ---- */

static bool needs_options(const fl_layer_ops *ops) {
    for (const fl_field *f = ops->fields; f && f->name; f++)
        if (!f->fallback) return true;
    return false;
}

static fl_status parse(fl_node *item, const fl_model_layer *l) {
    fl_node *options = fl_item_options(item);
    char where[128];
    snprintf(where, sizeof where, "layer '%s'", l->ops->name);
    if (!options && needs_options(l->ops))
        return fl_node_error(item, "%s needs options; write '%s: {…}'", where, l->ops->name);
    if (options && fl_node_kind_of(options) != FL_NODE_MAP &&
        fl_node_kind_of(options) != FL_NODE_NULL)
        return fl_node_error(options, "the options of %s must be a map, such as {name: x}", where);
    fl_status s = fl_fields_parse(options, where, l->ops->fields, common, l->conf);
    FL_CHECK(s == FL_OK || !l->group, "base %s: options of '%s'", l->group, l->name);
    return s;
}

static const fl_node *node_of(const fl_graph *g, const fl_node *item) {
    if (!g->base) return item;
    const fl_node *input = fl_node_get(g->section, "input");
    return g->conf->input.n > 0 ? input : fl_node_get(g->section, "base");
}

static fl_model_layer *append(fl_model *m) {
    m->layer = fl_resize(m->layer, (size_t)(m->n_layers + 1) * sizeof *m->layer);
    fl_model_layer *l = &m->layer[m->n_layers++];
    memset(l, 0, sizeof *l);
    return l;
}

void fl_graph_add(fl_graph *g, fl_node *item) {
    const fl_layer_ops *ops = find_type(g, item, fl_item_type(item));
    char *name = take_name(g, item, ops);
    fl_model_layer *l = append(g->m);
    *l = (fl_model_layer){.name = name, .ops = ops, .group = g->base};
    l->node = g->base ? NULL : item;
    bool whole = take_inputs(g, item, l);
    if (!whole) g->lost_inputs = true;
    if (!ops) return;
    l->conf = fl_alloc(ops->conf_size);
    if (parse(item, l) != FL_OK) {
        g->status = FL_ERR_CONFIG;
        return;
    }
    for (int i = 0; i < l->n_in; i++) whole = whole && fl_model_shape(g->m, l->in[i]).n > 0;
    if (whole && !fl_model_plan_layer(g->m, g->m->n_layers - 1))
        g->status = fl_node_error(node_of(g, item), "layer '%s': %s", name, l->plan.error);
}
