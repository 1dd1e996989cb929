/* keras.h: weights as Keras keeps them in HDF5 (model.save("x.h5"), save_weights of Keras 1 and 2),
 * and what they are called and how they lie in PyTorch's files. */
#ifndef FROSTLINE_KERAS_H
#define FROSTLINE_KERAS_H

#include "frostline/weights.h"

/* ---- file.c ---- */

typedef struct fl_keras_tensor {
    char *layer, *weight; /* "block1_conv1", "kernel:0"; owned */
    char *path;           /* in the file */
    int n;
    int64_t d[FL_MAX_DIMS];
    size_t count;
} fl_keras_tensor;

typedef struct fl_keras_file fl_keras_file;

/* Opens, and lists the weights in the order of the net's layers. FL_ERR_INPUT: not such a file. */
fl_status fl_keras_open(const char *path, fl_keras_file **out);
void fl_keras_close(fl_keras_file *f);
const char *fl_keras_path(const fl_keras_file *f);
int fl_keras_count(const fl_keras_file *f);
const fl_keras_tensor *fl_keras_at(const fl_keras_file *f, int i);
const char *fl_keras_config(const fl_keras_file *f); /* the net as JSON; NULL: weights alone */
/* To dst[count], in the file's order. FL_ERR_INPUT if the file is damaged. */
fl_status fl_keras_read(const fl_keras_file *f, int i, float *dst);

/* ---- net.c: what model.save tells of the net ---- */

typedef struct fl_keras_net {
    int n;
    char *(*layer)[2];      /* (n) name and class, owned */
    int64_t image_channels; /* of what the net takes; 0: no image, or unknown */
    bool channels_first;
} fl_keras_net;

/* json: NULL leaves all unknown. FL_ERR_INPUT if it is none. */
fl_status fl_keras_net_read(const char *json, fl_keras_net *out);
void fl_keras_net_close(fl_keras_net *net);
const char *fl_keras_class(const fl_keras_net *net, const char *layer); /* NULL: unknown */

/* ---- names.c ---- */

typedef enum fl_keras_role {
    FL_KERAS_KERNEL,
    FL_KERAS_DEPTHWISE,
    FL_KERAS_SCALE,
    FL_KERAS_SHIFT,
    FL_KERAS_MEAN,
    FL_KERAS_VARIANCE,
    FL_KERAS_OTHER,
    FL_KERAS_UNKNOWN,
} fl_keras_role;

/* *ours: the parameter's name here; NULL with FL_KERAS_UNKNOWN. */
fl_keras_role fl_keras_role_of(const char *weight, const char **ours);
/* Whether the weights of such a layer, "Conv2D", have a place here. */
bool fl_keras_knows_class(const char *class);

/* ---- layout.c ---- */

typedef struct fl_keras_options {
    bool bgr;            /* turn the input channels of the first convolution round */
    const char *flatten; /* "fc1=512,fc2=1": channels of the image that a layer has as a list */
} fl_keras_options;

/* A tensor to be written. In the file it is (window, ci, co), afterwards (co, ci, window): of a
 * convolution the window is that of its kernel, of a dense layer the pixels that it sees. */
typedef struct fl_keras_item {
    int from; /* in the file; -1: all `fill` */
    float fill;
    size_t window, ci, co;
    bool reversed;     /* ci */
    fl_tensor_info to; /* name owned */
} fl_keras_item;

typedef struct fl_keras_layout {
    int n;
    fl_keras_item *item;
} fl_keras_layout;

/* FL_ERR_INPUT lists what has no counterpart or is ambiguous, FL_ERR_CONFIG what is wrong in the
 * options. Notes tell what is taken for granted. */
fl_status fl_keras_lay_out(const fl_keras_file *f, const fl_keras_net *net,
                           const fl_keras_options *o, fl_keras_layout *out);
void fl_keras_layout_close(fl_keras_layout *l);
void fl_keras_turn(const fl_keras_item *item, const float *from, float *to);

#endif
