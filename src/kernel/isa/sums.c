/* sums.c: sums over the rows of a matrix, channel by channel: a few rows in float, all in double,
 * by parts of the rows that do not depend on the threads and are added in order. */
#include "kernel/isa/columns.h"
#include "kernel/isa/each.h"

typedef struct matrix { /* (rows, channels), and what is summed of it */
    const fl_affine *a;
    size_t rows, channels;
    const float *x, *y, *dy;
    float *v;
} matrix;

typedef struct block { /* some rows, and `width` channels from `first` on */
    const matrix *m;
    size_t row, rows;
    size_t before; /* rows of the part that are in the sums already */
    int first, width;
    double *one, *two; /* (width): the sums */
} block;

typedef void block_add(const block *b);

INLINE void add_lanes(double *to, vf v, int n) {
    float lane[VW];
    store(lane, v);
    for (int i = 0; i < n; i++) to[i] += lane[i];
}

INLINE size_t offset(const block *b, int at) {
    return b->row * b->m->channels + (size_t)(b->first + at);
}

/* ---- Σ v, and on the way v back through relu ---- */

INLINE void sum_strip(const int vectors, const bool whole, int n, int at, const fl_activation f,
                      const block *b) {
    const bool back = f != FL_ACT_LINEAR;
    size_t p = offset(b, at), stride = b->m->channels;
    vf sum[GROUP] = {0};
    for (size_t r = 0; r < b->rows; r++, p += stride)
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            float *v = b->m->v + p + k * VW;
            vf d = get(whole, v, n);
            if (back) d = relu_back(f, get(whole, b->m->y + p + k * VW, n), d);
            if (back) put(whole, v, d, n);
            sum[k] += d;
        }
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) add_lanes(b->one + at + k * VW, sum[k], n);
}

static void sum_linear(const block *b) {
    FOR_STRIPS(b->width, sum_strip, FL_ACT_LINEAR, b);
}
static void sum_relu(const block *b) {
    FOR_STRIPS(b->width, sum_strip, FL_ACT_RELU, b);
}
static void sum_relu6(const block *b) {
    FOR_STRIPS(b->width, sum_strip, FL_ACT_RELU6, b);
}

/* ---- Σ d and Σ d (x - shift), d = dy f'(affine of x) ---- */

INLINE void affine_strip(const int vectors, const bool whole, int n, int at, const fl_activation f,
                         const block *b) {
    const fl_affine *a = b->m->a;
    size_t p = offset(b, at), stride = b->m->channels, c = (size_t)(b->first + at);
    vf sum[GROUP] = {0}, product[GROUP] = {0}, shift[GROUP], scale[GROUP], start[GROUP];
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        shift[k] = get(whole, a->shift + c + k * VW, n);
        if (f != FL_ACT_LINEAR) scale[k] = get(whole, a->scale + c + k * VW, n);
        if (f != FL_ACT_LINEAR) start[k] = get(whole, a->offset + c + k * VW, n);
    }
    for (size_t r = 0; r < b->rows; r++, p += stride)
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            vf d = get(whole, b->m->dy + p + k * VW, n);
            vf x = get(whole, b->m->x + p + k * VW, n) - shift[k];
            if (f != FL_ACT_LINEAR) d = relu_back(f, x * scale[k] + start[k], d);
            sum[k] += d;
            product[k] += d * x;
        }
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) {
        add_lanes(b->one + at + k * VW, sum[k], n);
        add_lanes(b->two + at + k * VW, product[k], n);
    }
}

static void affine_linear(const block *b) {
    FOR_STRIPS(b->width, affine_strip, FL_ACT_LINEAR, b);
}
static void affine_relu(const block *b) {
    FOR_STRIPS(b->width, affine_strip, FL_ACT_RELU, b);
}
static void affine_relu6(const block *b) {
    FOR_STRIPS(b->width, affine_strip, FL_ACT_RELU6, b);
}

/* ---- moments ---- */

/* Mean and squares of n values from those of two parts (Chan, Golub & LeVeque 1979). */
static void join(double before, double more, double mean, double squares, double *to_mean,
                 double *to_squares) {
    double away = mean - *to_mean, share = more / (before + more);
    *to_mean += away * share;
    *to_squares += squares + away * away * before * share;
}

/* n channels from `at` on, of b->rows rows. */
INLINE void join_lanes(const block *b, int at, int n, vf mean, vf off, vf squares) {
    float m[VW], o[VW], q[VW];
    double rows = (double)b->rows;
    store(m, mean), store(o, off), store(q, squares);
    for (int i = 0; i < n; i++) {
        double d = o[i] / rows;
        join((double)b->before, rows, m[i] + d, q[i] - d * d * rows, b->one + at + i,
             b->two + at + i);
    }
}

/* About the mean of these few rows, which are read twice but from cache. What that mean, a float,
 * is off by, is summed as well. */
