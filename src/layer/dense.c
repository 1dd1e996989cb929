/* dense.c: y = activation(x Wᵀ + b), x (rows, features), W (units, features). */
#include <string.h>

#include "layer/finish.h"
#include "layer/shape.h"

typedef struct conf {
    int64_t units;
    fl_init kernel_initializer;
    fl_finish finish;
} conf;

static const fl_field fields[] = {
    {FL_OPTION(units, FL_INT), .min = 1, .max = FL_MAX_UNITS, .help = "Outputs of the layer."},
    FL_OPTION_KERNEL_INITIALIZER,
    FL_OPTIONS_FINISH,
    {0},
};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    const conf *o = options;
    int64_t features = in[0].d[0];
    char text[64];
    (void)n_in;
    *out = (fl_layer_plan){.out = fl_shape1(o->units), .n_params = 1, .dw_reads = FL_READS_INPUT};
    if (in[0].n != 1)
        return fl_layer_refuse(out, "takes (features), not %s; put `flatten: {}` before it",
                               fl_shape_text(in[0], text));
    if (features > INT32_MAX) return fl_layer_refuse(out, "has too many features");
    out->param[0] = (fl_param_spec){
        .name = "weight",
        .n = 2,
        .d = {o->units, features},
        .init = o->kernel_initializer,
        .fan_in = features,
        .fan_out = o->units,
    };
    out->flops = out->flops_dx = out->flops_dw = 2.0 * (double)features * (double)o->units;
    fl_finish_plan(&o->finish, rows, out);
    return true;
}

static void forward(const fl_layer_call *c) {
    const conf *o = c->conf;
    int n = (int)c->in_shape[0].d[0], units = (int)o->units;
    fl_epilogue e = fl_finish_epilogue(&o->finish, c);
    fl_kernels_dense_forward(c->kernels, c->rows, n, units, c->in[0], c->param[0], &e, c->out);
    fl_finish_forward(&o->finish, c);
}

static void backward(const fl_layer_call *c) {
    const conf *o = c->conf;
    int n = (int)c->in_shape[0].d[0], units = (int)o->units;
    if (c->first && c->grad[1]) memset(c->grad[1], 0, (size_t)units * sizeof(float));
    fl_finish_backward(&o->finish, c);
    if (c->grad[0])
        fl_kernels_dense_backward_weights(c->kernels, c->rows, n, units, c->in[0], c->dout,
                                          c->grad[0], !c->first);
    if (c->din[0])
        fl_kernels_dense_backward_data(c->kernels, c->rows, n, units, c->dout, c->param[0],
                                       c->din[0]);
}

static fl_fusion fusion(const void *options, fl_shape in) {
    (void)options, (void)in;
    return (fl_fusion){.kind = FL_FUSION_DENSE};
}

static const fl_layer_example examples[] = {
    {"{units: 3}", 1, {{1, {5}}}, false},
    {"{units: 4, activation: relu}", 1, {{1, {7}}}, false},
    {"{units: 4, activation: relu6}", 1, {{1, {3}}}, false},
    {"{units: 5, activation: leaky_relu, use_bias: false}", 1, {{1, {3}}}, false},
    {"{units: 2, activation: sigmoid, kernel_initializer: he_normal}", 1, {{1, {3}}}, false},
    {"{units: 3, activation: tanh, bias_initializer: ones}", 1, {{1, {2}}}, false},
    {"{units: 3, activation: gelu}", 1, {{1, {4}}}, false},
    {"{units: 3, activation: silu}", 1, {{1, {4}}}, false},
    {"{units: 5, activation: softmax}", 1, {{1, {4}}}, false},
    {"{units: 1}", 1, {{1, {1}}}, false},
    {"{units: 67, activation: sigmoid}", 1, {{1, {3}}}, false},
    {"{units: 3}", 1, {{3, {2, 2, 2}}}, true},
    {"{}", 1, {{1, {5}}}, true},
    {"{units: 0}", 1, {{1, {5}}}, true},
    {"{units: 3, activation: rleu}", 1, {{1, {5}}}, true},
    {0},
};

const fl_layer_ops fl_layer_dense = {
    .name = "dense",
    .help = "Every output is a weighted sum of all features.",
    .min_in = 1,
    .max_in = 1,
    .writes_first = true,
    .conf_size = sizeof(conf),
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .fusion = fusion,
    .examples = examples,
};
