/* add.c: the sum of inputs of one shape, element by element. */
#include "layer/shape.h"

static const fl_field fields[] = {{0}};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    char a[64], b[64];
    double size = (double)fl_shape_size(in[0]) * (n_in - 1);
    (void)options, (void)rows;
    *out = (fl_layer_plan){.out = in[0], .flops = size, .flops_dx = size};
    for (int i = 1; i < n_in; i++)
        if (!fl_shape_equal(in[0], in[i]))
            return fl_layer_refuse(out, "adds inputs of one shape, not %s and %s",
                                   fl_shape_text(in[0], a), fl_shape_text(in[i], b));
    return true;
}

static void forward(const fl_layer_call *c) {
    const fl_each *each = fl_kernels_each(c->kernels);
    size_t size = fl_call_out_size(c);
    for (int i = 1; i < c->n_in; i++)
        each->add(i < c->n_in - 1 ? FL_ACT_LINEAR : c->then, size, i == 1 ? c->in[0] : c->out,
                  c->in[i], c->out);
}

static void backward(const fl_layer_call *c) {
    const fl_each *each = fl_kernels_each(c->kernels);
    for (int i = 0; i < c->n_in; i++)
        if (c->din[i])
            each->activate_into(c->then, 1, fl_call_out_size(c), c->out, NULL, c->dout,
                                !c->fresh[i], c->din[i]);
}

static const fl_layer_example examples[] = {
    {"{}", 2, {{3, {2, 3, 2}}, {3, {2, 3, 2}}}, false},
    {"{}", 3, {{1, {4}}, {1, {4}}, {1, {4}}}, false},
    {"{}", 2, {{3, {2, 3, 2}}, {3, {2, 3, 1}}}, true},
    {"{}", 2, {{1, {4}}, {3, {1, 1, 4}}}, true},
    {0},
};

const fl_layer_ops fl_layer_add = {
    .name = "add",
    .help = "The sum of its inputs.",
    .min_in = 2,
    .max_in = FL_MAX_INPUTS,
    .writes_din = true,
    .then_reads = FL_READS_OUTPUT,
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
