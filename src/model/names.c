/* What others call a net's parameters. A base's layers have an alias each; all other layers keep
 * their names. */
#include "model/parts.h"

#include <string.h>

const char *fl_names_text(fl_naming names) {
    static const char *const text[] = {"Frostline", "torchvision", "Keras"};
    return text[names];
}

bool fl_names_known(const fl_model *m, fl_naming names) {
    if (names == FL_NAMES_FROSTLINE) return true;
    return m->net && (m->net->base->own == names || m->net->base->alias == names);
}

static bool aliased(const fl_model *m, fl_naming names) {
    return names != FL_NAMES_FROSTLINE && m->net && m->net->base->alias == names;
}

char *fl_names_param(const fl_model *m, const fl_param *p, fl_naming names) {
    const fl_model_layer *l = &m->layer[p->layer];
    /* the base's layers come first, in the base's order */
    const char *layer =
        l->group ? fl_base_layer_name(m->net, p->layer, aliased(m, names)) : l->name;
    return fl_format("%s.%s", layer, p->spec->name);
}

static bool is_of_layer(const char *tensor, const char *layer) {
    size_t n = strlen(layer);
    return strncmp(tensor, layer, n) == 0 && tensor[n] == '.' && !strchr(tensor + n + 1, '.');
}

static bool has_top(const fl_model *m) {
    return m->net->top < m->n_layers && m->layer[m->net->top].group;
}

bool fl_names_unused_top(const fl_model *m, fl_naming names, const char *tensor) {
    if (!m->net || has_top(m)) return false;
    for (int i = m->net->top; i < m->net->n; i++) {
        const char *name = fl_base_layer_name(m->net, i, aliased(m, names));
        if (is_of_layer(tensor, name)) return true;
    }
    return false;
}
