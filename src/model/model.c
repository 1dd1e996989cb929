/* The model as a whole: its options, opening and closing, finding layers by name. */
#include "model/parts.h"

#include <string.h>

static const char layers_schema[] =
    "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\","
    "\"minProperties\":1,\"maxProperties\":1}]}}";

#define AT(member) offsetof(fl_model_conf, member)
const fl_field fl_model_fields[] = {
    {"base", FL_STRING, AT(base), "null", 0, 0, NULL,
     "Named architecture: vgg16, squeezenet1_0, resnet20_cifar, mobilenet_v1; without it every "
     "layer is listed.",
     NULL},
    {"include_top", FL_BOOL, AT(include_top), "true", 0, 0, NULL,
     "Whether the base keeps its own classifier.", NULL},
    {"alpha", FL_FLOAT, AT(alpha), "1.0", 0.0625, 4, NULL,
     "Factor of the base's widths (mobilenet_v1).", NULL},
    {"input", FL_INTS, AT(input), "null", 1, 65536, NULL,
     "Shape of one sample, [height, width, channels] or [features]; a base has its own default.",
     NULL},
    {"weights", FL_STRING, AT(weights), "null", 0, 0, NULL,
     "File of pretrained weights, matched by parameter name.", NULL},
    {"strict", FL_BOOL, AT(strict), "true", 0, 0, NULL,
     "Whether every tensor of the base (without a base: of the net) must be in the file.", NULL},
    {"reinit", FL_STRINGS, AT(reinit), "[]", 0, 0, NULL,
     "Globs of layers that start afresh, whatever the file has.", NULL},
    {"layers", FL_TREE, AT(layers), "null", 0, 0, NULL,
     "The layers after the base, or of the whole net.", layers_schema},
    {0},
};

int fl_model_find(const fl_model *m, const char *layer) {
    for (int i = 0; i < m->n_layers; i++)
        if (strcmp(m->layer[i].name, layer) == 0) return i;
    return -1;
}

bool fl_model_matches(const fl_model_layer *layer, const char *pattern) {
    return fl_glob(pattern, layer->name) || (layer->group && fl_glob(pattern, layer->group));
}

fl_status fl_model_unknown(const fl_model *m, const fl_node *n, const char *pattern) {
    size_t count = 0;
    const char **names = fl_alloc((size_t)(m->n_layers + 1) * sizeof *names);
    if (m->base) names[count++] = m->base;
    for (int i = 0; i < m->n_layers; i++) names[count++] = m->layer[i].name;
    fl_status s = fl_node_unknown(n, "layer", pattern, names, count);
    fl_free(names);
    return s;
}

static bool matches_any(const fl_model *m, const char *pattern) {
    for (int i = 0; i < m->n_layers; i++)
        if (fl_model_matches(&m->layer[i], pattern)) return true;
    return false;
}

static fl_status check_reinit(const fl_model *m, const fl_strings *reinit, const fl_node *n) {
    fl_status s = FL_OK;
    bool list = fl_node_kind_of(n) == FL_NODE_LIST;
    for (int i = 0; i < reinit->n; i++)
        if (!matches_any(m, reinit->v[i]))
            s = fl_model_unknown(m, list ? fl_node_item(n, i) : n, reinit->v[i]);
    return s;
}

fl_status fl_model_open(const fl_model_conf *conf, fl_node *section, fl_model **out) {
    *out = NULL;
    fl_model *m = fl_alloc(sizeof *m);
    fl_status s = fl_graph_build(m, conf, section);
    if (s == FL_OK) s = check_reinit(m, &conf->reinit, fl_node_get(section, "reinit"));
    if (s != FL_OK) {
        fl_model_close(m);
        return s;
    }
    fl_params_open(m);
    *out = m;
    return FL_OK;
}

void fl_model_close(fl_model *m) {
    if (!m) return;
    fl_params_close(m);
    for (int i = 0; i < m->n_layers; i++) {
        fl_free(m->layer[i].name);
        fl_free(m->layer[i].conf);
    }
    fl_free(m->layer);
    fl_base_close(m->net);
    fl_free(m->base);
    fl_free(m);
}

fl_fusion fl_model_fusion(const fl_model *m, int layer) {
    const fl_model_layer *l = &m->layer[layer];
    if (!l->ops->fusion || l->n_in != 1) return (fl_fusion){.kind = FL_FUSION_NONE};
    return l->ops->fusion(l->conf, fl_model_shape(m, l->in[0]));
}

void fl_model_fuse_final(fl_model *m, bool sigmoid) {
    fl_model_layer *l = &m->layer[m->n_layers - 1];
    fl_activation *a = fl_layer_activation(l->ops, l->conf);
    fl_activation fused = sigmoid ? FL_ACT_SIGMOID : FL_ACT_SOFTMAX;
    if (!a || *a != fused) return;
    *a = FL_ACT_LINEAR;
    m->final = fused;
    bool planned = fl_model_plan_layer(m, m->n_layers - 1);
    FL_CHECK(planned, "layer '%s' without its activation: %s", l->name, l->plan.error);
}
