/* depthwise_conv2d.c: a convolution of each channel by itself; channel c of the input makes
 * channels c * depth_multiplier … of the output. W (kh, kw, C * depth_multiplier). */
#include "layer/finish.h"
#include "layer/shape.h"
#include "layer/window.h"

typedef struct conf {
    int64_t kernel_size[2], strides[2], depth_multiplier;
    fl_padding padding;
    fl_init kernel_initializer;
    fl_finish finish;
} conf;

static const fl_field fields[] = {
    {FL_OPTION(kernel_size, FL_PAIR), .min = 1, .max = FL_MAX_KERNEL,
     .help = "Height and width of the window."},
    {FL_OPTION(strides, FL_PAIR), .fallback = "1", .min = 1, .max = FL_MAX_STRIDE,
     .help = "Steps of the window down and across."},
    {FL_OPTION(padding, FL_PADDING), .fallback = "valid",
     .help = "valid, same, or zeros added as [top, bottom, left, right]."},
    {FL_OPTION(depth_multiplier, FL_INT), .fallback = "1", .min = 1, .max = 1024,
     .help = "Output channels that each input channel makes."},
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
    g.co = g.ci * (int)o->depth_multiplier;
    return g;
}

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    const conf *o = options;
    fl_window w = window(o);
    fl_conv g;
    (void)n_in;
    if (!fl_window_plan(&w, in[0], &g, out)) return false;
    if (g.ci > FL_MAX_UNITS / o->depth_multiplier)
        return fl_layer_refuse(out, "makes too many channels");
    g.co = g.ci * (int)o->depth_multiplier;
    *out = (fl_layer_plan){
        .out = fl_shape3(g.oh, g.ow, g.co), .n_params = 1, .dw_reads = FL_READS_INPUT};
    out->param[0] = (fl_param_spec){
        .name = "weight",
        .n = 4,
        .d = {g.co, 1, g.kh, g.kw},
        .layout = FL_LAYOUT_DEPTHWISE,
        .init = o->kernel_initializer,
        .fan_in = (int64_t)g.kh * g.kw,
        .fan_out = (int64_t)g.kh * g.kw * o->depth_multiplier,
    };
    out->flops = 2.0 * (double)fl_shape_size(out->out) * g.kh * g.kw;
    out->flops_dx = out->flops_dw = out->flops;
    out->work_bytes = fl_window_work_bytes(&g, rows, fl_kernels_depthwise_work);
    fl_finish_plan(&o->finish, rows, out);
    return true;
}

static void forward(const fl_layer_call *c) {
    const conf *o = c->conf;
    fl_conv g = geometry(c);
    fl_epilogue e = fl_finish_epilogue(&o->finish, c);
    fl_kernels_depthwise_forward(c->kernels, &g, c->rows, c->in[0], c->param[0], &e, c->out);
    fl_finish_forward(&o->finish, c);
}

static void backward(const fl_layer_call *c) {
    const conf *o = c->conf;
    fl_conv g = geometry(c);
    fl_finish_backward(&o->finish, c);
    if (c->grad[0])
        fl_kernels_depthwise_backward_weights(c->kernels, &g, c->rows, c->in[0], c->dout,
                                              c->grad[0], c->work);
    if (c->din[0])
        fl_kernels_depthwise_backward_data(c->kernels, &g, c->rows, c->dout, c->param[0],
                                           !c->fresh[0], c->din[0]);
}

static fl_fusion fusion(const void *options, fl_shape in) {
    const conf *o = options;
    fl_window w = window(o);
    fl_fusion f = {.kind = FL_FUSION_DEPTHWISE,
                   .geometry = fl_window_of(&w, in),
                   .use_bias = o->finish.use_bias,
                   .activation = o->finish.activation};
    f.geometry.co = f.geometry.ci * (int)o->depth_multiplier;
    return f;
}

static const fl_layer_example examples[] = {
    {"{kernel_size: 3}", 1, {{3, {5, 6, 3}}}, false},
    {"{kernel_size: 3, padding: same, activation: relu6}", 1, {{3, {4, 5, 2}}}, false},
    {"{kernel_size: 3, strides: 2, padding: same, use_bias: false}", 1, {{3, {5, 6, 3}}}, false},
    {"{kernel_size: 3, strides: 2, padding: [0, 1, 0, 1]}", 1, {{3, {6, 5, 2}}}, false},
    {"{kernel_size: [2, 3], depth_multiplier: 2, padding: same}", 1, {{3, {4, 5, 2}}}, false},
    {"{kernel_size: 1, depth_multiplier: 3}", 1, {{3, {3, 2, 1}}}, false},
    {"{kernel_size: 2, activation: silu}", 1, {{3, {3, 3, 2}}}, false},
    {"{kernel_size: 2}", 1, {{3, {2, 3, 67}}}, false},
    {"{kernel_size: 4}", 1, {{3, {3, 3, 2}}}, true},
    {"{kernel_size: 2, depth_multiplier: 0}", 1, {{3, {3, 3, 2}}}, true},
    {"{kernel_size: 2}", 1, {{1, {3}}}, true},
    {0},
};

const fl_layer_ops fl_layer_depthwise_conv2d = {
    .name = "depthwise_conv2d",
    .help = "Convolution of each channel with filters of its own.",
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
