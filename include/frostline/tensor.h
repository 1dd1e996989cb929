/* tensor.h: shapes, spans and views. Activations are channels-last: (rows, H, W, C) or (rows,
 * features). A shape here is that of one row. */
#ifndef FROSTLINE_TENSOR_H
#define FROSTLINE_TENSOR_H

#include "frostline/base.h"

typedef struct fl_shape {
    int n; /* 1: (features), 3: (H, W, C) */
    int64_t d[3];
} fl_shape;

static inline size_t fl_shape_size(fl_shape s) { /* elements of one row */
    size_t size = 1;
    for (int i = 0; i < s.n; i++) size *= (size_t)s.d[i];
    return size;
}
static inline bool fl_shape_equal(fl_shape a, fl_shape b) {
    if (a.n != b.n) return false;
    for (int i = 0; i < a.n; i++)
        if (a.d[i] != b.d[i]) return false;
    return true;
}
static inline fl_shape fl_shape1(int64_t features) {
    return (fl_shape){1, {features, 0, 0}};
}
static inline fl_shape fl_shape3(int64_t h, int64_t w, int64_t c) {
    return (fl_shape){3, {h, w, c}};
}

/* "(224, 224, 3)" into buf (≥ 64 bytes), which is returned. */
const char *fl_shape_text(fl_shape s, char *buf);

/* A stretch of floats: the same one in weights, gradients and optimizer state. */
typedef struct fl_span {
    size_t off, len;
} fl_span;

#endif
