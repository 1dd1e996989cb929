/* activate.c: activations of vectors. */
#include <math.h>

#include "kernel/isa/columns.h"
#include "kernel/isa/curve.h"
#include "kernel/isa/each.h"

enum { SPAN = 16 << 10 }; /* floats of a thread's turn */

INLINE vf normal_cdf(vf z) {
    return 0.5f * (1 + verf(z * 0.70710678f));
}

INLINE vf value(const fl_activation f, vf z) {
    switch (f) {
    case FL_ACT_RELU: return vmax((vf){0}, z); /* NaN passes through: see vmax */
    case FL_ACT_RELU6: return vmin(splat(6), vmax((vf){0}, z));
    case FL_ACT_LEAKY_RELU: return choose(z < 0, 0.2f * z, z);
    case FL_ACT_SIGMOID: return vsigmoid(z);
    case FL_ACT_TANH: return vtanh(z);
    case FL_ACT_GELU: return z * normal_cdf(z);
    case FL_ACT_SILU: return z * vsigmoid(z);
    default: return z;
    }
}

/* The gradient in z, from that in y; known is z or y, whichever f needs. */
INLINE vf gradient(const fl_activation f, vf known, vf d) {
    vf y = known, z = known, s;
    switch (f) {
    case FL_ACT_RELU: return (vf)((y > 0) & (vi)d);
    case FL_ACT_RELU6: return (vf)((y > 0) & (y < 6) & (vi)d);
    case FL_ACT_LEAKY_RELU: return choose(y > 0, d, 0.2f * d);
    case FL_ACT_SIGMOID: return d * (y * (1 - y));
    case FL_ACT_TANH: return d * (1 - y * y);
    case FL_ACT_GELU: return d * (normal_cdf(z) + z * 0.39894228f * vexp(-0.5f * z * z));
    case FL_ACT_SILU: s = vsigmoid(z); return d * (s * (1 + z * (1 - s)));
    default: return d;
    }
}

INLINE void values(const fl_activation f, int n, const float *x, float *y) {
    int i = 0;
    for (; i + VW <= n; i += VW) store(y + i, value(f, load(x + i)));
    if (i < n) store_some(y + i, value(f, load_some(x + i, n - i)), n - i);
}

/* to = or += the gradient in z */
INLINE void gradients(const fl_activation f, const bool add, int n, const float *known,
                      const float *d, float *to) {
    int i = 0;
    for (; i + VW <= n; i += VW) {
        vf v = gradient(f, f == FL_ACT_LINEAR ? (vf){0} : load(known + i), load(d + i));
        store(to + i, add ? load(to + i) + v : v);
    }
    if (i == n) return;
    n -= i;
    vf v = gradient(f, f == FL_ACT_LINEAR ? (vf){0} : load_some(known + i, n), load_some(d + i, n));
    store_some(to + i, add ? load_some(to + i, n) + v : v, n);
}

/* CALL(f) with f a constant. */
#define FOR_ACTIVATION(f, CALL)                                                                    \
    switch (f) {                                                                                   \
    case FL_ACT_RELU: CALL(FL_ACT_RELU); break;                                                    \
    case FL_ACT_RELU6: CALL(FL_ACT_RELU6); break;                                                  \
    case FL_ACT_LEAKY_RELU: CALL(FL_ACT_LEAKY_RELU); break;                                        \
    case FL_ACT_SIGMOID: CALL(FL_ACT_SIGMOID); break;                                              \
    case FL_ACT_TANH: CALL(FL_ACT_TANH); break;                                                    \
    case FL_ACT_GELU: CALL(FL_ACT_GELU); break;                                                    \
    case FL_ACT_SILU: CALL(FL_ACT_SILU); break;                                                    \
    default: CALL(FL_ACT_LINEAR); break;                                                           \
    }

static void values_of(fl_activation f, int n, const float *x, float *y) {
#define CALL(f) values(f, n, x, y)
    FOR_ACTIVATION(f, CALL)
#undef CALL
}

static void gradients_of(fl_activation f, int n, const float *known, const float *d, float *to) {
#define CALL(f) gradients(f, false, n, known, d, to)
    FOR_ACTIVATION(f, CALL)
#undef CALL
}

