/* finish.h: how dense, conv2d and depthwise_conv2d end: y = activation(z), z = (product) + bias. */
#ifndef FROSTLINE_LAYER_FINISH_H
#define FROSTLINE_LAYER_FINISH_H

#include "frostline/conv.h"
#include "layer/options.h"

typedef struct fl_finish {
    bool use_bias;
    fl_activation activation;
    fl_init bias_initializer;
} fl_finish;

/* Its options, for a struct conf with a member `finish`. */
#define FL_OPTION_FINISH(member, kind)                                                             \
    .name = #member, .type = kind, .offset = offsetof(conf, finish.member)
#define FL_OPTIONS_FINISH                                                                          \
    {FL_OPTION_FINISH(use_bias, FL_BOOL), .fallback = "true", .help = "Add a bias per output."},   \
        {FL_OPTION_FINISH(activation, FL_CHOICE), .fallback = "linear", .choices = FL_ACT_CHOICES, \
         .help = "The function applied at the end."},                                              \
    {                                                                                              \
        FL_OPTION_FINISH(bias_initializer, FL_CHOICE),                                             \
            .fallback = "zeros", .choices = FL_INIT_CHOICES, .help = "How a fresh bias is drawn."  \
    }

/* Adds the bias (parameter 1), what the activation reads and what it saves to the plan. */
void fl_finish_plan(const fl_finish *f, int rows, fl_layer_plan *out);

/* The part of it that the kernel of the product does itself: the bias, and an activation that needs
 * nothing saved. */
fl_epilogue fl_finish_epilogue(const fl_finish *f, const fl_layer_call *c);

/* Turns c->out from what the kernel left, product and epilogue, into y. */
void fl_finish_forward(const fl_finish *f, const fl_layer_call *c);

/* Turns c->dout from the gradient in y into that in z, and adds the gradient of the bias. */
void fl_finish_backward(const fl_finish *f, const fl_layer_call *c);

#endif
