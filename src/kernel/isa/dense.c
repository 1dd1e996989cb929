/* dense.c: dense layers of few rows, bound by the stream of the weights (out, in) from memory. So
 * each weight is loaded once and used for some rows while it is in a register; nothing is packed.
 * The input dimension goes by blocks, such that the rows' part of a block stays in cache. A sum's
 * order depends on `in` and `rows` alone. */
#include <math.h>

#include "kernel/isa/isa.h"

#if VW == 16
enum { ROWS = 8 }; /* that share a loaded weight */
#else
enum { ROWS = 4 };
#endif
enum {
    OUTPUTS = 3,      /* of the register kernel of forward */
    DOT_BLOCK = 512,  /* inputs */
    CHUNK = 24,       /* outputs of a task, a multiple of OUTPUTS */
    MOST_ROWS = 32,   /* at a time */
    DX_FLOATS = 8192, /* of dx in a block */
    X_FLOATS = 4096,  /* of x in a block, for weight gradients */
    TILE = 4,         /* outputs, and vectors of inputs, of their register kernel */
    AHEAD = 256,      /* floats of dw that are fetched early */
};

INLINE float total(vf v) {
    vi lane;
    for (int i = 0; i < VW; i++) lane[i] = i;
#pragma GCC unroll 4
    for (int half = VW / 2; half > 0; half /= 2) v += __builtin_shuffle(v, lane ^ half);
    return v[0];
}

typedef struct strip {         /* a block of inputs, for the outputs of one chunk */
    size_t in;                 /* floats from row to row of x and w */
    int n;                     /* inputs */
    const float *x, *w, *next; /* next: what of w will be read after this */
    vf *sum;                   /* (rows, CHUNK), by lanes */
} strip;

/* sum[r][o] += x row r · w row o. */
INLINE void dots(const int rows, const int outputs, strip s) {
    vf acc[ROWS][OUTPUTS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int o = 0; o < outputs; o++) acc[r][o] = s.sum[r * CHUNK + o];
    int i = 0;
    for (; i + VW <= s.n; i += VW) {
        vf k[OUTPUTS];
#pragma GCC unroll 3
        for (int o = 0; o < outputs; o++) {
            k[o] = load(s.w + o * s.in + i);
            __builtin_prefetch(s.next + o * s.in + i);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vf v = load(s.x + r * s.in + i);
            HOLD(v);
#pragma GCC unroll 3
            for (int o = 0; o < outputs; o++) acc[r][o] += v * k[o];
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int o = 0; o < outputs; o++) s.sum[r * CHUNK + o] = acc[r][o];
    for (int r = 0; r < rows && i < s.n; r++)
        for (int o = 0; o < outputs; o++)
            s.sum[r * CHUNK + o] +=
                load_some(s.x + r * s.in + i, s.n - i) * load_some(s.w + o * s.in + i, s.n - i);
}

INLINE void dots_of(const int rows, int outputs, strip s) {
    if (outputs == OUTPUTS) {
        dots(rows, OUTPUTS, s);
        return;
    }
    for (int o = 0; o < outputs; o++, s.w += s.in, s.next += s.in, s.sum++) dots(rows, 1, s);
}

static strip below(strip s, int rows) {
    s.x += rows * s.in;
    s.sum += rows * CHUNK;
    return s;
}

/* All rows for up to OUTPUTS outputs: w is near for the later rows. */
static void dots_of_rows(int rows, int outputs, strip s) {
    for (; rows >= ROWS; rows -= ROWS, s = below(s, ROWS)) dots_of(ROWS, outputs, s);
    for (; rows >= ROWS / 2; rows -= ROWS / 2, s = below(s, ROWS / 2))
        dots_of(ROWS / 2, outputs, s);
    for (; rows > 0; rows--, s = below(s, 1)) dots_of(1, outputs, s);
}

static float finished(const fl_epilogue *e, float v) { /* NaN passes through */
    float low = e->activation == FL_CONV_LINEAR ? -INFINITY : 0;
    float high = e->activation == FL_CONV_RELU6 ? 6 : INFINITY;
    return v < low ? low : v > high ? high : v;
}

/* Outputs [o, o + outputs) of up to MOST_ROWS rows. */
static void forward_chunk(int rows, int in, int out, int o, int outputs, const float *x,
                          const float *w, const fl_epilogue *e, float *y) {
    vf sum[MOST_ROWS * CHUNK];
    for (int k = 0; k < rows * CHUNK; k++) sum[k] = (vf){0};
    w += (size_t)o * in;
    for (int i = 0; i < in; i += DOT_BLOCK)
        for (int k = 0; k < outputs; k += OUTPUTS) {
            strip s = {.in = in, .n = min_int(DOT_BLOCK, in - i), .x = x + i, .sum = sum + k};
            s.w = w + (size_t)k * in + i;
            s.next = k + OUTPUTS < outputs ? s.w + OUTPUTS * s.in : w + i + DOT_BLOCK;
            dots_of_rows(rows, min_int(OUTPUTS, outputs - k), s);
        }
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < outputs; k++) {
            float *to = y + (size_t)r * out + o + k, v = total(sum[r * CHUNK + k]);
            *to = e->accumulate ? *to + v : finished(e, e->bias ? v + e->bias[o + k] : v);
        }
}

