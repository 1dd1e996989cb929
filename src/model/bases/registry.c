/* The bases there are, and how a builder's calls become layers. */
#include "model/bases/base.h"

#include <string.h>

#define FL_BASE(name) extern const fl_base fl_base_##name;
#include "model/bases/bases.def"
#undef FL_BASE

static const fl_base *const bases[] = {
#define FL_BASE(name) &fl_base_##name,
#include "model/bases/bases.def"
#undef FL_BASE
};

static const char *const names[] = {
#define FL_BASE(name) #name,
#include "model/bases/bases.def"
#undef FL_BASE
    NULL,
};

const char *const *fl_bases_all(void) {
    return names;
}

const fl_base *fl_base_find(const char *name) {
    for (size_t i = 0; i < FL_COUNT(bases); i++)
        if (strcmp(bases[i]->name, name) == 0) return bases[i];
    return NULL;
}

void fl_base_add(fl_base_net *net, const char *type, const char *options, ...) {
    va_list args;
    va_start(args, options);
    fl_text_add(&net->yaml, "- %s: {", type);
    fl_text_addv(&net->yaml, options, args);
    fl_text_add(&net->yaml, "}\n");
    va_end(args);
    net->alias = fl_resize(net->alias, (size_t)(net->n + 1) * sizeof *net->alias);
    net->alias[net->n++] = NULL;
}

void fl_base_alias(fl_base_net *net, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fl_text alias = {0};
    fl_text_addv(&alias, format, args);
    va_end(args);
    net->alias[net->n - 1] = alias.s;
}

void fl_base_top(fl_base_net *net) {
    net->top = net->n;
}

fl_base_net *fl_base_open(const fl_base *base, double alpha) {
    fl_base_net *net = fl_alloc(sizeof *net);
    net->base = base;
    net->alpha = alpha;
    fl_text_add(&net->yaml, "layers:\n");
    base->build(net, alpha);
    fl_status parsed = fl_config_parse(base->name, net->yaml.s, 0, NULL, &net->config);
    FL_CHECK(parsed == FL_OK, "base %s: %s", base->name, fl_message());
    net->layers = fl_node_get(fl_config_root(net->config), "layers");
    return net;
}

void fl_base_close(fl_base_net *net) {
    if (!net) return;
    for (int i = 0; i < net->n; i++) fl_free(net->alias[i]);
    fl_free(net->alias);
    fl_free(net->yaml.s);
    fl_config_close(net->config);
    fl_free(net);
}

const char *fl_base_layer_name(const fl_base_net *net, int layer, bool alias) {
    if (alias && net->alias[layer]) return net->alias[layer];
    return fl_node_text(fl_node_get(fl_node_item(fl_node_item(net->layers, layer), 0), "name"));
}
