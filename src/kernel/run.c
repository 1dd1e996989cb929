/* run.c: a layer's convolution, depthwise convolution or product: by the algorithm that was chosen
 * for it, or that fits, else by the plain functions of the kernels' table. */
#include <math.h>
#include <string.h>

#include "frostline/conv.h"

static const fl_epilogue plain = {.pool = 1}, adding = {.pool = 1, .accumulate = true};

void fl_epilogue_apply(const fl_epilogue *e, size_t rows, size_t n, float *y) {
    float low = e->activation == FL_CONV_LINEAR ? -INFINITY : 0;
    float high = e->activation == FL_CONV_RELU6 ? 6 : INFINITY;
    for (size_t r = 0; r < rows; r++, y += n)
        for (size_t i = 0; i < n; i++) {
            float v = e->bias ? y[i] + e->bias[i] : y[i];
            v = v < low ? low : v;
            y[i] = v > high ? high : v;
        }
}

void fl_kernels_conv_forward(const fl_kernels *k, const fl_conv_choice *c, const fl_conv *g,
                             int rows, const float *x, const float *w, const fl_epilogue *e,
                             float *y, float *work) {
    if (c->forward) {
        c->forward->pack(g, w, work);
        c->forward->run(g, rows, x, work, e, y, work + c->forward->packed(g));
        return;
    }
    k->conv_forward(g, rows, x, w, y, work);
    fl_epilogue_apply(e, (size_t)rows * g->oh * g->ow, (size_t)g->co, y);
}

static void clear_input(const fl_conv *g, int rows, float *dx) {
    size_t n = (size_t)rows * g->h * g->w * g->ci;
    if (n > 0) memset(dx, 0, n * sizeof *dx);
}

void fl_kernels_conv_backward_data(const fl_kernels *k, const fl_conv_choice *c, const fl_conv *g,
                                   int rows, const float *dy, const float *w, bool add, float *dx,
                                   float *work) {
    const fl_conv *h = &c->data_geometry;
    if (!c->data) {
        if (!add) clear_input(g, rows, dx);
        k->conv_backward_data(g, rows, dy, w, dx, work);
        return;
    }
    float *packed = work, *scratch = work + c->data->packed(h);
    if (c->rotate) {
        fl_conv_rotate(g, w, scratch);
        c->data->pack(h, scratch, packed);
    } else {
        c->data->pack(h, w, packed);
    }
    c->data->run(h, rows, dy, packed, add ? &adding : &plain, dx, scratch);
}

void fl_kernels_conv_backward_weights(const fl_kernels *k, const fl_conv_choice *c,
                                      const fl_conv *g, int rows, const float *x, const float *dy,
                                      float *dw, float *work) {
    if (c->weights)
        c->weights->run(g, rows, x, dy, dw, work);
    else
        k->conv_backward_weights(g, rows, x, dy, dw, work);
}

const fl_each *fl_kernels_each(const fl_kernels *k) {
    return k->isa ? k->isa->each : &fl_each_reference;
}

/* ---- depthwise ---- */

static bool has_depthwise(const fl_kernels *k, const fl_conv *g, const fl_epilogue *e) {
    return k->isa && k->isa->depthwise && k->isa->depthwise->fits(g, e);
}

const char *fl_kernels_depthwise_name(const fl_kernels *k, const fl_conv *g) {
    return has_depthwise(k, g, &plain) ? "depthwise" : "loops";
}

void fl_kernels_depthwise_forward(const fl_kernels *k, const fl_conv *g, int rows, const float *x,
                                  const float *w, const fl_epilogue *e, float *y) {
    if (has_depthwise(k, g, e)) {
        k->isa->depthwise->forward(g, rows, x, w, e, y);
        return;
    }
    k->depthwise_forward(g, rows, x, w, y);
    fl_epilogue_apply(e, (size_t)rows * g->oh * g->ow, (size_t)g->co, y);
}

void fl_kernels_depthwise_backward_data(const fl_kernels *k, const fl_conv *g, int rows,
                                        const float *dy, const float *w, bool add, float *dx) {
    if (has_depthwise(k, g, &plain)) {
        k->isa->depthwise->backward_data(g, rows, dy, w, add, dx);
        return;
    }
    if (!add) clear_input(g, rows, dx);
    k->depthwise_backward_data(g, rows, dy, w, dx);
}

size_t fl_kernels_depthwise_work(const fl_kernels *k, const fl_conv *g, int rows) {
    return has_depthwise(k, g, &plain) ? k->isa->depthwise->work(g, rows) : 0;
}

void fl_kernels_depthwise_backward_weights(const fl_kernels *k, const fl_conv *g, int rows,
                                           const float *x, const float *dy, float *dw,
                                           float *work) {
    if (has_depthwise(k, g, &plain))
        k->isa->depthwise->backward_weights(g, rows, x, dy, dw, work);
    else
        k->depthwise_backward_weights(g, rows, x, dy, dw);
}

/* ---- dense ---- */

static const fl_dense *few_rows(const fl_kernels *k, int rows) {
    const fl_dense *d = k->isa ? k->isa->dense : NULL;
    return d && rows <= d->rows ? d : NULL;
}

const char *fl_kernels_dense_name(const fl_kernels *k, int rows) {
    return few_rows(k, rows) ? "dense" : "gemm";
}

void fl_kernels_dense_forward(const fl_kernels *k, int rows, int in, int out, const float *x,
                              const float *w, const fl_epilogue *e, float *y) {
    const fl_dense *d = few_rows(k, rows);
    if (d) {
        d->forward(rows, in, out, x, w, e, y);
        return;
    }
    k->gemm(false, true, rows, out, in, x, in, w, in, 0, y, out);
    fl_epilogue_apply(e, (size_t)rows, (size_t)out, y);
}

void fl_kernels_dense_backward_data(const fl_kernels *k, int rows, int in, int out, const float *dy,
                                    const float *w, float *dx) {
    const fl_dense *d = few_rows(k, rows);
    if (d)
        d->backward_data(rows, in, out, dy, w, dx);
    else
        k->gemm(false, false, rows, in, out, dy, out, w, in, 1, dx, in);
}

void fl_kernels_dense_backward_weights(const fl_kernels *k, int rows, int in, int out,
                                       const float *x, const float *dy, float *dw, bool add) {
    const fl_dense *d = few_rows(k, rows);
    if (d)
        d->backward_weights(rows, in, out, x, dy, dw, add);
    else
        k->gemm(true, false, out, in, rows, dy, out, x, in, add, dw, in);
}
