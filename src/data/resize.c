/* Bilinear resizing with antialiasing, in PIL's arithmetic so that pixels come out the same: an
 * output pixel is the mean of the input weighted by a triangle around its centre, as wide as the
 * ratio of the sizes if that is over 1. One pass across, then one down, 8 bits between them;
 * weights are fixed-point with 22 bits. (Pillow 13 goes down first where the height shrinks much
 * more than the width, which differs by 1 in some pixels; before it, the order was always this.) */
#include "data/image.h"

#include <math.h>
#include <string.h>

enum { BITS = 32 - 8 - 2 }; /* weights near 1 times 255 times sign still fit an int32_t */

typedef struct taps { /* output i: sum over k < count[i] of weight[i * width + k] · input[first[i] +
                         k] */
    int width;
    int32_t *first, *count, *weight;
} taps;

static double triangle(double x) {
    return fmax(0.0, 1.0 - fabs(x));
}

static void one_tap(taps *t, int i, int in, double center, double reach, double *w) {
    int lo = (int)fmax(0.0, center - reach + 0.5), hi = (int)fmin(in, center + reach + 0.5);
    double sum = 0.0;
    for (int x = lo; x < hi; x++) sum += w[x - lo] = triangle((x - center + 0.5) * (1.0 / reach));
    for (int k = 0; k < hi - lo; k++)
        t->weight[(size_t)i * (size_t)t->width + (size_t)k] =
            (int32_t)(0.5 + (sum != 0.0 ? w[k] / sum : w[k]) * (1 << BITS));
    t->first[i] = lo;
    t->count[i] = hi - lo;
}

/* Weights of outputs from … from+n-1 of `full`, made of `in` inputs. */
static taps weigh(fl_buffer *b, int in, int full, int from, int n) {
    double ratio = (double)in / full, reach = fmax(1.0, ratio);
    taps t = {.width = (int)ceil(reach) * 2 + 1};
    size_t weights = (size_t)n * (size_t)t.width;
    double *w = fl_buffer_need(b, (size_t)t.width * sizeof *w + (2 * (size_t)n + weights) * 4);
    t.first = (int32_t *)(w + t.width);
    t.count = t.first + n;
    t.weight = t.count + n;
    for (int i = 0; i < n; i++) one_tap(&t, i, in, (from + i + 0.5) * ratio, reach, w);
    return t;
}

static uint8_t rounded(int32_t sum) {
    int32_t v = sum >> BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* With c a constant, so that the sums of a pixel stay in registers. */
static inline __attribute__((always_inline)) void
across_pixels(const uint8_t *src, const int c, const taps *t, int n, uint8_t *dst) {
    for (int i = 0; i < n; i++) {
        const int32_t *w = t->weight + (size_t)i * (size_t)t->width;
        const uint8_t *p = src + (size_t)t->first[i] * (size_t)c;
        int32_t sum[3] = {1 << (BITS - 1), 1 << (BITS - 1), 1 << (BITS - 1)};
        for (int k = 0; k < t->count[i]; k++, p += c)
            for (int j = 0; j < c; j++) sum[j] += p[j] * w[k];
        for (int j = 0; j < c; j++) *dst++ = rounded(sum[j]);
    }
}

static void across_any(const uint8_t *src, int c, const taps *t, int n, uint8_t *dst) {
    for (int i = 0; i < n * c; i++) {
        const int32_t *w = t->weight + (size_t)(i / c) * (size_t)t->width;
        const uint8_t *p = src + (size_t)t->first[i / c] * (size_t)c + i % c;
        int32_t sum = 1 << (BITS - 1);
        for (int k = 0; k < t->count[i / c]; k++) sum += p[(size_t)k * (size_t)c] * w[k];
        dst[i] = rounded(sum);
    }
}

static void across(const uint8_t *src, int c, const taps *t, int n, uint8_t *dst) {
    if (c == 3)
        across_pixels(src, 3, t, n, dst);
    else if (c == 1)
        across_pixels(src, 1, t, n, dst);
    else
        across_any(src, c, t, n, dst);
}

/* One output row: `rows` begins with input row `base`, each n bytes. */
static void down(const uint8_t *rows, int base, size_t n, const taps *t, int i, int32_t *sum,
                 uint8_t *dst) {
    for (size_t j = 0; j < n; j++) sum[j] = 1 << (BITS - 1);
    for (int k = 0; k < t->count[i]; k++) {
        const uint8_t *p = rows + (size_t)(t->first[i] - base + k) * n;
        int32_t w = t->weight[(size_t)i * (size_t)t->width + (size_t)k];
        for (size_t j = 0; j < n; j++) sum[j] += p[j] * w;
    }
    for (size_t j = 0; j < n; j++) dst[j] = rounded(sum[j]);
}

static void copy(const fl_view *src, fl_window o, uint8_t *dst) {
    size_t n = (size_t)o.w * (size_t)src->c;
    for (int y = 0; y < o.h; y++, dst += n)
        memcpy(dst, src->p + (size_t)(o.top + y) * src->stride + (size_t)o.left * (size_t)src->c,
               n);
}

void fl_image_resize(fl_resizer *r, const fl_view *src, fl_window o, uint8_t *dst) {
    if (src->h == o.full_h && src->w == o.full_w) {
        copy(src, o, dst);
        return;
    }
    taps x = weigh(&r->across, src->w, o.full_w, o.left, o.w);
    taps y = weigh(&r->down, src->h, o.full_h, o.top, o.h);
    size_t n = (size_t)o.w * (size_t)src->c;
    int base = y.first[0], end = y.first[o.h - 1] + y.count[o.h - 1];
    uint8_t *rows = fl_buffer_need(&r->rows, (size_t)(end - base) * n);
    int32_t *sums = fl_buffer_need(&r->sums, n * sizeof *sums);
    for (int i = base; i < end; i++)
        across(src->p + (size_t)i * src->stride, src->c, &x, o.w, rows + (size_t)(i - base) * n);
    for (int i = 0; i < o.h; i++) down(rows, base, n, &y, i, sums, dst + (size_t)i * n);
}

void fl_resizer_close(fl_resizer *r) {
    fl_free(r->across.p);
    fl_free(r->down.p);
    fl_free(r->rows.p);
    fl_free(r->sums.p);
}
