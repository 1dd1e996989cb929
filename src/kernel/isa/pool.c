/* pool.c: the largest and the mean of windows, some vectors of channels at a time. */
#include "kernel/isa/columns.h"
#include "kernel/isa/each.h"

typedef struct window { /* one position */
    const fl_conv *g;
    fl_taps y, x;
    size_t first; /* the pixel of the first tap, in floats from the image */
    size_t line;  /* floats from a line of the image to the next */
} window;

static window window_at(const fl_conv *g, int oy, int ox) {
    window w = {.g = g, .y = fl_taps_y(g, oy), .x = fl_taps_x(g, ox)};
    w.line = (size_t)g->w * g->ci;
    w.first = (size_t)(w.y.first + w.y.lo) * w.line + (size_t)(w.x.first + w.x.lo) * g->ci;
    return w;
}

static size_t image_size(const fl_conv *g) {
    return (size_t)g->h * g->w * g->ci;
}

/* v replaces best, and t at, unless it is smaller or equal, or best is NaN. */
INLINE void keep_larger(const bool which, vf v, vi t, vf *best, vi *at) {
#if defined(__AVX512F__)
    __mmask16 number = _mm512_cmp_ps_mask(*best, *best, _CMP_ORD_Q);
    __mmask16 take = _mm512_mask_cmp_ps_mask(number, v, *best, _CMP_NLE_UQ);
    *best = _mm512_mask_mov_ps(*best, take, v);
    if (which) *at = (vi)_mm512_mask_mov_epi32((__m512i)*at, take, (__m512i)t);
#else
    vi take = ~((v <= *best) | (*best != *best));
    *best = (vf)((take & (vi)v) | (~take & (vi)*best));
    if (which) *at = (take & t) | (~take & *at);
#endif
}

typedef uint16_t vt __attribute__((vector_size(2 * VW)));

static bool is_wide(const fl_conv *g) {
    return fl_tap_bytes(g) == sizeof(vi) / VW;
}

/* The taps from number i on, n of them. */
INLINE void put_taps(const fl_conv *g, void *taps, size_t i, vi v, int n) {
    vt narrow = __builtin_convertvector(v, vt);
    if (is_wide(g))
        memcpy((uint32_t *)taps + i, &v, (size_t)n * sizeof(uint32_t));
    else if (n == VW)
        memcpy((uint16_t *)taps + i, &narrow, sizeof narrow);
    else
        memcpy((uint16_t *)taps + i, &narrow, (size_t)n * sizeof(uint16_t));
}

INLINE vi get_taps(const fl_conv *g, const void *taps, size_t i, int n) {
    vt narrow = {0};
    vi v = {0};
    if (is_wide(g)) {
        memcpy(&v, (const uint32_t *)taps + i, (size_t)n * sizeof(uint32_t));
        return v;
    }
    if (n == VW)
        memcpy(&narrow, (const uint16_t *)taps + i, sizeof narrow);
    else
        memcpy(&narrow, (const uint16_t *)taps + i, (size_t)n * sizeof(uint16_t));
    return __builtin_convertvector(narrow, vi);
}

/* The largest of a line of the window, and its tap. */
INLINE void max_line(const int vectors, const bool whole, int n, const bool which, const window *w,
                     int ky, const float *x, vf *best, vi *tap) {
    int t = ky * w->g->kw + w->x.lo;
    UNROLL
    for (int k = 0; k < vectors; k++) {
        best[k] = get(whole, x + k * VW, n);
        tap[k] = t - (vi){0};
    }
    for (int kx = w->x.lo + 1; kx < w->x.hi; kx++) {
        x += w->g->ci, t++;
        UNROLL
        for (int k = 0; k < vectors; k++)
            keep_larger(which, get(whole, x + k * VW, n), t - (vi){0}, &best[k], &tap[k]);
    }
}

/* Line by line, so that the lines' comparisons need not wait for each other. */
INLINE void max_strip(const int vectors, const bool whole, int n, int at, const bool which,
                      const window *w, const float *image, size_t to, float *y, void *tap) {
    const float *line = image + w->first + at;
    vf best[GROUP], more[GROUP];
    vi taps[GROUP], others[GROUP];
    max_line(vectors, whole, n, which, w, w->y.lo, line, best, taps);
    for (int ky = w->y.lo + 1; ky < w->y.hi; ky++) {
        line += w->line;
        max_line(vectors, whole, n, which, w, ky, line, more, others);
        UNROLL
        for (int k = 0; k < vectors; k++)
            keep_larger(which, more[k], others[k], &best[k], &taps[k]);
    }
    UNROLL
    for (int k = 0; k < vectors; k++) {
        size_t i = to + (size_t)(at + k * VW);
        put(whole, y + i, best[k], n);
        if (which) put_taps(w->g, tap, i, taps[k], whole ? VW : n);
    }
}

void each_max_pool(const fl_conv *g, int rows, const float *x, float *y, void *tap) {
    size_t lines = (size_t)rows * g->oh;
#pragma omp parallel for schedule(static) if (lines * g->ow * g->ci >= WORTH_THREADS)
    for (size_t r = 0; r < lines; r++) {
        const float *image = x + r / g->oh * image_size(g);
        for (int ox = 0; ox < g->ow; ox++) {
            window w = window_at(g, (int)(r % g->oh), ox);
            size_t at = (r * g->ow + ox) * g->ci;
            if (tap)
                FOR_STRIPS(g->ci, max_strip, true, &w, image, at, y, tap);
            else
                FOR_STRIPS(g->ci, max_strip, false, &w, image, at, y, NULL);
        }
    }
}

