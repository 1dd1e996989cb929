/* each.c: what is done to each number by itself, where the compiler's loop for any machine is
 * slower than memory. Lanes never mix, so a number's result does not depend on where in the array
 * it lies. */
#include <math.h>

#include "kernel/isa/isa.h"

typedef uint16_t vt __attribute__((vector_size(2 * VW)));

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
    size_t i = 0;
    for (; i + VW <= n; i += VW) adam_at(&s, VW, w + i, gradient + i, m + i, v + i);
    if (i < n) adam_at(&s, (int)(n - i), w + i, gradient + i, m + i, v + i);
}

enum { MOST_TAPS = 81 };

typedef struct window { /* the pixels of one position, and the numbers of their taps */
    int n;
    const float *x[MOST_TAPS];
    int tap[MOST_TAPS];
} window;

INLINE vi lanes_of(int v) {
    return v - (vi){0};
}

/* The largest at channels [c, c + n), NaN being larger than all; and which it was, the first of
 * equals. */
INLINE void largest(const bool which, const window *w, int c, int n, float *y, uint16_t *tap) {
    bool whole = n == VW;
    vf best = whole ? load(w->x[0] + c) : load_some(w->x[0] + c, n);
    vi at = lanes_of(w->tap[0]);
    for (int t = 1; t < w->n; t++) {
        vf v = whole ? load(w->x[t] + c) : load_some(w->x[t] + c, n);
        vi take = ~((v <= best) | (best != best));
        best = (vf)((take & (vi)v) | (~take & (vi)best));
        if (which) at = (take & lanes_of(w->tap[t])) | (~take & at);
    }
    store_some(y + c, best, n);
    vt short_at = __builtin_convertvector(at, vt);
    if (which) memcpy(tap + c, &short_at, (whole ? VW : (size_t)n) * sizeof *tap);
}

INLINE void pool_channels(const bool which, const window *w, int channels, float *y,
                          uint16_t *tap) {
    int c = 0;
    for (; c + VW <= channels; c += VW) largest(which, w, c, VW, y, tap);
    if (c < channels) largest(which, w, c, channels - c, y, tap);
}

static void look(const fl_conv *g, const float *image, int oy, int ox, window *w) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    w->n = 0;
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++) {
            size_t at = (size_t)(ty.first + ky) * g->w + (size_t)(tx.first + kx);
            w->x[w->n] = image + at * g->ci;
            w->tap[w->n++] = ky * g->kw + kx;
        }
}

static void max_pool(const fl_conv *g, int rows, const float *x, float *y, uint16_t *tap) {
    size_t lines = (size_t)rows * g->oh;
#pragma omp parallel for schedule(static)
    for (size_t r = 0; r < lines; r++) {
        const float *image = x + r / g->oh * g->h * g->w * g->ci;
        for (int ox = 0; ox < g->ow; ox++) {
            window w;
            size_t at = (r * g->ow + ox) * g->co;
            look(g, image, (int)(r % g->oh), ox, &w);
            if (tap)
                pool_channels(true, &w, g->ci, y + at, tap + at);
            else
                pool_channels(false, &w, g->ci, y + at, NULL);
        }
    }
}

static bool fits_max_pool(const fl_conv *g) {
    return g->kh * g->kw <= MOST_TAPS;
}

const fl_each FL_ISA(fl_each_vector) = {
    .adam = adam,
    .fits_max_pool = fits_max_pool,
    .max_pool = max_pool,
};
