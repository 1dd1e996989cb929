/* window.c: how many windows fit, and where they begin. */
#include "layer/window.h"

#include <limits.h>

#include "frostline/conv.h"
#include "layer/shape.h"

typedef struct axis { /* one dimension */
    int64_t n, size, stride, before, after, out;
} axis;

static void plan_same(axis *a) {
    a->out = (a->n + a->stride - 1) / a->stride;
    int64_t total = (a->out - 1) * a->stride + a->size - a->n;
    if (total < 0) total = 0;
    a->before = total / 2;
    a->after = total - a->before;
}

static void plan_free(axis *a, bool ceil_mode) {
    int64_t room = a->n + a->before + a->after - a->size;
    if (room < 0) return; /* out stays 0 */
    a->out = (room + (ceil_mode ? a->stride - 1 : 0)) / a->stride + 1;
    if (ceil_mode && (a->out - 1) * a->stride >= a->n + a->before) a->out--;
}

static axis plan_axis(const fl_window *w, fl_shape in, int k) {
    const fl_padding *p = &w->padding;
    axis a = {.n = in.d[k], .size = w->size[k], .stride = w->strides[k]};
    if (p->mode == FL_PAD_SAME) {
        plan_same(&a);
        return a;
    }
    if (p->mode == FL_PAD_EXPLICIT) {
        a.before = k == 0 ? p->top : p->left;
        a.after = k == 0 ? p->bottom : p->right;
    }
    plan_free(&a, w->ceil_mode);
    return a;
}

static fl_conv conv_of(fl_shape in, const axis *y, const axis *x) {
    return (fl_conv){
        .h = (int)y->n,
        .w = (int)x->n,
        .ci = (int)in.d[2],
        .oh = (int)y->out,
        .ow = (int)x->out,
        .co = (int)in.d[2],
        .kh = (int)y->size,
        .kw = (int)x->size,
        .sh = (int)y->stride,
        .sw = (int)x->stride,
        .top = (int)y->before,
        .left = (int)x->before,
    };
}

static bool in_range(const axis *a) {
    return a->n >= 1 && a->n <= FL_MAX_UNITS && a->before >= 0 && a->before <= FL_MAX_UNITS &&
           a->after >= 0 && a->after <= FL_MAX_UNITS;
}

bool fl_window_plan(const fl_window *w, fl_shape in, fl_conv *g, fl_layer_plan *out) {
    if (!fl_layer_takes_image(in, out)) return false;
    axis y = plan_axis(w, in, 0), x = plan_axis(w, in, 1);
    if (!in_range(&y) || !in_range(&x) || in.d[2] > INT_MAX / (y.size * x.size))
        return fl_layer_refuse(out, "its input or padding is too large");
    if (y.out < 1 || x.out < 1)
        return fl_layer_refuse(out,
                               "a window of %d×%d does not fit an input of %d×%d; use `padding: "
                               "same` or a smaller window",
                               (int)y.size, (int)x.size, (int)y.n, (int)x.n);
    *g = conv_of(in, &y, &x);
    return true;
}

fl_conv fl_window_of(const fl_window *w, fl_shape in) {
    axis y = plan_axis(w, in, 0), x = plan_axis(w, in, 1);
    return conv_of(in, &y, &x);
}

size_t fl_window_work_bytes(const fl_conv *g, int rows, fl_window_work *work) {
    size_t most = 0;
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++) {
        size_t floats = work(*k, g, rows);
        if (floats > most) most = floats;
    }
    return most * sizeof(float);
}
