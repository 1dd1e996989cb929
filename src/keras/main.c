/* frostline-keras FROM.h5 TO.safetensors BGR FLATTEN: weights of Keras, by PyTorch's names and in
 * its order. Run by `frostline convert`; a program of its own, since libhdf5 brings three dozen
 * libraries that no rank needs, and since a damaged file then ends no more than this. */
#include <stdio.h>
#include <string.h>

#include "keras/keras.h"

typedef struct writing {
    const fl_keras_file *f;
    const fl_keras_layout *layout;
    float *from, *to; /* of the largest tensor */
} writing;

static const void *bytes_of(void *context, int i) {
    writing *w = context;
    const fl_keras_item *item = &w->layout->item[i];
    size_t n = item->window * item->ci * item->co;
    if (item->from < 0) {
        for (size_t k = 0; k < n; k++) w->to[k] = item->fill;
    } else {
        if (fl_keras_read(w->f, item->from, w->from) != FL_OK) fl_die(FL_ERR_INPUT, fl_message());
        fl_keras_turn(item, w->from, w->to);
    }
    return w->to;
}

static fl_status write_all(const fl_keras_file *f, const fl_keras_layout *l, const char *path) {
    fl_tensor_info *to = fl_alloc((size_t)l->n * sizeof *to);
    size_t most = 0;
    for (int i = 0; i < l->n; i++) {
        size_t n = l->item[i].window * l->item[i].ci * l->item[i].co;
        to[i] = l->item[i].to;
        if (n > most) most = n;
    }
    writing w = {f, l, fl_alloc(most * sizeof(float)), fl_alloc(most * sizeof(float))};
    fl_status status = fl_weights_write_from(path, l->n, to, bytes_of, &w, 0, NULL);
    fl_free(w.from);
    fl_free(w.to);
    fl_free(to);
    return status;
}

static fl_status convert(const fl_keras_file *f, const char *to, const fl_keras_options *o) {
    fl_keras_net net;
    fl_keras_layout layout = {0};
    fl_status status = fl_keras_net_read(fl_keras_config(f), &net);
    if (status == FL_OK) status = fl_keras_lay_out(f, &net, o, &layout);
    if (status == FL_OK) status = write_all(f, &layout, to);
    fl_keras_layout_close(&layout);
    fl_keras_net_close(&net);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fputs("usage: frostline-keras FROM.h5 TO.safetensors 0|1 FLATTEN\n"
              "`frostline convert FROM.h5 TO.safetensors` runs it\n",
              stderr);
        return FL_ERR_CONFIG;
    }
    fl_keras_options o = {.bgr = strcmp(argv[3], "1") == 0, .flatten = argv[4][0] ? argv[4] : NULL};
    fl_keras_file *f;
    fl_status status = fl_keras_open(argv[1], &f);
    if (status == FL_OK) {
        status = convert(f, argv[2], &o);
        fl_keras_close(f);
    }
    if (status != FL_OK) fprintf(stderr, "%s\n", fl_message());
    return status;
}
