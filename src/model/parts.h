/* parts.h: what the files of this room tell each other. */
#ifndef FROSTLINE_MODEL_PARTS_H
#define FROSTLINE_MODEL_PARTS_H

#include "frostline/model.h"
#include "model/bases/base.h"

/* ---- graph.c ---- */

typedef struct fl_graph { /* a net while it is being built */
    fl_model *m;
    const fl_model_conf *conf;
    fl_node *section;
    fl_node *list;    /* the layers being added: the base's, then the user's */
    const char *base; /* the base being added, or NULL */
    fl_status status;
    /* what may only follow from an error that is already recorded is not reported */
    bool lost_names;  /* some layer's name is unknown */
    bool lost_inputs; /* some layer's inputs are unknown */
} fl_graph;

/* Builds layers and their plans; every error is recorded, and the first one's status returned. */
fl_status fl_graph_build(fl_model *m, const fl_model_conf *conf, fl_node *section);

/* ---- item.c: one entry of a list of layers ---- */

const char *fl_item_type(const fl_node *item); /* NULL if it is not one layer */
fl_node *fl_item_options(const fl_node *item); /* NULL for a bare scalar */
void fl_graph_add(fl_graph *g,
                  fl_node *item); /* appends the layer, whole or (after an error) in part */

/* ---- plan.c: shapes ---- */

/* Plans layer i for its inputs' shapes; false: the plan's error says why. */
bool fl_model_plan_layer(fl_model *m, int i);
fl_shape fl_model_shape(const fl_model *m,
                        int i); /* of a layer or of FL_MODEL_INPUT; n 0: unknown */

/* ---- params.c ---- */

void fl_params_open(fl_model *m);
void fl_params_close(fl_model *m);

typedef struct fl_axes { /* file (co, ci, window), memory (window, ci, co) */
    size_t co, ci, window;
} fl_axes;
fl_axes fl_param_axes(const fl_param_spec *s);

/* Whether a tensor has this shape; trailing ones do not count: a classifier may be stored as a 1x1
 * convolution. */
bool fl_param_fits(const fl_param_spec *s, const fl_tensor_info *t);

/* ---- init.c ---- */

void fl_param_init(const fl_param *p, uint64_t seed); /* p is writable */

/* ---- names.c ---- */

const char *fl_names_layer(const fl_model *m, int layer, fl_naming names);
bool fl_names_is_of(const char *tensor, const char *layer); /* "conv1.weight" of "conv1" */
char *fl_names_param(const fl_model *m, const fl_param *p, fl_naming names); /* caller frees */
/* Whether a tensor of this name belongs to the base's top that was left off. */
bool fl_names_unused_top(const fl_model *m, fl_naming names, const char *tensor);

#endif
