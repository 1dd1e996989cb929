/* model.h: the net as a graph of layers, its parameters, their names and their files. Open structs:
 * read them anywhere, change them only in src/model, src/freeze and where the values are placed
 * (src/train). */
#ifndef FROSTLINE_MODEL_H
#define FROSTLINE_MODEL_H

#include "frostline/layer.h"
#include "frostline/weights.h"

typedef struct fl_model_conf {
    const char *base; /* NULL: every layer is listed */
    bool include_top;
    double alpha;        /* factor of the base's widths, for bases that have one (MobileNet) */
    fl_ints input;       /* (H, W, C) or (features); a base has its own default */
    const char *weights; /* path, or NULL */
    bool strict;
    fl_strings reinit; /* globs of layers */
    fl_node *layers;
} fl_model_conf;
extern const fl_field fl_model_fields[];

typedef struct fl_param {
    char *name; /* "fc1.weight" */
    int layer;
    const fl_param_spec *spec;
    size_t len;      /* floats */
    float *value;    /* in memory layout; set once the weights are placed */
    float *writable; /* the same place, or NULL where this rank must not write it */
} fl_param;

typedef struct fl_model_layer {
    char *name;
    const char *group; /* the base it belongs to, or NULL */
    const fl_layer_ops *ops;
    void *conf;
    int n_in, in[FL_MAX_INPUTS]; /* indices of layers; FL_MODEL_INPUT is the net's input */
    fl_shape shape;              /* of the output */
    fl_layer_plan plan;          /* for one row */
    int first_param, n_params;
    const fl_node *node; /* where the config lists it; NULL for a layer of a base */
    /* set by fl_freeze_apply: */
    bool frozen;         /* named by a freeze rule */
    bool trainable;      /* has parameters that learn */
    bool is_static;      /* its output for a sample never changes */
    bool wants_gradient; /* it or something it is fed by trains: backward brings it dY */
} fl_model_layer;

enum { FL_MODEL_INPUT = -1 };

typedef struct fl_model {
    char *base;              /* NULL if none */
    struct fl_base_net *net; /* the base as built: src/model's own; NULL without a base */
    fl_shape input;
    int n_layers;
    fl_model_layer *layer; /* in topological order; the last one is the output */
    int n_params;
    fl_param *param;
    fl_activation final; /* taken off the end by fl_model_fuse_final; else FL_ACT_LINEAR */
} fl_model;

/* Builds the graph from `section` (the config's `model`), already parsed into conf. Every error is
 * recorded in the config. On failure *out is NULL. */
fl_status fl_model_open(const fl_model_conf *conf, fl_node *section, fl_model **out);
void fl_model_close(fl_model *m);

/* Takes a softmax (where `sigmoid`: a sigmoid instead) that ends the net off it, so that the loss
 * can work on logits. */
void fl_model_fuse_final(fl_model *m, bool sigmoid);

int fl_model_find(const fl_model *m, const char *layer); /* index, or -1 */
/* What a layer is to its neighbours where nothing learns (layer.h), by its own input. */
fl_fusion fl_model_fusion(const fl_model *m, int layer);
/* Whether a glob means this layer: by its name, or by that of the base it belongs to. */
bool fl_model_matches(const fl_model_layer *layer, const char *pattern);
/* Records "unknown layer '<pattern>'" at n, with the nearest of the layers' names and the base's.
 */
fl_status fl_model_unknown(const fl_model *m, const fl_node *n, const char *pattern);
size_t fl_model_count(const fl_model *m); /* elements of all parameters and buffers */
size_t fl_model_count_layer(const fl_model *m, int layer);

/* Names of the bases there are; NULL-terminated. */
const char *const *fl_bases_all(void);

/* ---- values: every param that is `writable` is filled, the others are skipped ---- */

/* Initialises from the seed: element i of a parameter is a function of (seed, its name, i in file
 * order). */
void fl_model_init(fl_model *m, uint64_t seed);

typedef enum fl_naming { FL_NAMES_FROSTLINE, FL_NAMES_TORCHVISION, FL_NAMES_KERAS } fl_naming;
#define FL_NAMING_CHOICES "frostline|torchvision|keras"
const char *fl_names_text(fl_naming names);              /* "torchvision" */
bool fl_names_known(const fl_model *m, fl_naming names); /* whether the net has such names */

typedef struct fl_translation { /* of the names in a file of weights */
    const char *base;           /* whose tensors are there */
    fl_naming from;
    int count;
    char **name; /* (count) in the order of the file; NULL: of no layer of the base */
} fl_translation;

/* Finds out which base the tensors of a file belong to, and by whose names: all that it has below
 * its top must be there, in its shapes; the top's are translated if they too are. FL_ERR_INPUT if
 * there is no such base; FL_ERR_CONFIG if it has no names of that kind. Close on success. */
fl_status fl_names_translate(const fl_weights *w, fl_naming to, fl_translation *out);
void fl_names_close(fl_translation *t);

/* Fills from a file by parameter name: Frostline's own, or torchvision's or Keras's names of the
 * base. With `strict` every tensor of the base (or, without a base, of the net) must be there; a
 * head that the file lacks keeps its values, one that it has is filled; a base's unused top is
 * passed over; any other surplus tensor is an error. reinit: globs of layers that are left alone.
 * FL_ERR_INPUT lists every missing, surplus or misshaped tensor with the nearest name. *filled, if
 * not NULL, receives the number of parameters taken. */
fl_status fl_model_load(fl_model *m, const char *path, bool strict, const fl_strings *reinit,
                        int *filled);
/* Whether fl_model_load would take the file; takes nothing. */
fl_status fl_model_fits(fl_model *m, const char *path, bool strict, const fl_strings *reinit);
/* fl_model_init, and then fl_model_load from `path` (NULL: the seed alone), without making first
 * values that the file replaces. */
fl_status fl_model_fill(fl_model *m, uint64_t seed, const char *path, bool strict,
                        const fl_strings *reinit);

/* Writes all parameters as safetensors in PyTorch's layout. FL_ERR_CONFIG if the net has no such
 * names. */
fl_status fl_model_save(const fl_model *m, const char *path, fl_naming names, int n_meta,
                        const char *const (*meta)[2]);

/* One tensor between the file's layout and memory's. */
void fl_param_to_memory(const fl_param_spec *s, const float *file, float *memory);
void fl_param_to_file(const fl_param_spec *s, const float *memory, float *file);

#endif
