/* The JSON that model.save keeps: {"class_name", "config": {"name", "layers": [the same, …]}}. */
#include <jansson.h>
#include <string.h>

#include "keras/keras.h"

static void add_layer(fl_keras_net *net, const char *name, const char *class) {
    net->layer = fl_resize(net->layer, (size_t)(net->n + 1) * sizeof *net->layer);
    net->layer[net->n][0] = fl_strdup(name);
    net->layer[net->n++][1] = fl_strdup(class);
}

/* (None, height, width, channels), of the net's first input. */
static void take_input(fl_keras_net *net, const json_t *config, bool *seen) {
    const json_t *shape = json_object_get(config, "batch_shape");
    if (!shape) shape = json_object_get(config, "batch_input_shape"); /* of Keras 2 */
    if (*seen || !json_is_array(shape)) return;
    *seen = true;
    if (json_array_size(shape) == 4)
        net->image_channels = json_integer_value(json_array_get(shape, 3));
}

/* Keras 2 kept the layers of a sequential net in "config" itself at first. */
static void take(fl_keras_net *net, const json_t *layer, bool *seen) {
    const json_t *config = json_object_get(layer, "config"), *inner, *layers;
    const char *class = json_string_value(json_object_get(layer, "class_name")),
               *name = json_string_value(json_object_get(config, "name")),
               *order = json_string_value(json_object_get(config, "data_format"));
    size_t i;
    if (class && name) add_layer(net, name, class);
    if (order && strcmp(order, "channels_first") == 0) net->channels_first = true;
    take_input(net, config, seen);
    layers = json_is_array(config) ? config : json_object_get(config, "layers");
    json_array_foreach(layers, i, inner) take(net, inner, seen);
}

fl_status fl_keras_net_read(const char *json, fl_keras_net *out) {
    *out = (fl_keras_net){0};
    if (!json) return FL_OK;
    json_error_t error;
    json_t *net = json_loads(json, 0, &error);
    if (!net)
        return fl_fail(FL_ERR_INPUT, "attribute 'model_config', line %d: %s", error.line,
                       error.text);
    bool seen = false;
    take(out, net, &seen);
    json_decref(net);
    return FL_OK;
}

void fl_keras_net_close(fl_keras_net *net) {
    for (int i = 0; i < net->n; i++) {
        fl_free(net->layer[i][0]);
        fl_free(net->layer[i][1]);
    }
    fl_free(net->layer);
}

const char *fl_keras_class(const fl_keras_net *net, const char *layer) {
    for (int i = 0; i < net->n; i++)
        if (strcmp(net->layer[i][0], layer) == 0) return net->layer[i][1];
    return NULL;
}
