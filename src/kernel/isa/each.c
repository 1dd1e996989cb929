/* each.c: what is done to each number by itself. Lanes never mix, so a number's result does not
 * depend on where in the array it lies. */
#include <math.h>

#include "kernel/isa/each.h"
#include "kernel/isa/isa.h"

enum { SPAN = 16 << 10, WORTH_THREADS = 32 << 10 }; /* floats */

INLINE vf vsqrt(vf v) {
#if defined(__AVX512F__)
    return _mm512_sqrt_ps(v);
#elif defined(__AVX2__)
    return _mm256_sqrt_ps(v);
#elif defined(__SSE2__)
    return _mm_sqrt_ps(v);
#else
    for (int i = 0; i < VW; i++) v[i] = sqrtf(v[i]);
    return v;
#endif
}

INLINE void adam_at(const fl_adam_step *s, int n, float *w, const float *gradient, float *m,
                    float *v) {
    bool whole = n == VW;
    vf w0 = whole ? load(w) : load_some(w, n), m0 = whole ? load(m) : load_some(m, n);
    vf v0 = whole ? load(v) : load_some(v, n);
    vf g = s->scale * (whole ? load(gradient) : load_some(gradient, n)) + s->l2 * w0;
    m0 = s->keep_1 * m0 + s->new_1 * g;
    v0 = s->keep_2 * v0 + s->new_2 * g * g;
    w0 -= s->fade * w0 + s->rate * m0 / (vsqrt(v0) * s->unbias + s->epsilon);
    if (whole) {
        store(w, w0), store(m, m0), store(v, v0);
    } else {
        store_some(w, w0, n), store_some(m, m0, n), store_some(v, v0, n);
    }
}

static void adam(const fl_adam_step *step, size_t n, float *w, const float *gradient, float *m,
                 float *v) {
    const fl_adam_step s = *step; /* near: w might be anything */
#pragma omp parallel for schedule(static) if (n >= WORTH_THREADS)
    for (size_t from = 0; from < n; from += SPAN) {
        size_t i = from, end = min_size(n, from + SPAN);
        for (; i + VW <= end; i += VW) adam_at(&s, VW, w + i, gradient + i, m + i, v + i);
        if (i < end) adam_at(&s, (int)(end - i), w + i, gradient + i, m + i, v + i);
    }
}

static void add(fl_activation f, size_t n, const float *a, const float *b, float *y) {
    vf low = splat(f ? 0 : -INFINITY), high = splat(f == FL_ACT_RELU6 ? 6 : INFINITY);
#pragma omp parallel for schedule(static) if (n >= WORTH_THREADS)
    for (size_t from = 0; from < n; from += SPAN) {
        size_t i = from, end = min_size(n, from + SPAN);
        for (; i + VW <= end; i += VW)
            store(y + i, vmin(high, vmax(low, load(a + i) + load(b + i)))); /* NaN: see vmin */
        int n_left = (int)(end - i);
        vf last = n_left ? load_some(a + i, n_left) + load_some(b + i, n_left) : (vf){0};
        if (n_left) store_some(y + i, vmin(high, vmax(low, last)), n_left);
    }
}

const fl_each FL_ISA(fl_each_vector) = {
    .activate = each_activate,
    .activate_back = each_activate_back,
    .activate_into = each_activate_into,
    .add = add,
    .drop = each_drop,
    .moments = each_moments,
    .affine = each_affine,
    .affine_sums = each_affine_sums,
    .affine_back = each_affine_back,
    .max_pool = each_max_pool,
    .max_pool_back = each_max_pool_back,
    .avg_pool = each_avg_pool,
    .avg_pool_back = each_avg_pool_back,
    .adam = adam,
};
