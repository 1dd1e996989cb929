/* sweep.c: positions to pixels. */
#include "kernel/sweep.h"

#include <string.h>

typedef struct position {
    size_t n;
    int y, x;
} position;

static fl_axis forward_axis(int n_in, int n_out, int k, int stride, int pad) {
    return (fl_axis){
        .source = n_in,
        .target = n_out,
        .n = n_out,
        .in_first = -pad,
        .in_step = stride,
        .taps = k,
        .out_step = 1,
        .k_step = 1,
    };
}

/* Taps in falling order of k, so that their source positions rise. */
static fl_axis backward_axis(int n_in, int n_out, int k, int stride, int pad, int phase) {
    int least = (phase + pad) % stride;
    int most = least < k ? least + (k - 1 - least) / stride * stride : least - stride;
    return (fl_axis){
        .source = n_out,
        .target = n_in,
        .n = phase < n_in ? (n_in - 1 - phase) / stride + 1 : 0,
        .in_first = (phase + pad - most) / stride,
        .in_step = 1,
        .taps = (most - least) / stride + 1,
        .out_first = phase,
        .out_step = stride,
        .k_first = most,
        .k_step = -stride,
    };
}

fl_sweep fl_sweep_forward(const fl_conv *g) {
    return (fl_sweep){
        .y = forward_axis(g->h, g->oh, g->kh, g->sh, g->top),
        .x = forward_axis(g->w, g->ow, g->kw, g->sw, g->left),
        .from = g->ci,
        .to = g->co,
        .pixel = g->ci,
    };
}

fl_sweep fl_sweep_backward(const fl_conv *g, int phase_y, int phase_x) {
    return (fl_sweep){
        .y = backward_axis(g->h, g->oh, g->kh, g->sh, g->top, phase_y),
        .x = backward_axis(g->w, g->ow, g->kw, g->sw, g->left, phase_x),
        .from = g->co,
        .to = g->ci,
        .pixel = g->co,
    };
}

fl_sweep fl_sweep_folded(const fl_conv *g) {
    return (fl_sweep){
        .y = forward_axis(fl_frame_height(g), g->oh, g->kh, g->sh, 0),
        .x = forward_axis(fl_frame_width(g), g->ow, 1, g->sw, 0),
        .from = g->kw * g->ci,
        .to = g->co,
        .pixel = g->ci,
    };
}

/* One line of the frame, (frame width, ci), from a line of the input or, where that is NULL, zero.
 */
static void frame_line(const fl_conv *g, const float *line, float *to) {
    int wide = fl_frame_width(g);
    fl_taps t = fl_taps_of(-g->left, wide, g->w);
    size_t low = (size_t)(line ? t.lo : wide) * g->ci, high = (size_t)(line ? t.hi : wide) * g->ci;
    memset(to, 0, low * sizeof *to);
    if (high > low) memcpy(to + low, line + (t.first + t.lo) * g->ci, (high - low) * sizeof *to);
    memset(to + high, 0, ((size_t)wide * g->ci - high) * sizeof *to);
}

void fl_frame_images(const fl_conv *g, int rows, const float *x, float *frames) {
    int high = fl_frame_height(g);
    size_t line = (size_t)fl_frame_width(g) * g->ci;
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < (size_t)rows * high; i++) {
        size_t n = i / high;
        int y = (int)(i % high) - g->top;
        bool inside = y >= 0 && y < g->h;
        frame_line(g, inside ? x + (n * g->h + y) * g->w * g->ci : NULL, frames + i * line);
    }
}

static position position_of(const fl_sweep *s, size_t i) {
    return (position){
        .n = i / s->x.n / s->y.n,
        .y = (int)(i / s->x.n % s->y.n),
        .x = (int)(i % s->x.n),
    };
}

static void advance(const fl_sweep *s, position *p) {
    if (++p->x < s->x.n) return;
    p->x = 0;
    if (++p->y < s->y.n) return;
    p->y = 0;
    p->n++;
}

static bool one_to_one(const fl_axis *a) { /* position i reads pixel i */
    return a->taps == 1 && a->in_first == 0 && a->in_step == 1 && a->n == a->source;
}

static void taps_of_position(const fl_sweep *s, position p, const float *source, const float *zeros,
                             int stride, const float **table) {
    int iy = s->y.in_first + p.y * s->y.in_step, ix = s->x.in_first + p.x * s->x.in_step;
    for (int ty = 0; ty < s->y.taps; ty++, iy++) {
        bool inside = iy >= 0 && iy < s->y.source;
        const float *line =
            inside ? source + (p.n * s->y.source + iy) * s->x.source * s->pixel : zeros;
        for (int tx = 0; tx < s->x.taps; tx++, table += stride) {
            bool in = inside && ix + tx >= 0 && ix + tx < s->x.source;
            *table = in ? line + (size_t)(ix + tx) * s->pixel : zeros;
        }
    }
}

void fl_sweep_sources(const fl_sweep *s, size_t first, int count, const float *source,
                      const float *zeros, int stride, const float **table) {
    if (one_to_one(&s->y) && one_to_one(&s->x)) {
        for (int i = 0; i < count; i++) table[i] = source + (first + i) * s->pixel;
        return;
    }
    position p = position_of(s, first);
    for (int i = 0; i < count; i++, advance(s, &p))
        taps_of_position(s, p, source, zeros, stride, table + i);
}

void fl_sweep_targets(const fl_sweep *s, size_t first, int count, float *target, float **table) {
    position p = position_of(s, first);
    for (int i = 0; i < count; i++, advance(s, &p)) {
        size_t y = s->y.out_first + p.y * s->y.out_step, x = s->x.out_first + p.x * s->x.out_step;
        table[i] = target + ((p.n * s->y.target + y) * s->x.target + x) * s->to;
    }
}
