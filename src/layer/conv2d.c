/* conv2d.c: y = activation(x * W + b), the cross-correlation; x (N, H, W, C), W (kh, kw, C,
 * filters). */
#include "layer/finish.h"
#include "layer/shape.h"
#include "layer/window.h"

typedef struct conf {
    int64_t filters, kernel_size[2], strides[2];
    fl_padding padding;
    fl_init kernel_initializer;
    fl_finish finish;
} conf;

static const fl_field fields[] = {
    {FL_OPTION(filters, FL_INT), .min = 1, .max = FL_MAX_UNITS, .help = "Channels of the output."},
    {FL_OPTION(kernel_size, FL_PAIR), .min = 1, .max = FL_MAX_KERNEL,
     .help = "Height and width of the window."},
    {FL_OPTION(strides, FL_PAIR), .fallback = "1", .min = 1, .max = FL_MAX_STRIDE,
     .help = "Steps of the window down and across."},
    {FL_OPTION(padding, FL_PADDING), .fallback = "valid",
     .help = "valid, same, or zeros added as [top, bottom, left, right]."},
    FL_OPTION_KERNEL_INITIALIZER,
    FL_OPTIONS_FINISH,
    {0},
};

static fl_window window(const conf *o) {
    return (fl_window){
        .size = {o->kernel_size[0], o->kernel_size[1]},
        .strides = {o->strides[0], o->strides[1]},
        .padding = o->padding,
    };
}

static fl_conv geometry(const fl_layer_call *c) {
    const conf *o = c->conf;
    fl_window w = window(o);
    fl_conv g = fl_window_of(&w, c->in_shape[0]);
    g.co = (int)o->filters;
    return g;
}

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    const conf *o = options;
    fl_window w = window(o);
    fl_conv g;
    (void)n_in;
    if (!fl_window_plan(&w, in[0], &g, out)) return false;
    g.co = (int)o->filters;
    *out = (fl_layer_plan){
        .out = fl_shape3(g.oh, g.ow, g.co), .n_params = 1, .dw_reads = FL_READS_INPUT};
    out->param[0] = (fl_param_spec){
        .name = "weight",
        .n = 4,
        .d = {g.co, g.ci, g.kh, g.kw},
        .layout = FL_LAYOUT_CONV,
        .init = o->kernel_initializer,
        .fan_in = (int64_t)g.kh * g.kw * g.ci,
        .fan_out = (int64_t)g.kh * g.kw * g.co,
    };
    out->flops = 2.0 * (double)fl_shape_size(out->out) * g.kh * g.kw * g.ci;
    out->flops_dx = out->flops_dw = out->flops;
    fl_finish_plan(&o->finish, rows, out);
    return true;
}

static void forward(const fl_layer_call *c) {
    const conf *o = c->conf;
    fl_conv g = geometry(c);
    fl_epilogue e = fl_finish_epilogue(&o->finish, c);
    fl_kernels_conv_forward(c->kernels, c->conv, &g, c->rows, c->in[0], c->param[0], &e, c->out,
                            c->work);
    fl_finish_forward(&o->finish, c);
}

static void backward(const fl_layer_call *c) {
    const conf *o = c->conf;
    fl_conv g = geometry(c);
    fl_finish_backward(&o->finish, c);
    if (c->grad[0])
        fl_kernels_conv_backward_weights(c->kernels, c->conv, &g, c->rows, c->in[0], c->dout,
                                         c->grad[0], c->work);
    if (c->din[0])
        fl_kernels_conv_backward_data(c->kernels, c->conv, &g, c->rows, c->dout, c->param[0],
                                      !c->fresh[0], c->din[0], c->work);
}

static fl_fusion fusion(const void *options, fl_shape in) {
    const conf *o = options;
    fl_window w = window(o);
    fl_fusion f = {.kind = FL_FUSION_CONV,
                   .geometry = fl_window_of(&w, in),
                   .use_bias = o->finish.use_bias,
                   .activation = o->finish.activation};
    f.geometry.co = (int)o->filters;
    return f;
}

static const fl_layer_example examples[] = {
    {"{filters: 3, kernel_size: 3}", 1, {{3, {5, 6, 2}}}, false},
    {"{filters: 2, kernel_size: 3, padding: same, activation: relu}", 1, {{3, {4, 5, 3}}}, false},
    {"{filters: 4, kernel_size: 1}", 1, {{3, {3, 4, 5}}}, false},
    {"{filters: 2, kernel_size: 1, strides: 2, use_bias: false}", 1, {{3, {5, 4, 3}}}, false},
    {"{filters: 2, kernel_size: 1, padding: [1, 0, 0, 1]}", 1, {{3, {3, 3, 2}}}, false},
    {"{filters: 2, kernel_size: 3, strides: 2, padding: same}", 1, {{3, {5, 6, 1}}}, false},
    {"{filters: 1, kernel_size: [3, 2], strides: [1, 2]}", 1, {{3, {5, 7, 1}}}, false},
    {"{filters: 2, kernel_size: [2, 3], padding: [1, 0, 2, 1], strides: 2}",
     1,
     {{3, {4, 5, 2}}},
     false},
    {"{filters: 2, kernel_size: 2, strides: 3}", 1, {{3, {7, 8, 2}}}, false},
    {"{filters: 2, kernel_size: 2, padding: [3, 3, 3, 3]}", 1, {{3, {2, 1, 2}}}, false},
    {"{filters: 3, kernel_size: 5, padding: same, activation: gelu}", 1, {{3, {3, 3, 1}}}, false},
    {"{filters: 3, kernel_size: 2, activation: softmax}", 1, {{3, {3, 3, 2}}}, false},
    {"{filters: 3, kernel_size: 3}", 1, {{3, {2, 5, 1}}}, true},
    {"{filters: 3, kernel_size: 3}", 1, {{1, {9}}}, true},
    {"{filters: 3}", 1, {{3, {5, 5, 1}}}, true},
    {"{filters: 3, kernel_size: 0}", 1, {{3, {5, 5, 1}}}, true},
    {"{filters: 3, kernel_size: 3, padding: full}", 1, {{3, {5, 5, 1}}}, true},
    {0},
};

const fl_layer_ops fl_layer_conv2d = {
    .name = "conv2d",
    .help = "Convolution of an image with learnt filters.",
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