static void add_gradients_of(fl_activation f, int n, const float *known, const float *d, float *to){
#define CALL(f) gradients(f, true, n, known, d, to)
    FOR_ACTIVATION(f, CALL)
#undef CALL
}

/* ---- softmax: a row at a time ---- */

INLINE float across(const bool largest, vf v) {
    float r = v[0];
    for (int i = 1; i < VW; i++) r = !largest ? r + v[i] : v[i] > r ? v[i] : r;
    return r;
}

static float largest_of(int n, const float *x) {
    vf best = splat(x[0]);
    int i = 0;
    for (; i + VW <= n; i += VW) best = vmax(load(x + i), best);
    float most = across(true, best);
    for (; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

/* y = exp(z - max) / Σ exp(z - max) */
static void softmax(int n, const float *z, float *y) {
    float max = largest_of(n, z), rest = 0;
    vf sum = {0};
    int i = 0;
    for (; i + VW <= n; i += VW) {
        vf e = vexp(load(z + i) - max);
        sum += e;
        store(y + i, e);
    }
    if (i < n) store_some(y + i, vexp(load_some(z + i, n - i) - max), n - i);
    for (int k = i; k < n; k++) rest += y[k];
    float scale = 1 / (across(false, sum) + rest);
    for (int k = 0; k < n; k++) y[k] *= scale;
}

/* to = or += y (d - ⟨d, y⟩) */
static void softmax_back(bool add, int n, const float *y, const float *d, float *to) {
    vf sum = {0};
    float dot = 0;
    int i = 0;
    for (; i + VW <= n; i += VW) sum += load(y + i) * load(d + i);
    for (; i < n; i++) dot += y[i] * d[i];
    dot += across(false, sum);
    for (int k = 0; k < n; k++) to[k] = (add ? to[k] : 0) + y[k] * (d[k] - dot);
}

/* ---- the table's ---- */

static size_t spans(fl_activation f, size_t rows, size_t channels) {
    return f == FL_ACT_SOFTMAX ? rows : (rows * channels + SPAN - 1) / SPAN;
}

/* Where span i begins, and how many floats it has. */
static size_t span_of(fl_activation f, size_t i, size_t rows, size_t channels, int *n) {
    size_t width = f == FL_ACT_SOFTMAX ? channels : SPAN, first = i * width;
    *n = (int)min_size(width, rows * channels - first);
    return first;
}

void each_activate(fl_activation f, size_t rows, size_t channels, const float *x, float *y) {
    if (f == FL_ACT_LINEAR && x == y) return;
#pragma omp parallel for schedule(static) if (rows * channels >= WORTH_THREADS)
    for (size_t i = 0; i < spans(f, rows, channels); i++) {
        int n;
        size_t at = span_of(f, i, rows, channels, &n);
        if (f == FL_ACT_SOFTMAX)
            softmax(n, x + at, y + at);
        else
            values_of(f, n, x + at, y + at);
    }
}

static void take_back(fl_activation f, size_t rows, size_t channels, const float *known,
                      const float *d, bool add, float *to) {
#pragma omp parallel for schedule(static) if (rows * channels >= WORTH_THREADS)
    for (size_t i = 0; i < spans(f, rows, channels); i++) {
        int n;
        size_t at = span_of(f, i, rows, channels, &n);
        const float *here = f == FL_ACT_LINEAR ? NULL : known + at;
        if (f == FL_ACT_SOFTMAX)
            softmax_back(add, n, here, d + at, to + at);
        else
            (add ? add_gradients_of : gradients_of)(f, n, here, d + at, to + at);
    }
}

void each_activate_back(fl_activation f, size_t rows, size_t channels, const float *y,
                        const float *z, float *d, float *sum) {
    bool along = sum && (f == FL_ACT_LINEAR || f == FL_ACT_RELU || f == FL_ACT_RELU6);
    if (!along && f != FL_ACT_LINEAR)
        take_back(f, rows, channels, fl_act_needs_input(f) ? z : y, d, false, d);
    if (sum) columns_sum(along ? f : FL_ACT_LINEAR, rows, channels, y, d, sum);
}

void each_activate_into(fl_activation f, size_t rows, size_t channels, const float *y,
                        const float *z, const float *d, bool add, float *dx) {
    take_back(f, rows, channels, fl_act_needs_input(f) ? z : y, d, add, dx);
}
