/* From the config's section to the graph of layers: the base's first, then the listed ones. */
#include "model/parts.h"

#include <string.h>

static fl_node *option(const fl_graph *g, const char *key) {
    return fl_node_get(g->section, key);
}

/* ---- the net's input ---- */

static void refuse(fl_graph *g, fl_status recorded) {
    g->status = recorded;
    g->m->input.n = 0;
}

static void read_input(fl_graph *g) {
    fl_ints in = g->conf->input;
    fl_node *n = option(g, "input");
    if (in.n == 0 && fl_node_kind_of(n) == FL_NODE_NULL)
        return refuse(g, fl_node_error(g->section, "section 'model' needs 'input': [height, width, "
                                                   "channels] or [features]"));
    if (in.n != 1 && in.n != 3)
        return refuse(g, fl_node_error(n,
                                       "'input' is [height, width, channels] or [features], "
                                       "not %d numbers",
                                       in.n));
    g->m->input.n = in.n;
    for (int i = 0; i < in.n; i++) {
        g->m->input.d[i] = in.v[i];
        /* out of its range: said when the option was parsed */
        if (in.v[i] < 1) return refuse(g, FL_ERR_CONFIG);
    }
}

/* ---- the base ---- */

static fl_status check_size(const fl_graph *g, const fl_base *b) {
    const fl_shape s = g->m->input;
    const fl_node *n = option(g, "input");
    char text[64];
    if (s.n != 3) return fl_node_error(n, "base '%s' takes [height, width, channels]", b->name);
    if (s.d[0] < b->min_size || s.d[1] < b->min_size)
        return fl_node_error(n, "base '%s' takes inputs of %d x %d at least, not %s", b->name,
                             (int)b->min_size, (int)b->min_size, fl_shape_text(s, text));
    bool fits = !b->top_size || (s.d[0] == b->top_size && s.d[1] == b->top_size);
    if (g->conf->include_top && !fits)
        return fl_node_error(n,
                             "base '%s' with its top takes %d x %d; for another size say "
                             "'include_top: false'",
                             b->name, (int)b->top_size, (int)b->top_size);
    return FL_OK;
}

static void base_input(fl_graph *g, const fl_base *b) {
    if (fl_node_kind_of(option(g, "input")) != FL_NODE_NULL)
        read_input(g);
    else
        g->m->input = fl_shape3(b->input[0], b->input[1], b->input[2]);
    if (g->m->input.n == 0) return;
    fl_status s = check_size(g, b);
    if (s != FL_OK) refuse(g, s);
}

static void check_alpha(fl_graph *g, const fl_base *b) {
    if (g->conf->alpha == 1 || (b && b->scales)) return;
    g->status = fl_node_error(option(g, "alpha"), "'alpha' has no meaning %s%s; take it out",
                              b ? "for base " : "without a base", b ? b->name : "");
}

static void add_base_layers(fl_graph *g, const fl_base *b) {
    g->m->net = fl_base_open(b, g->conf->alpha);
    g->base = g->m->base;
    g->list = g->m->net->layers;
    int n = g->conf->include_top ? g->m->net->n : g->m->net->top;
    for (int i = 0; i < n && g->status == FL_OK; i++) fl_graph_add(g, fl_node_item(g->list, i));
    g->base = NULL;
}

static void add_base(fl_graph *g) {
    const fl_base *b = fl_base_find(g->conf->base);
    if (!b) {
        const char *const *all = fl_bases_all();
        size_t n = 0;
        while (all[n]) n++;
        return refuse(g, fl_node_unknown(option(g, "base"), "base", g->conf->base, all, n));
    }
    g->m->base = fl_strdup(b->name);
    check_alpha(g, b);
    if (g->status == FL_OK) base_input(g, b);
    if (g->status == FL_OK) add_base_layers(g, b);
}

/* ---- the listed layers ---- */

static void add_listed(fl_graph *g) {
    g->list = option(g, "layers");
    fl_node_kind kind = fl_node_kind_of(g->list);
    int n = fl_node_count(g->list);
    if (kind != FL_NODE_LIST && kind != FL_NODE_NULL)
        g->status = fl_node_error(g->list, "'layers' must be a list: one '- type: {…}' per layer");
    else if (n == 0 && !g->conf->base)
        g->status = fl_node_error(kind == FL_NODE_LIST ? g->list : g->section,
                                  "section 'model' needs 'base' or 'layers'");
    if (kind != FL_NODE_LIST) return;
    for (int i = 0; i < n; i++) fl_graph_add(g, fl_node_item(g->list, i));
}

static void check_read(fl_graph *g) {
    const fl_model *m = g->m;
    bool *read = fl_alloc((size_t)m->n_layers * sizeof *read + 1);
    for (int i = 0; i < m->n_layers; i++)
        for (int k = 0; k < m->layer[i].n_in; k++)
            if (m->layer[i].in[k] != FL_MODEL_INPUT) read[m->layer[i].in[k]] = true;
    for (int i = 0; i < m->n_layers - 1; i++) {
        const fl_node *n = m->layer[i].node;
        if (!read[i])
            g->status = fl_node_error(n ? n : option(g, "base"),
                                      "no layer reads the output of '%s'; name it in some layer's "
                                      "'inputs', or take it out",
                                      m->layer[i].name);
    }
    fl_free(read);
}

fl_status fl_graph_build(fl_model *m, const fl_model_conf *conf, fl_node *section) {
    fl_graph g = {.m = m, .conf = conf, .section = section};
    if (conf->base) {
        add_base(&g);
    } else {
        check_alpha(&g, NULL);
        read_input(&g);
    }
    if (conf->base && g.status != FL_OK) { /* its end and its layers' names are unknown */
        m->input.n = 0;
        g.lost_names = g.lost_inputs = true;
    }
    add_listed(&g);
    if (!g.lost_inputs && !g.lost_names) check_read(&g);
    return g.status;
}
