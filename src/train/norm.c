/* The L2 norm of the gradient, with the same bits wherever its slices lie. Every square, exact in
 * double precision, is cut into pieces on three grids, each so coarse for its range that any number
 * of them adds up without rounding, hence in any order (Demmel & Nguyen, "Fast Reproducible
 * Floating-Point Summation", ARITH 2013):
 *
 *     t = (q + c) - c,   q -= t,   sum += t     with c = 1.5 · 2^52 u:  t is a multiple of u
 *
 * What is left below the third grid is less than 2^-60 of the largest square, for a gradient of up
 * to 2^30 floats. */
#include <math.h>

#include "train/session.h"

enum { GRIDS = 3 };

static double largest(const float *v, fl_span s) {
    float most = 0;
#pragma omp simd reduction(max : most)
    for (size_t i = s.off; i < s.off + s.len; i++) most = fabsf(v[i]) > most ? fabsf(v[i]) : most;
    return most;
}

static double largest_of_all(const fl_session *s) {
    const fl_span *counted = fl_reduce_counted(s->reduce);
    double most = 0;
    for (int b = 0; b < s->plan->n_buckets; b++)
        most = fmax(most, largest(s->gradients, counted[b]));
    fl_comm_max_double(s->comm, &most, 1);
    return most;
}

static void add_squares(const float *v, fl_span s, const double *c, double *sum) {
    double a = 0, b = 0, d = 0;
#pragma omp simd reduction(+ : a, b, d)
    for (size_t i = s.off; i < s.off + s.len; i++) {
        double q = (double)v[i] * v[i];
        double t = (q + c[0]) - c[0], u = ((q - t) + c[1]) - c[1];
        a += t;
        b += u;
        d += (((q - t) - u) + c[2]) - c[2];
    }
    sum[0] += a, sum[1] += b, sum[2] += d;
}

/* n pieces of at most 2^bits units each stay below 2^52 of them. */
static void make_grids(double square, size_t n, double *c) {
    int range, bits = 51;
    frexp(square, &range);
    for (; n > 0; n /= 2) bits--;
    for (int k = 0; k < GRIDS; k++) {
        range -= bits;
        c[k] = ldexp(1.5, range + 52);
    }
}

double fl_session_gradient_norm(const fl_session *s) {
    const fl_span *counted = fl_reduce_counted(s->reduce);
    double most = largest_of_all(s), c[GRIDS], sum[GRIDS] = {0};
    if (most == 0 || !isfinite(most)) return most;
    make_grids(most * most, s->plan->n_trainable, c);
    for (int b = 0; b < s->plan->n_buckets; b++) add_squares(s->gradients, counted[b], c, sum);
    fl_comm_sum_double(s->comm, sum, GRIDS);
    return sqrt(sum[0] + sum[1] + sum[2]);
}
