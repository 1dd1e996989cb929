/* activation.c: y = f(x), element by element; softmax along the channels. */
#include "layer/options.h"
#include "layer/shape.h"

typedef struct conf {
    fl_activation activation;
} conf;

static const fl_field fields[] = {
    {FL_OPTION(activation, FL_CHOICE), .choices = FL_ACT_CHOICES, .help = "The function."},
    {0},
};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    const conf *o = options;
    double size = (double)fl_shape_size(in[0]);
    (void)n_in, (void)rows;
    *out = (fl_layer_plan){.out = in[0], .flops = size, .flops_dx = size};
    if (o->activation != FL_ACT_LINEAR)
        out->dx_reads = fl_act_needs_input(o->activation) ? FL_READS_INPUT : FL_READS_OUTPUT;
    return true;
}

static void forward(const fl_layer_call *c) {
    const conf *o = c->conf;
    size_t n = fl_shape_channels(c->out_shape), rows = fl_call_out_size(c) / n;
    fl_kernels_each(c->kernels)->activate(o->activation, rows, n, c->in[0], c->out);
}

static void backward(const fl_layer_call *c) {
    const conf *o = c->conf;
    size_t n = fl_shape_channels(c->out_shape), rows = fl_call_out_size(c) / n;
    if (c->din[0])
        fl_kernels_each(c->kernels)
            ->activate_into(o->activation, rows, n, c->out, c->in[0], c->dout, !c->fresh[0],
                            c->din[0]);
}

static fl_fusion fusion(const void *options, fl_shape in) {
    const conf *o = options;
    (void)in;
    return (fl_fusion){.kind = FL_FUSION_ACTIVATION, .activation = o->activation};
}

static const fl_layer_example examples[] = {
    {"{activation: linear}", 1, {{1, {4}}}, false},
    {"{activation: relu}", 1, {{3, {2, 3, 2}}}, false},
    {"{activation: relu6}", 1, {{1, {6}}}, false},
    {"{activation: leaky_relu}", 1, {{1, {6}}}, false},
    {"{activation: sigmoid}", 1, {{1, {6}}}, false},
    {"{activation: tanh}", 1, {{1, {6}}}, false},
    {"{activation: gelu}", 1, {{1, {6}}}, false},
    {"{activation: silu}", 1, {{3, {1, 3, 2}}}, false},
    {"{activation: softmax}", 1, {{1, {6}}}, false},
    {"{activation: softmax}", 1, {{3, {2, 2, 3}}}, false},
    {"{}", 1, {{1, {4}}}, true},
    {"{activation: softmacs}", 1, {{1, {4}}}, true},
    {0},
};

const fl_layer_ops fl_layer_activation_only = {
    .name = "activation",
    .help = "A function applied to every element.",
    .min_in = 1,
    .max_in = 1,
    .writes_din = true,
    .conf_size = sizeof(conf),
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .fusion = fusion,
    .examples = examples,
};