static void forward(int rows, int in, int out, const float *x, const float *w, const fl_epilogue *e,
                    float *y) {
    int chunks = ceil_div(out, CHUNK);
#pragma omp parallel for schedule(dynamic)
    for (int c = 0; c < chunks; c++)
        for (int r = 0; r < rows; r += MOST_ROWS)
            forward_chunk(min_int(MOST_ROWS, rows - r), in, out, c * CHUNK,
                          min_int(CHUNK, out - c * CHUNK), x + (size_t)r * in, w, e,
                          y + (size_t)r * out);
}

/* dx (rows, in) += dy (rows, 2 of out) w (2, in), over n inputs; or one output. */
INLINE void spread(const int rows, const int outputs, size_t in, size_t out, int n, const float *dy,
                   const float *w, float *dx) {
    float d[ROWS][2];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int o = 0; o < outputs; o++) d[r][o] = dy[r * out + o];
    int i = 0;
    for (; i + VW <= n; i += VW) {
        vf k[2];
#pragma GCC unroll 2
        for (int o = 0; o < outputs; o++) {
            k[o] = load(w + o * in + i);
            __builtin_prefetch(w + (o + outputs) * in + i);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vf v = load(dx + r * in + i);
#pragma GCC unroll 2
            for (int o = 0; o < outputs; o++) v += d[r][o] * k[o];
            store(dx + r * in + i, v);
        }
    }
    if (i == n) return;
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < outputs; o++) {
            float *to = dx + r * in + i;
            vf v = load_some(to, n - i) + d[r][o] * load_some(w + o * in + i, n - i);
            store_some(to, v, n - i);
        }
}

INLINE void spread_rows(const int outputs, int rows, size_t in, size_t out, int n, const float *dy,
                        const float *w, float *dx) {
    int r = 0;
    for (; r + ROWS <= rows; r += ROWS)
        spread(ROWS, outputs, in, out, n, dy + r * out, w, dx + r * in);
    for (; r < rows; r++) spread(1, outputs, in, out, n, dy + r * out, w, dx + r * in);
}

static void backward_data(int rows, int in, int out, const float *dy, const float *w, float *dx) {
    int block = max_int(DX_FLOATS / max_int(rows, 1) / VW * VW, 4 * VW);
#pragma omp parallel for schedule(static)
    for (int i = 0; i < in; i += block) {
        int n = min_int(block, in - i), o = 0;
        for (; o + 2 <= out; o += 2)
            spread_rows(2, rows, in, out, n, dy + o, w + (size_t)o * in + i, dx + i);
        if (o < out) spread_rows(1, rows, in, out, n, dy + o, w + (size_t)o * in + i, dx + i);
    }
}

/* dw (outputs, in) = or += dyᵀ x for `vectors` vectors of inputs, the last with n floats. */
INLINE void outer_tile(const bool add, const int outputs, const int vectors, int n, int rows,
                       size_t in, size_t out, const float *x, const float *dy, float *dw) {
    vf acc[TILE][TILE];
#pragma GCC unroll 4
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            acc[o][v] = (vf){0};
            __builtin_prefetch(dw + o * in + v * VW + AHEAD, 1);
        }
    for (int r = 0; r < rows; r++, x += in, dy += out) {
        vf k[TILE];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            k[v] = n == VW ? load(x + v * VW) : load_some(x + v * VW, n);
            HOLD(k[v]);
        }
#pragma GCC unroll 4
        for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) acc[o][v] += dy[o] * k[v];
    }
#pragma GCC unroll 4
    for (int o = 0; o < outputs; o++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            float *to = dw + o * in + v * VW;
            store_some(to, add ? load_some(to, n) + acc[o][v] : acc[o][v], n);
        }
}

INLINE void outer_line(const bool add, const int outputs, int n, int rows, size_t in, size_t out,
                       const float *x, const float *dy, float *dw) {
    int i = 0;
    for (; i + TILE * VW <= n; i += TILE * VW)
        outer_tile(add, outputs, TILE, VW, rows, in, out, x + i, dy, dw + i);
    for (; i + VW <= n; i += VW) outer_tile(add, outputs, 1, VW, rows, in, out, x + i, dy, dw + i);
    if (i < n) outer_tile(add, outputs, 1, n - i, rows, in, out, x + i, dy, dw + i);
}

/* Outputs [o, end) for n inputs. */
INLINE void outer_chunk(const bool add, int o, int end, int n, int rows, size_t in, size_t out,
                        const float *x, const float *dy, float *dw) {
    for (; o + TILE <= end; o += TILE)
        outer_line(add, TILE, n, rows, in, out, x, dy + o, dw + o * in);
    for (; o < end; o++) outer_line(add, 1, n, rows, in, out, x, dy + o, dw + o * in);
}

static void backward_weights(int rows, int in, int out, const float *x, const float *dy, float *dw,
                             bool add) {
    int block = max_int(X_FLOATS / max_int(rows, 1) / VW * VW, TILE * VW);
    int chunks = ceil_div(out, CHUNK), blocks = ceil_div(in, block);
#pragma omp parallel for schedule(dynamic)
    for (int t = 0; t < chunks * blocks; t++) {
        int i = t / chunks * block, o = t % chunks * CHUNK, end = min_int(o + CHUNK, out);
        int n = min_int(block, in - i);
        if (add)
            outer_chunk(true, o, end, n, rows, in, out, x + i, dy, dw + i);
        else
            outer_chunk(false, o, end, n, rows, in, out, x + i, dy, dw + i);
    }
}

const fl_dense FL_ISA(fl_dense_stream) = {
    .rows = 16,
    .forward = forward,
    .backward_data = backward_data,
    .backward_weights = backward_weights,
};
