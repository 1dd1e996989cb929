/* base.h: a named architecture. It is written down as the YAML that a user would write, so that one
 * way leads from options to layers. One file here and one line in bases.def add one. */
#ifndef FROSTLINE_MODEL_BASE_H
#define FROSTLINE_MODEL_BASE_H

#include "frostline/config.h"
#include "frostline/model.h"

typedef struct fl_base_net fl_base_net;

typedef struct fl_base {
    const char *name;
    int64_t input[3];     /* the default, (H, W, C) */
    int64_t min_size;     /* least height and width */
    int64_t top_size;     /* the only height and width that its top takes; 0: any */
    bool scales;          /* its widths follow `alpha` */
    fl_naming own, alias; /* whose names its own are, and whose the aliases; FROSTLINE: nobody's */
    void (*build)(fl_base_net *net, double alpha);
} fl_base;

struct fl_base_net {
    const fl_base *base;
    double alpha;
    fl_text yaml;      /* "layers:\n- conv2d: {…}\n…" */
    int n, top;        /* layers; the index at which the top begins */
    char **alias;      /* (n) the other naming's layer name, or NULL where it is the same */
    fl_config *config; /* the parsed yaml: the layers' options live in it */
    fl_node *layers;
};

/* ---- for the builders ---- */

/* Adds a layer; options: "name: conv1, filters: 64", as between the braces of a YAML flow map. */
void fl_base_add(fl_base_net *net, const char *type, const char *options, ...)
    __attribute__((format(printf, 3, 4)));
/* The other naming's name of the layer added last. */
void fl_base_alias(fl_base_net *net, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* All layers after this are the top: absent without include_top. */
void fl_base_top(fl_base_net *net);

/* ---- for the model ---- */

const fl_base *fl_base_find(const char *name); /* NULL if there is none */
fl_base_net *fl_base_open(const fl_base *base, double alpha);
void fl_base_close(fl_base_net *net); /* NULL is allowed */
const char *fl_base_layer_name(const fl_base_net *net, int layer, bool alias);

#endif
