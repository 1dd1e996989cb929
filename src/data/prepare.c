/* One row: the part of the image that is wanted, its channels, its size; then crop, flip and
 * normalisation in one go. */
#include "data/prepare.h"

#include <math.h>
#include <string.h>

typedef struct shift { /* output (y, x) is input (y + dy, x + dx), mirrored first if flip */
    int dy, dx;
    bool flip;
} shift;

static shift draw_shift(const fl_augment *a, const fl_rng *r) {
    shift s = {0};
    if (!r) return s;
    s.flip = a->flip && fl_augment_flip(r);
    if (!a->padding) return s;
    fl_augment_offset(r, a->padding, &s.dy, &s.dx);
    s.dy -= a->padding;
    s.dx -= a->padding;
    return s;
}

/* Where output (y, x) comes from: an index of a pixel, or -1 for the black around the image. */
static inline int64_t origin(const fl_prep *p, shift s, int y, int x) {
    int from_y = y + s.dy, from_x = (s.flip ? p->w - 1 - x : x) + s.dx;
    bool inside = from_y >= 0 && from_y < p->h && from_x >= 0 && from_x < p->w;
    return inside ? (int64_t)from_y * p->w + from_x : -1;
}

static void place_pixels(const fl_prep *p, shift s, const uint8_t *pixels, float *x) {
    const size_t c = (size_t)p->c;
    for (int i = 0; i < p->h * p->w; i++) {
        int64_t at = origin(p, s, i / p->w, i % p->w);
        for (size_t j = 0; j < c; j++) {
            size_t v = at < 0 ? 0 : pixels[(size_t)at * c + j];
            *x++ = p->table[v * c + j];
        }
    }
}

static void place_values(const fl_prep *p, shift s, const char *values, float *x) {
    const size_t c = (size_t)p->c;
    for (int i = 0; i < p->h * p->w; i++) {
        int64_t at = origin(p, s, i / p->w, i % p->w);
        for (size_t j = 0; j < c; j++) {
            float v = 0.0f;
            if (at >= 0) memcpy(&v, values + ((size_t)at * c + j) * sizeof v, sizeof v);
            *x++ = (v - p->mean[j]) / p->std[j];
        }
    }
}

/* ---- size ---- */

/* The shorter side to 256/224 of the longer of (h, w), then the middle: torchvision's usual
 * evaluation. */
static fl_window cropped(const fl_prep *p, int h, int w) {
    double side = rint((p->h > p->w ? p->h : p->w) * 256.0 / 224.0);
    fl_window o = {.h = p->h, .w = p->w};
    o.full_h = (int)fmin(INT32_MAX, h <= w ? side : side * h / w);
    o.full_w = (int)fmin(INT32_MAX, h <= w ? side * w / h : side);
    o.top = (int)rint((o.full_h - p->h) / 2.0);
    o.left = (int)rint((o.full_w - p->w) / 2.0);
    return o;
}

static fl_window stretched(const fl_prep *p) {
    return (fl_window){.full_h = p->h, .full_w = p->w, .h = p->h, .w = p->w};
}

static fl_view view_of(const fl_image *image, fl_box b) {
    size_t stride = (size_t)image->w * (size_t)image->c;
    const uint8_t *p = image->pixels + (size_t)b.top * stride + (size_t)b.left * (size_t)image->c;
    return (fl_view){.p = p, .h = b.h, .w = b.w, .c = image->c, .stride = stride};
}

static fl_view convert(const fl_view *v, int c, fl_buffer *b) {
    size_t stride = (size_t)v->w * (size_t)c;
    uint8_t *to = fl_buffer_need(b, (size_t)v->h * stride);
    fl_image_convert(v, c, to);
    return (fl_view){.p = to, .h = v->h, .w = v->w, .c = c, .stride = stride};
}

static const uint8_t *resize_image(const fl_prep *p, const fl_rng *r, fl_work *work) {
    const fl_image *image = &work->raw;
    bool part = r && p->augment.resized_crop;
    fl_box box = {.h = image->h, .w = image->w};
    if (part) box = fl_augment_box(&p->augment, r, image->h, image->w);
    fl_view v = view_of(image, box);
    if (v.c != p->c) v = convert(&v, p->c, &work->converted);
    fl_window o = p->resize == FL_RESIZE_CROP && !part ? cropped(p, v.h, v.w) : stretched(p);
    uint8_t *to = fl_buffer_need(&work->resized, fl_shape_size(p->input));
    fl_image_resize(&work->resizer, &v, o, to);
    return to;
}

void fl_prep_row(const fl_prep *p, const fl_rng *r, fl_work *work, float *x) {
    shift s = draw_shift(&p->augment, r);
    if (work->raw.values)
        place_values(p, s, work->raw.values, x);
    else
        place_pixels(p, s, resize_image(p, r, work), x);
}

void fl_work_close(fl_work *w) {
    fl_free(w->raw.memory.p);
    fl_free(w->converted.p);
    fl_free(w->resized.p);
    fl_resizer_close(&w->resizer);
}

uint64_t fl_prep_hash(const fl_prep *p) {
    const fl_augment *a = &p->augment;
    double parts[] = {
        p->h,       p->w,        p->c,        p->resize,   a->flip,    a->resized_crop,
        a->padding, a->scale[0], a->scale[1], a->ratio[0], a->ratio[1]};
    uint64_t hash = fl_hash(parts, sizeof parts, 0);
    hash = fl_hash(p->mean, (size_t)p->c * sizeof *p->mean, hash);
    hash = fl_hash(p->std, (size_t)p->c * sizeof *p->std, hash);
    return p->table ? fl_hash(p->table, 256 * (size_t)p->c * sizeof *p->table, hash) : hash;
}
