/* shape.h: what layers say about the shapes they are given, and small loops over whole tensors. */
#ifndef FROSTLINE_LAYER_SHAPE_H
#define FROSTLINE_LAYER_SHAPE_H

#include "frostline/layer.h"

/* Sets out->error; always false, so that a plan function can return it. */
bool fl_layer_refuse(fl_layer_plan *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* False, with out->error set, unless `in` is (height, width, channels). */
bool fl_layer_takes_image(fl_shape in, fl_layer_plan *out);

static inline int64_t fl_shape_channels(fl_shape s) {
    return s.d[s.n - 1];
}

/* Elements of one row over its channels: 1 or H * W. */
static inline size_t fl_shape_pixels(fl_shape s) {
    return fl_shape_size(s) / (size_t)fl_shape_channels(s);
}

static inline size_t fl_call_out_size(const fl_layer_call *c) { /* of all rows */
    return (size_t)c->rows * fl_shape_size(c->out_shape);
}

static inline void fl_add_to(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

#endif
