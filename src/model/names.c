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

const char *fl_names_layer(const fl_model *m, int layer, fl_naming names) {
    const fl_model_layer *l = &m->layer[layer];
    /* the base's layers come first, in the base's order */
    return l->group ? fl_base_layer_name(m->net, layer, aliased(m, names)) : l->name;
}

char *fl_names_param(const fl_model *m, const fl_param *p, fl_naming names) {
    return fl_format("%s.%s", fl_names_layer(m, p->layer, names), p->spec->name);
}

bool fl_names_is_of(const char *tensor, const char *layer) {
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
        if (fl_names_is_of(tensor, name)) return true;
    }
    return false;
}
