/* finish.c: bias and activation behind a product. */
#include "layer/finish.h"

#include <string.h>

#include "layer/shape.h"

void fl_finish_plan(const fl_finish *f, int rows, fl_layer_plan *out) {
    const fl_param_spec *weight = &out->param[0];
    if (f->use_bias)
        out->param[out->n_params++] = (fl_param_spec){
            .name = "bias",
            .n = 1,
            .d = {fl_shape_channels(out->out)},
            .init = f->bias_initializer,
            .fan_in = weight->fan_in,
            .fan_out = weight->fan_out,
        };
    if (f->activation == FL_ACT_LINEAR) return;
    bool z = fl_act_needs_input(f->activation);
    unsigned reads = z ? FL_READS_SAVED : FL_READS_OUTPUT;
    out->dx_reads |= reads;
    out->dw_reads |= reads;
    if (z) out->saved_bytes = sizeof(float) * (size_t)rows * fl_shape_size(out->out);
}

static bool fused(fl_activation a) {
    return a == FL_ACT_LINEAR || a == FL_ACT_RELU || a == FL_ACT_RELU6;
}

fl_epilogue fl_finish_epilogue(const fl_finish *f, const fl_layer_call *c) {
    _Static_assert((int)FL_ACT_RELU == FL_CONV_RELU && (int)FL_ACT_RELU6 == FL_CONV_RELU6,
                   "values");
    return (fl_epilogue){
        .bias = f->use_bias ? c->param[1] : NULL,
        .activation = fused(f->activation) ? (int)f->activation : FL_CONV_LINEAR,
        .pool = 1,
    };
}

void fl_finish_forward(const fl_finish *f, const fl_layer_call *c) {
    size_t n = fl_shape_channels(c->out_shape), size = fl_call_out_size(c);
    if (fused(f->activation)) return;
    if (c->saved && fl_act_needs_input(f->activation) && size > 0)
        memcpy(c->saved, c->out, size * sizeof(float));
    fl_kernels_each(c->kernels)->activate(f->activation, size / n, n, c->out, c->out);
}

void fl_finish_backward(const fl_finish *f, const fl_layer_call *c) {
    size_t n = fl_shape_channels(c->out_shape), rows = fl_call_out_size(c) / n;
    fl_activation a = c->past_activation ? FL_ACT_LINEAR : f->activation;
    float *bias = f->use_bias ? c->grad[1] : NULL;
    fl_kernels_each(c->kernels)->activate_back(a, rows, n, c->out, c->saved, c->dout, bias);
}
