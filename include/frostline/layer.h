/* layer.h: what a layer is. One file in src/layer and one line in layers.def add one; the
 * conformance suite then runs the layer's examples. */
#ifndef FROSTLINE_LAYER_H
#define FROSTLINE_LAYER_H

#include "frostline/conv.h"
#include "frostline/field.h"
#include "frostline/rng.h"
#include "frostline/tensor.h"

enum { FL_MAX_INPUTS = 8, FL_MAX_PARAMS = 4 };

typedef enum fl_init { /* as in Keras; fans are those of fl_param_spec */
                       FL_INIT_ZEROS,
                       FL_INIT_ONES,
                       FL_INIT_GLOROT_UNIFORM, /* Glorot & Bengio 2010: U(±sqrt(6 / (fan_in +
                                                  fan_out))) */
                       FL_INIT_GLOROT_NORMAL,  /* N(0, 2 / (fan_in + fan_out)), truncated at two
                                                  deviations */
                       FL_INIT_HE_UNIFORM,     /* He et al. 2015: U(±sqrt(6 / fan_in)) */
                       FL_INIT_HE_NORMAL,      /* N(0, 2 / fan_in), truncated at two deviations */
                       FL_INIT_LECUN_NORMAL,   /* N(0, 1 / fan_in), truncated at two deviations */
} fl_init;
#define FL_INIT_CHOICES "zeros|ones|glorot_uniform|glorot_normal|he_uniform|he_normal|lecun_normal"

typedef enum fl_layout { /* how a parameter lies in memory, and in a file (PyTorch's layout) */
                         FL_LAYOUT_PLAIN,     /* the same in both */
                         FL_LAYOUT_CONV,      /* memory (kh, kw, ci, co), file (co, ci, kh, kw) */
                         FL_LAYOUT_DEPTHWISE, /* memory (kh, kw, co),     file (co, 1, kh, kw) */
} fl_layout;

typedef struct fl_param_spec {
    const char *name; /* "weight", "bias", "running_mean", … */
    int n;
    int64_t d[4]; /* the file's shape */
    fl_layout layout;
    fl_init init;
    int64_t fan_in, fan_out;
    bool buffer; /* kept, but never trained: running statistics */
} fl_param_spec;

enum {
    FL_READS_INPUT = 1,
    FL_READS_OUTPUT = 2,
    FL_READS_SAVED = 4,
    FL_READS_TRAINING = 8, /* of the above nothing where the call is not `training`: batch norm */
};

typedef struct fl_layer_plan { /* what a layer needs for given options, input shapes and rows */
    char error[192]; /* set where plan returns false: what is wrong, without the layer's name */
    fl_shape out;
    int n_params;
    fl_param_spec param[FL_MAX_PARAMS];
    double flops, flops_dx, flops_dw; /* per row: forward, input gradient, weight gradient */
    unsigned dx_reads, dw_reads; /* FL_READS_…: what backward reads for input / weight gradients */
    bool sums;                   /* while training it adds over all ranks (fl_layer_call.sum) */
    size_t saved_bytes; /* forward leaves this for backward (mask, statistics); asked for only if
                           training */
    size_t work_bytes;  /* scratch during one forward or backward call; a convolution (its fusion)
                           wants fl_conv_choice_work as well */
} fl_layer_plan;

