/* fuse.h: chains of static layers that run as one: a convolution, a batch norm folded into its
 * weights, an activation, a 2×2 pooling. */
#ifndef FROSTLINE_PLAN_FUSE_H
#define FROSTLINE_PLAN_FUSE_H

#include "frostline/conv.h"
#include "frostline/plan.h"

typedef struct fl_chain {
    int head, tail;           /* layers: the convolution, and the last one that is fused into it */
    int n_members, member[4]; /* those behind the head, the tail last */
    int norm;                 /* the batch norm in it, or -1 */
    bool use_bias;
    fl_activation after; /* an activation that no kernel does along: applied behind it */
    fl_conv geometry;
    fl_epilogue epilogue;     /* its bias is set once the weights are packed */
    const fl_conv_algo *algo; /* NULL: depthwise */
    size_t packed, bias;      /* where in the packed weights, in floats */
} fl_chain;

/* Most rows that static layer l may be given at a time: what a row becomes must not depend on the
 * rows beside it, for features are kept, and a resumed run meets its rows in other company. */
int fl_static_rows_limit(const fl_plan *p, int l, int rows);

/* What the user wants of layer l. */
fl_conv_setting fl_plan_setting(const fl_plan *p, int l);

/* What runs layer l, if it is a convolution that runs by itself, for up to `rows` rows at a time;
 * returns the bytes of scratch that it wants, 0 for other layers. */
size_t fl_plan_choose(const fl_plan *p, int l, int rows, fl_conv_choice *out);

/* The chain that begins with static layer `head`, for `rows` rows. False if it is none, or the
 * kernels have nothing that fits. */
bool fl_chain_make(const fl_plan *p, int head, int rows, fl_chain *out);

/* Floats of its packed weights and bias; sets where they lie, from `at` on. */
size_t fl_chain_place(fl_chain *c, size_t at);
size_t fl_chain_work(const fl_chain *c, int rows); /* floats */
/* Folds and packs the weights of its layers, as they are now, into packed + c->packed and packed +
 * c->bias. */
void fl_chain_pack(const fl_chain *c, const fl_model *m, float *packed);
void fl_chain_run(const fl_chain *c, const fl_kernels *k, int rows, const float *x,
                  const float *packed, float *y, float *work);

#endif
