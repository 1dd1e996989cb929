/* concat.c: the inputs' channels side by side, in the order of the inputs. */
#include <string.h>

#include "layer/shape.h"

enum { WORTH_THREADS = 32 << 10 }; /* floats */

static const fl_field fields[] = {{0}};

static bool fits(fl_shape a, fl_shape b) { /* equal but for the channels */
    a.d[a.n - 1] = b.d[b.n - 1] = 0;
    return fl_shape_equal(a, b);
}

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    char a[64], b[64];
    (void)options, (void)rows;
    *out = (fl_layer_plan){.out = in[0]};
    for (int i = 1; i < n_in; i++) {
        if (!fits(in[0], in[i]))
            return fl_layer_refuse(out, "joins inputs of one height and width, not %s and %s",
                                   fl_shape_text(in[0], a), fl_shape_text(in[i], b));
        out->out.d[in[0].n - 1] += fl_shape_channels(in[i]);
    }
    return true;
}

static size_t lines(const fl_layer_call *c) {
    return (size_t)c->rows * fl_shape_pixels(c->out_shape);
}

/* All inputs of a line at once: the output is written once through. */
static void forward(const fl_layer_call *c) {
    size_t all = fl_shape_channels(c->out_shape), count = lines(c);
#pragma omp parallel for schedule(static) if (count * all >= WORTH_THREADS)
    for (size_t r = 0; r < count; r++) {
        float *to = c->out + r * all;
        for (int k = 0; k < c->n_in; k++) {
            size_t n = fl_shape_channels(c->in_shape[k]);
            memcpy(to, c->in[k] + r * n, n * sizeof(float));
            to += n;
        }
    }
}

static void backward(const fl_layer_call *c) {
    size_t all = fl_shape_channels(c->out_shape), count = lines(c);
#pragma omp parallel for schedule(static) if (count * all >= WORTH_THREADS)
    for (size_t r = 0; r < count; r++) {
        const float *from = c->dout + r * all;
        for (int k = 0; k < c->n_in; k++) {
            size_t n = fl_shape_channels(c->in_shape[k]);
            if (c->din[k] && c->fresh[k])
                memcpy(c->din[k] + r * n, from, n * sizeof(float));
            else if (c->din[k])
                fl_add_to(c->din[k] + r * n, from, n);
            from += n;
        }
    }
}

static const fl_layer_example examples[] = {
    {"{}", 2, {{3, {2, 3, 2}}, {3, {2, 3, 3}}}, false},
    {"{}", 3, {{1, {4}}, {1, {1}}, {1, {2}}}, false},
    {"{}", 2, {{3, {2, 3, 2}}, {3, {3, 3, 2}}}, true},
    {"{}", 2, {{1, {4}}, {3, {1, 1, 4}}}, true},
    {0},
};

const fl_layer_ops fl_layer_concat = {
    .name = "concat",
    .help = "Its inputs' channels side by side.",
    .min_in = 2,
    .max_in = FL_MAX_INPUTS,
    .writes_din = true,
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
