/* finish.c: bias and activation behind a product. */
#include "layer/finish.h"

#include <string.h>

#include "layer/act.h"
#include "layer/shape.h"

enum { BLOCK = 64 }; /* channels, or rows, that are summed at a time */

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
    fl_act_forward(f->activation, size / n, n, c->out);
}

/* sum[i] += Σ over rows of v (rows, stride), n ≤ BLOCK channels; few rows at a time in float, the
 * whole in double, so that a million pixels lose nothing. */
static void add_sums(size_t rows, size_t stride, size_t n, const float *v, float *sum) {
    double total[BLOCK] = {0};
    for (size_t r = 0; r < rows; r += BLOCK) {
        float part[BLOCK] = {0};
        for (size_t k = r; k < rows && k < r + BLOCK; k++)
            for (size_t i = 0; i < n; i++) part[i] += v[k * stride + i];
        for (size_t i = 0; i < n; i++) total[i] += part[i];
    }
    for (size_t i = 0; i < n; i++) sum[i] += (float)total[i];
}

void fl_finish_backward(const fl_finish *f, const fl_layer_call *c) {
    size_t n = fl_shape_channels(c->out_shape), rows = fl_call_out_size(c) / n;
    fl_act_backward(f->activation, rows, n, c->out, c->saved, c->dout);
    if (!f->use_bias || !c->grad[1]) return;
    for (size_t i = 0; i < n; i += BLOCK)
        add_sums(rows, n, n - i < BLOCK ? n - i : BLOCK, c->dout + i, c->grad[1] + i);
}
