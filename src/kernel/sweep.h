/* sweep.h: which source pixels are read for each target pixel of a convolution or of its adjoint.
 *
 * Forward, target position j has tap t at source j * stride - pad + t. Backward, target (the input)
 * positions p, p + stride, p + 2 stride, … form phase p: they are reached by the same few taps k
 * with k ≡ p + pad (mod stride), from source (the output) positions that are neighbours. So both
 * are: position j of a sweep reads in_first + j * in_step + t for t < taps, and writes out_first +
 * j * out_step. */
#ifndef FROSTLINE_KERNEL_SWEEP_H
#define FROSTLINE_KERNEL_SWEEP_H

#include "frostline/kernel.h"

typedef struct fl_axis {
    int source, target; /* extents */
    int n;              /* positions */
    int in_first, in_step, taps;
    int out_first, out_step;
    int k_first, k_step; /* tap t is the kernel's k_first + t * k_step */
} fl_axis;

typedef struct fl_sweep {
    fl_axis y, x;
    int from, to; /* floats read at a tap; channels of a target pixel */
    int pixel;    /* floats from one source pixel to the next: `from`, but for fl_sweep_folded */
} fl_sweep;

fl_sweep fl_sweep_forward(const fl_conv *g);
/* One of the sh * sw phases of backward data; without positions where the input is too small. */
fl_sweep fl_sweep_backward(const fl_conv *g, int phase_y, int phase_x);

/* A forward sweep over an input that was copied into a frame of zeros (fl_frame_height,
 * fl_frame_width, ci): the taps of one line of the kernel then are neighbours in memory, and become
 * one tap of kw * ci floats. */
fl_sweep fl_sweep_folded(const fl_conv *g);
static inline int fl_frame_height(const fl_conv *g) {
    return (g->oh - 1) * g->sh + g->kh;
}
static inline int fl_frame_width(const fl_conv *g) {
    return (g->ow - 1) * g->sw + g->kw;
}
static inline size_t fl_frame_size(const fl_conv *g) {
    return (size_t)fl_frame_height(g) * fl_frame_width(g) * g->ci;
}
void fl_frame_images(const fl_conv *g, int rows, const float *x, float *frames);

static inline size_t fl_sweep_positions(const fl_sweep *s, int rows) {
    return (size_t)rows * s->y.n * s->x.n;
}
static inline int fl_sweep_taps(const fl_sweep *s) {
    return s->y.taps * s->x.taps;
}

/* table[t * stride + i]: the pixel at tap t of position first + i, or zeros where that is outside.
 */
void fl_sweep_sources(const fl_sweep *s, size_t first, int count, const float *source,
                      const float *zeros, int stride, const float **table);
/* table[i]: the pixel that position first + i writes. */
void fl_sweep_targets(const fl_sweep *s, size_t first, int count, float *target, float **table);

#endif