typedef struct fl_layer_call { /* one forward or backward call; everything is borrowed */
    const void *conf;
    const fl_kernels *kernels;
    const fl_conv_choice *conv; /* of a convolution: what runs it */
    int rows;                   /* of this rank; may be 0 */
    int n_in;
    fl_shape in_shape[FL_MAX_INPUTS], out_shape;
    const float *in[FL_MAX_INPUTS]; /* (rows, in_shape) */
    float *out;                     /* (rows, out_shape); forward writes all of it */
    const float *param[FL_MAX_PARAMS];
    float *buffer[FL_MAX_PARAMS]; /* writable view of a buffer param when training, else NULL */
    float *din[FL_MAX_INPUTS];    /* backward adds to it; NULL: not wanted */
    /* Where ops->writes_din: din holds nothing yet, so it is written. Of equal inputs the first
     * alone is, so a layer goes through them in order. */
    bool fresh[FL_MAX_INPUTS];
    fl_activation then; /* where ops->then_reads: relu or relu6 is done along, behind the layer's
                           own work and, backward, before it */
    float *grad[FL_MAX_PARAMS]; /* likewise, as param; NULL: not wanted (frozen, or a buffer) */
    bool first;  /* backward, where ops->writes_first: grad holds nothing yet, so it is written */
    float *dout; /* (rows, out_shape); backward may overwrite it */
    void *saved, *work;   /* saved: NULL where no backward call follows; a layer that is
                             frozen but passes a gradient on has it */
    bool past_activation; /* backward: dout is already the gradient before the layer's activation */
    bool training;        /* batch statistics, dropout; a frozen layer gets false */
    fl_rng rng;           /* stream and epoch set; .sample is set per row from: */
    const int64_t *sample; /* (rows) ids of the samples */
    uint64_t salt;         /* differs between layers: goes into the index's upper half */
    int64_t global_rows;   /* of the batch, over all ranks */
    void (*sum)(void *context, double *v,
                size_t n); /* over all ranks, in place; every rank calls, also with 0 rows */
    void *context;
} fl_layer_call;

typedef struct fl_layer_example { /* for the conformance suite */
    const char *options;          /* YAML flow map: "{units: 3, activation: relu}" */
    int n_in;
    fl_shape in[3];
    bool refused; /* plan or parse must say no */
} fl_layer_example;

enum {
    FL_LAYER_RANDOM = 1,     /* differs while training: dropout */
    FL_LAYER_STATISTICS = 2, /* uses the batch's statistics while training: batch_norm */
};

/* What a layer is to a neighbour that may do its work along with its own, where nothing learns. */
typedef enum fl_fusion_kind {
    FL_FUSION_NONE,
    FL_FUSION_CONV,       /* weight, bias and activation over `geometry` */
    FL_FUSION_DEPTHWISE,  /* likewise, channel by channel */
    FL_FUSION_AFFINE,     /* batch norm on its running statistics */
    FL_FUSION_ACTIVATION, /* `activation` alone */
    FL_FUSION_POOL,       /* the largest of each window of `geometry` */
    FL_FUSION_DENSE,      /* never fused, but its kernel goes by the number of rows */
} fl_fusion_kind;

typedef struct fl_fusion {
    fl_fusion_kind kind;
    fl_conv geometry;
    bool use_bias;
    fl_activation activation;
    double epsilon;
} fl_fusion;

typedef struct fl_layer_ops {
    const char *name; /* "conv2d" */
    const char *help;
    unsigned traits;
    int min_in, max_in;
    bool writes_first;   /* honours a call's `first`; others find their gradients cleared then */
    bool writes_din;     /* likewise `fresh` */
    unsigned then_reads; /* honours `then`; what backward reads for it: FL_READS_INPUT or _OUTPUT */
    size_t conf_size;
    const fl_field *fields;
    /* Pure. rows: the most that a call will bring. False: out->error says why. */
    bool (*plan)(const void *conf, const fl_shape *in, int n_in, int rows, fl_layer_plan *out);
    void (*forward)(const fl_layer_call *c);
    void (*backward)(const fl_layer_call *c);
    fl_fusion (*fusion)(const void *conf, fl_shape in); /* NULL: it is never fused */
    const fl_layer_example *examples;                   /* ended by options NULL */
} fl_layer_ops;

/* By name, or NULL; and all of them, NULL-terminated. */
const fl_layer_ops *fl_layer_find(const char *name);
const fl_layer_ops *const *fl_layers_all(void);

/* The activation that a layer with these options ends in, as a pointer into conf (so that a final
 * softmax can be fused with the loss by setting it to linear); NULL if the layer has none. */
fl_activation *fl_layer_activation(const fl_layer_ops *ops, void *conf);

#endif
