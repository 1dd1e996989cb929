/* run.c: a layer's convolution, depthwise convolution or product, by the fastest way that the
 * kernels in force have: an algorithm of their instruction set where one fits, else the plain
 * functions of their table. */
#include <math.h>

#include "frostline/conv.h"

/* Weights of a layer that learns are packed anew at each step: about half a nanosecond a float. */
static const double pack_seconds = 0.5e-9;

static double live_cost(const fl_conv_algo *a, const fl_conv *g, int rows) {
    return a->cost(g, rows) + pack_seconds * (double)a->packed(g);
}

static const fl_conv_algo *cheapest(const fl_conv_algo *const *list, const fl_conv *g, int rows,
                                    const fl_epilogue *e) {
    const fl_conv_algo *best = NULL;
    for (; *list; list++)
        if ((*list)->fits(g, e) && (!best || live_cost(*list, g, rows) < live_cost(best, g, rows)))
            best = *list;
    return best;
}

static const fl_epilogue plain = {.pool = 1}, adding = {.pool = 1, .accumulate = true};

static const fl_conv_algo *forward_algo(const fl_kernels *k, const fl_conv *g, int rows,
                                        const fl_epilogue *e) {
    return k->isa ? cheapest(k->isa->conv, g, rows, e) : NULL;
}

/* Backward data is a convolution of its own where the stride is 1; the set may have better. */
typedef struct adjoint {
    const fl_conv_algo *algo;
    fl_conv g;
    bool rotate; /* g is the adjoint geometry, and the weights are to be turned */
} adjoint;

static adjoint data_algo(const fl_kernels *k, const fl_conv *g, int rows) {
    adjoint a = {.g = *g};
    fl_conv h;
    if (!k->isa) return a;
    a.algo = cheapest(k->isa->conv_dx, g, rows, &adding);
    if (!fl_conv_adjoint(g, &h)) return a;
    const fl_conv_algo *other = cheapest(k->isa->conv, &h, rows, &adding);
    if (!other || (a.algo && live_cost(a.algo, g, rows) <= live_cost(other, &h, rows))) return a;
    return (adjoint){.algo = other, .g = h, .rotate = true};
}

static const fl_conv_dw_algo *weights_algo(const fl_kernels *k, const fl_conv *g, int rows) {
    return k->isa ? fl_conv_dw_algo_choose(k->isa, g, rows) : NULL;
}

static size_t weight_floats(const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->ci * g->co;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t work_for(const fl_kernels *k, const fl_conv *g, int rows) {
    size_t most = k->conv_work(g, rows);
    const fl_conv_algo *forward = forward_algo(k, g, rows, &plain);
    adjoint data = data_algo(k, g, rows);
    const fl_conv_dw_algo *weights = weights_algo(k, g, rows);
    if (forward) most = larger(most, forward->packed(g) + forward->work(g, rows));
    if (data.algo)
        most = larger(most, data.algo->packed(&data.g) + (data.rotate ? weight_floats(g) : 0) +
                                data.algo->work(&data.g, rows));
    if (weights) most = larger(most, weights->work(g, rows));
    return most;
}

/* Fewer rows may want more: another algorithm, or another cut of the work. Beyond a few thousand
 * all cuts are alike. */
enum { ALL_ALIKE = 4096 };

size_t fl_kernels_conv_work(const fl_kernels *k, const fl_conv *g, int rows) {
    size_t most = work_for(k, g, rows);
    for (int r = 1; r < rows && r <= ALL_ALIKE; r++) most = larger(most, work_for(k, g, r));
    return most;
}

size_t fl_conv_algo_work(const fl_conv_algo *a, const fl_conv *g, int rows) {
    size_t most = a->work(g, rows);
    for (int r = 1; r < rows && r <= ALL_ALIKE; r++) most = larger(most, a->work(g, r));
    return most;
}

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

void fl_kernels_conv_forward(const fl_kernels *k, const fl_conv *g, int rows, const float *x,
                             const float *w, const fl_epilogue *e, float *y, float *work) {
    const fl_conv_algo *a = forward_algo(k, g, rows, e);
    if (a) {
        a->pack(g, w, work);
        a->run(g, rows, x, work, e, y, work + a->packed(g));
        return;
    }
    k->conv_forward(g, rows, x, w, y, work);
    fl_epilogue_apply(e, (size_t)rows * g->oh * g->ow, (size_t)g->co, y);
}

void fl_kernels_conv_backward_data(const fl_kernels *k, const fl_conv *g, int rows, const float *dy,
                                   const float *w, float *dx, float *work) {
    adjoint a = data_algo(k, g, rows);
    if (!a.algo) {
        k->conv_backward_data(g, rows, dy, w, dx, work);
        return;
    }
    float *packed = work, *scratch = work + a.algo->packed(&a.g);
    if (a.rotate) {
        fl_conv_rotate(g, w, scratch);
        a.algo->pack(&a.g, scratch, packed);
    } else {
        a.algo->pack(&a.g, w, packed);
    }
    a.algo->run(&a.g, rows, dy, packed, &adding, dx, scratch);
}

void fl_kernels_conv_backward_weights(const fl_kernels *k, const fl_conv *g, int rows,
                                      const float *x, const float *dy, float *dw, float *work) {
    const fl_conv_dw_algo *a = weights_algo(k, g, rows);
    if (a)
        a->run(g, rows, x, dy, dw, work);
    else
        k->conv_backward_weights(g, rows, x, dy, dw, work);
}

/* ---- depthwise ---- */

static bool has_depthwise(const fl_kernels *k, const fl_conv *g, const fl_epilogue *e) {
    return k->isa && k->isa->depthwise && k->isa->depthwise->fits(g, e);
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
                                        const float *dy, const float *w, float *dx) {
    bool fast = has_depthwise(k, g, &plain);
    (fast ? k->isa->depthwise->backward_data : k->depthwise_backward_data)(g, rows, dy, w, dx);
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
                                       const float *x, const float *dy, float *dw) {
    const fl_dense *d = few_rows(k, rows);
    if (d)
        d->backward_weights(rows, in, out, x, dy, dw);
    else
        k->gemm(true, false, out, in, rows, dy, out, x, in, 1, dw, in);
}