INLINE void moments_strip(const int vectors, const bool whole, int n, int at, const block *b) {
    size_t first = offset(b, at), stride = b->m->channels, p = first;
    vf mean[GROUP] = {0}, off[GROUP] = {0}, squares[GROUP] = {0};
    for (size_t r = 0; r < b->rows; r++, p += stride)
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) mean[k] += get(whole, b->m->x + p + k * VW, n);
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) mean[k] *= 1 / (float)b->rows;
    p = first;
    for (size_t r = 0; r < b->rows; r++, p += stride)
#pragma GCC unroll 4
        for (int k = 0; k < vectors; k++) {
            vf d = get(whole, b->m->x + p + k * VW, n) - mean[k];
            off[k] += d;
            squares[k] += d * d;
        }
#pragma GCC unroll 4
    for (int k = 0; k < vectors; k++) join_lanes(b, at + k * VW, n, mean[k], off[k], squares[k]);
}

static void add_moments(const block *b) {
    FOR_STRIPS(b->width, moments_strip, b);
}

/* ---- parts ---- */

static int parts_of(size_t rows) {
    size_t n = rows / MOST_ROWS;
    return n < 1 ? 1 : n < PARTS ? (int)n : PARTS;
}

static void run_part(block b, size_t end, block_add *add) {
    size_t begin = b.row, step = rows_at_once((size_t)b.width);
    memset(b.one, 0, sizeof *b.one * (size_t)b.width);
    memset(b.two, 0, sizeof *b.two * (size_t)b.width);
    for (; b.row < end; b.row += b.rows) {
        b.rows = min_size(step, end - b.row);
        b.before = b.row - begin;
        add(&b);
    }
}

typedef struct sums { /* of one part, for the channels that are summed at a time */
    double one[SUM_COLUMNS], two[SUM_COLUMNS];
} sums;

static void run_parts(const matrix *m, int first, int width, block_add *add, sums *s) {
    int parts = parts_of(m->rows);
#pragma omp parallel for schedule(static) if (m->rows * (size_t)width >= WORTH_THREADS)
    for (int k = 0; k < parts; k++) {
        block b = {.m = m, .first = first, .width = width, .one = s[k].one, .two = s[k].two};
        b.row = m->rows * (size_t)k / (size_t)parts;
        run_part(b, m->rows * (size_t)(k + 1) / (size_t)parts, add);
    }
}

/* One after the other onto the first. */
static void add_parts(int parts, int width, sums *s) {
    for (int k = 1; k < parts; k++)
        for (int c = 0; c < width; c++) {
            s[0].one[c] += s[k].one[c];
            s[0].two[c] += s[k].two[c];
        }
}

static void join_parts(size_t rows, int width, sums *s) {
    size_t parts = (size_t)parts_of(rows);
    for (size_t k = 1; k < parts; k++) {
        size_t from = rows * k / parts, to = rows * (k + 1) / parts;
        for (int c = 0; c < width; c++)
            join((double)from, (double)(to - from), s[k].one[c], s[k].two[c], &s[0].one[c],
                 &s[0].two[c]);
    }
}

void columns_sum(fl_activation f, size_t rows, size_t channels, const float *y, float *v,
                 float *sum) {
    matrix m = {.rows = rows, .channels = channels, .y = y, .v = v};
    block_add *add = f == FL_ACT_RELU ? sum_relu : f == FL_ACT_RELU6 ? sum_relu6 : sum_linear;
    for (size_t c = 0; c < channels; c += SUM_COLUMNS) {
        sums s[PARTS];
        int width = (int)min_size(SUM_COLUMNS, channels - c);
        run_parts(&m, (int)c, width, add, s);
        add_parts(parts_of(rows), width, s);
        for (int i = 0; i < width; i++) sum[c + (size_t)i] += (float)s[0].one[i];
    }
}

void each_affine_sums(const fl_affine *a, size_t rows, size_t channels, const float *x,
                      const float *dy, double *sum, double *product) {
    matrix m = {.a = a, .rows = rows, .channels = channels, .x = x, .dy = dy};
    block_add *add = a->f == FL_ACT_RELU    ? affine_relu
                     : a->f == FL_ACT_RELU6 ? affine_relu6
                                            : affine_linear;
    for (size_t c = 0; c < channels; c += SUM_COLUMNS) {
        sums s[PARTS];
        int width = (int)min_size(SUM_COLUMNS, channels - c);
        run_parts(&m, (int)c, width, add, s);
        add_parts(parts_of(rows), width, s);
        memcpy(sum + c, s[0].one, sizeof *sum * (size_t)width);
        memcpy(product + c, s[0].two, sizeof *product * (size_t)width);
    }
}

void each_moments(size_t rows, size_t channels, const float *x, double *mean, double *squares) {
    matrix m = {.rows = rows, .channels = channels, .x = x};
    for (size_t c = 0; c < channels; c += SUM_COLUMNS) {
        sums s[PARTS];
        int width = (int)min_size(SUM_COLUMNS, channels - c);
        run_parts(&m, (int)c, width, add_moments, s);
        join_parts(rows, width, s);
        memcpy(mean + c, s[0].one, sizeof *mean * (size_t)width);
        memcpy(squares + c, s[0].two, sizeof *squares * (size_t)width);
    }
}