/* Each pixel of the window is given dy where it is the tap, and zero elsewhere. */
INLINE void max_back_strip(const int vectors, const bool whole, int n, int at, const window *w,
                           size_t from, const float *dy, const void *tap, float *image) {
    vf d[GROUP];
    vi taps[GROUP];
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        size_t i = from + (size_t)(at + k * VW);
        d[k] = get(whole, dy + i, n);
        taps[k] = get_taps(w->g, tap, i, whole ? VW : n);
    }
    float *line = image + w->first + at;
    for (int ky = w->y.lo; ky < w->y.hi; ky++, line += w->line) {
        float *dx = line;
        for (int kx = w->x.lo; kx < w->x.hi; kx++, dx += w->g->ci)
#pragma GCC unroll 4
            for (int k = 0; k < vectors; k++) {
                vf more = (vf)((taps[k] == ky * w->g->kw + kx) & (vi)d[k]);
                put(whole, dx + k * VW, get(whole, dx + k * VW, n) + more, n);
            }
    }
}

/* Lines of the image are cleared just before the first window that reaches them. */
static int clear_lines(const fl_conv *g, int from, int to, float *image) {
    size_t line = (size_t)g->w * g->ci;
    if (to > from) memset(image + from * line, 0, (size_t)(to - from) * line * sizeof *image);
    return max_int(from, to);
}

static void max_back_image(const fl_conv *g, size_t from, const float *dy, const void *tap,
                           bool add, float *image) {
    int cleared = add ? g->h : 0;
    for (int oy = 0; oy < g->oh; oy++) {
        fl_taps ty = fl_taps_y(g, oy);
        cleared = clear_lines(g, cleared, ty.first + ty.hi, image);
        for (int ox = 0; ox < g->ow; ox++, from += (size_t)g->ci) {
            window w = window_at(g, oy, ox);
            FOR_STRIPS(g->ci, max_back_strip, &w, from, dy, tap, image);
        }
    }
    clear_lines(g, cleared, g->h, image);
}

void each_max_pool_back(const fl_conv *g, int rows, const float *dy, const void *tap, bool add,
                        float *dx) {
    size_t size = (size_t)g->oh * g->ow * g->ci;
#pragma omp parallel for schedule(static) if (rows * size >= WORTH_THREADS)
    for (int r = 0; r < rows; r++)
        max_back_image(g, r * size, dy, tap, add, dx + r * image_size(g));
}

static float share(const window *w) { /* of a pixel in its window's mean */
    return 1.0f / ((float)(w->y.hi - w->y.lo) * (float)(w->x.hi - w->x.lo));
}

/* A large window is summed by lines, so that few small numbers meet one large sum. */
INLINE void avg_strip(const int vectors, const bool whole, int n, int at, const window *w,
                      const float *image, float *y) {
    const float *line = image + w->first + at;
    vf sum[GROUP] = {0};
    for (int ky = w->y.lo; ky < w->y.hi; ky++, line += w->line) {
        vf part[GROUP] = {0};
        const float *x = line;
        for (int kx = w->x.lo; kx < w->x.hi; kx++, x += w->g->ci)
#pragma GCC unroll 4
            for (int k = 0; k < vectors; k++) part[k] += get(whole, x + k * VW, n);
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) sum[k] += part[k];
    }
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) put(whole, y + at + k * VW, sum[k] * share(w), n);
}

void each_avg_pool(const fl_conv *g, int rows, const float *x, float *y) {
    size_t lines = (size_t)rows * g->oh;
#pragma omp parallel for schedule(static) if (rows * image_size(g) >= WORTH_THREADS)
    for (size_t r = 0; r < lines; r++)
        for (int ox = 0; ox < g->ow; ox++) {
            window w = window_at(g, (int)(r % g->oh), ox);
            FOR_STRIPS(g->ci, avg_strip, &w, x + r / g->oh * image_size(g),
                       y + (r * g->ow + ox) * g->ci);
        }
}

INLINE void avg_back_strip(const int vectors, const bool whole, int n, int at, const window *w,
                           const float *dy, float *image) {
    vf d[GROUP];
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) d[k] = get(whole, dy + at + k * VW, n) * share(w);
    float *line = image + w->first + at;
    for (int ky = w->y.lo; ky < w->y.hi; ky++, line += w->line) {
        float *dx = line;
        for (int kx = w->x.lo; kx < w->x.hi; kx++, dx += w->g->ci)
#pragma GCC unroll 4
            for (int k = 0; k < vectors; k++)
                put(whole, dx + k * VW, get(whole, dx + k * VW, n) + d[k], n);
    }
}

static void avg_back_image(const fl_conv *g, const float *dy, bool add, float *image) {
    int cleared = add ? g->h : 0;
    for (int oy = 0; oy < g->oh; oy++) {
        fl_taps ty = fl_taps_y(g, oy);
        cleared = clear_lines(g, cleared, ty.first + ty.hi, image);
        for (int ox = 0; ox < g->ow; ox++, dy += g->ci) {
            window w = window_at(g, oy, ox);
            FOR_STRIPS(g->ci, avg_back_strip, &w, dy, image);
        }
    }
    clear_lines(g, cleared, g->h, image);
}

void each_avg_pool_back(const fl_conv *g, int rows, const float *dy, bool add, float *dx) {
    size_t size = (size_t)g->oh * g->ow * g->ci;
#pragma omp parallel for schedule(static) if (rows * image_size(g) >= WORTH_THREADS)
    for (int r = 0; r < rows; r++) avg_back_image(g, dy + r * size, add, dx + r * image_size(g));
}
