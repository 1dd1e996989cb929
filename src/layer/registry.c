/* registry.c: the layers there are. */
#include "layer/options.h"

#include <string.h>

#define FL_LAYER(x) extern const fl_layer_ops fl_layer_##x;
#include "layer/layers.def"
#undef FL_LAYER

static const fl_layer_ops *const all[] = {
#define FL_LAYER(x) &fl_layer_##x,
#include "layer/layers.def"
#undef FL_LAYER
    NULL,
};

const fl_layer_ops *const *fl_layers_all(void) {
    return all;
}

const fl_layer_ops *fl_layer_find(const char *name) {
    for (const fl_layer_ops *const *l = all; *l; l++)
        if (!strcmp((*l)->name, name)) return *l;
    return NULL;
}

fl_activation *fl_layer_activation(const fl_layer_ops *ops, void *conf) {
    for (const fl_field *f = ops->fields; f->name; f++)
        if (!strcmp(f->name, "activation")) return (fl_activation *)((char *)conf + f->offset);
    return NULL;
}
