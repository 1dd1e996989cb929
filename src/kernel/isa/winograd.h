/* winograd.h: one-dimensional transforms of Winograd's convolution (Winograd 1980; Lavin & Gray
 * 2016) by Toom and Cook's construction: with the points p and N(x) = x Π (x² - p²),
 *   input   row of ±p: coefficients of N(x) / (x ∓ p), of 0: N(x) / x, of ∞: N(x)
 *   weights row of p:  (1, p, p²) / N'(p), of ∞: the last
 *   output  row i:     pⁱ, of ∞: only the last
 * so that output((weights g) · (input d)) is the correlation of d with g. What belongs to +p and -p
 * shares its even and its odd part. Points for F4: 0, ±√½, ±√2, ∞, whose rounding errors are less
 * than half of those of 0, ±1, ±2, ∞ (compare Barabasz et al. 2020); for F7: ±¼, ±11/16, ±9/8,
 * ±17/8, ∞, found by descent on Σ |input row|² |weights row|² |output column|², within 1 % of its
 * least value; with x's 0 instead of ∞ that is no smaller. */
#ifndef FROSTLINE_KERNEL_ISA_WINOGRAD_H
#define FROSTLINE_KERNEL_ISA_WINOGRAD_H

#include "kernel/isa/vec.h"

#define ROOT_HALF 0.70710678118654752440f
#define ROOT_2    1.41421356237309504880f

#define POINT_1 0.25
#define POINT_2 0.6875
#define POINT_3 1.125
#define POINT_4 2.125

/* ---- six points: 0, ±√½, ±√2, ∞ ---- */

INLINE void input6(const vf d[6], vf v[6]) {
    vf e1 = d[4] - 2.0f * d[2], o1 = ROOT_HALF * d[3] - ROOT_2 * d[1];
    vf e2 = d[4] - 0.5f * d[2], o2 = ROOT_2 * d[3] - ROOT_HALF * d[1];
    v[0] = d[0] + (d[4] - 2.5f * d[2]);
    v[1] = e1 + o1;
    v[2] = e1 - o1;
    v[3] = e2 + o2;
    v[4] = e2 - o2;
    v[5] = d[1] + (d[5] - 2.5f * d[3]);
}

/* 1 / N'(p): 1 at 0, -2/3 at ±√½, 1/6 at ±√2. */
INLINE void weights6(const vf g[3], vf u[6]) {
    vf e1 = (-2.0f / 3) * g[0] + (-1.0f / 3) * g[2], o1 = (-2 * ROOT_HALF / 3) * g[1];
    vf e2 = (1.0f / 6) * g[0] + (1.0f / 3) * g[2], o2 = (ROOT_2 / 6) * g[1];
    u[0] = g[0];
    u[1] = e1 + o1;
    u[2] = e1 - o1;
    u[3] = e2 + o2;
    u[4] = e2 - o2;
    u[5] = g[2];
}

INLINE void output6(const vf m[6], vf y[4]) {
    vf s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];
    y[0] = m[0] + (s1 + s2);
    y[1] = ROOT_HALF * d1 + ROOT_2 * d2;
    y[2] = 0.5f * s1 + 2.0f * s2;
    y[3] = m[5] + (ROOT_HALF / 2 * d1 + 2 * ROOT_2 * d2);
}

/* The two ends of F(3, 4), for gradients of weights: four outputs' gradients in, three taps out. */
INLINE void gradient6(const vf g[4], vf u[6]) {
    vf e1 = (-2.0f / 3) * g[0] + (-1.0f / 3) * g[2], e2 = (1.0f / 6) * g[0] + (1.0f / 3) * g[2];
    vf o1 = (-2 * ROOT_HALF / 3) * g[1] + (-ROOT_HALF / 3) * g[3];
    vf o2 = (ROOT_2 / 6) * g[1] + (ROOT_2 / 3) * g[3];
    u[0] = g[0];
    u[1] = e1 + o1;
    u[2] = e1 - o1;
    u[3] = e2 + o2;
    u[4] = e2 - o2;
    u[5] = g[3];
}

INLINE void taps6(const vf m[6], vf w[3]) {
    vf s1 = m[1] + m[2], d1 = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];
    w[0] = m[0] + (s1 + s2);
    w[1] = ROOT_HALF * d1 + ROOT_2 * d2;
    w[2] = m[5] + (0.5f * s1 + 2.0f * s2);
}

/* The row of each point, (1, p, p²) / N'(p) */
static const float weight_rows6[6][3] = {
    {1, 0, 0},
    {-2.0f / 3, -2 * ROOT_HALF / 3, -1.0f / 3},
    {-2.0f / 3, 2 * ROOT_HALF / 3, -1.0f / 3},
    {1.0f / 6, ROOT_2 / 6, 1.0f / 3},
    {1.0f / 6, -ROOT_2 / 6, 1.0f / 3},
    {0, 0, 1},
};

/* ---- nine points: ±p for the four of POINT, ∞ ---- */

/* The row of ±p: with M(x²) = Π (x² - q²) over the other points q, N(x) / (x ∓ p) = (x ± p) M(x²).
 */
INLINE void input_pair(const vf d[9], const double p, const double q, const double r,
                       const double s, vf v[2]) {
    const float m1 = (float)(q * q + r * r + s * s), m3 = (float)(q * q * r * r * s * s);
    const float m2 = (float)(q * q * r * r + q * q * s * s + r * r * s * s);
    vf even = d[6] - m1 * d[4] + m2 * d[2] - m3 * d[0];
    vf odd = d[7] - m1 * d[5] + m2 * d[3] - m3 * d[1];
    v[0] = odd + (float)p * even;
    v[1] = odd - (float)p * even;
}

INLINE void input9(const vf d[9], vf v[9]) {
    const double a = POINT_1 * POINT_1, b = POINT_2 * POINT_2, c = POINT_3 * POINT_3;
    const double e = POINT_4 * POINT_4;
    const float n1 = (float)(a + b + c + e), n4 = (float)(a * b * c * e);
    const float n2 = (float)(a * b + a * c + a * e + b * c + b * e + c * e);
    const float n3 = (float)(a * b * c + a * b * e + a * c * e + b * c * e);
    input_pair(d, POINT_1, POINT_2, POINT_3, POINT_4, v);
    input_pair(d, POINT_2, POINT_1, POINT_3, POINT_4, v + 2);
    input_pair(d, POINT_3, POINT_1, POINT_2, POINT_4, v + 4);
    input_pair(d, POINT_4, POINT_1, POINT_2, POINT_3, v + 6);
    v[8] = d[8] - n1 * d[6] + n2 * d[4] - n3 * d[2] + n4 * d[0];
}

/* 1 / N'(p) */
INLINE double slope(const double p, const double q, const double r, const double s) {
    return 1 / (2 * p * (p * p - q * q) * (p * p - r * r) * (p * p - s * s));
}

/* ±p at the polynomial of n coefficients g, over N'(±p). */
INLINE void point_pair(const vf *g, const int n, const double p, const double scale, vf u[2]) {
    vf even = (float)scale * g[0], odd = (float)(scale * p) * g[1];
    double power = scale * p * p;
    UNROLL
    for (int i = 2; i < n; i++, power *= p) {
        if (i % 2)
            odd += (float)power * g[i];
        else
            even += (float)power * g[i];
    }
    u[0] = odd + even;
    u[1] = odd - even;
}

INLINE void points9(const vf *g, const int n, vf u[9]) {
    point_pair(g, n, POINT_1, slope(POINT_1, POINT_2, POINT_3, POINT_4), u);
    point_pair(g, n, POINT_2, slope(POINT_2, POINT_1, POINT_3, POINT_4), u + 2);
    point_pair(g, n, POINT_3, slope(POINT_3, POINT_1, POINT_2, POINT_4), u + 4);
    point_pair(g, n, POINT_4, slope(POINT_4, POINT_1, POINT_2, POINT_3), u + 6);
    u[8] = g[n - 1];
}

/* The first n powers of the points, summed over them. */
INLINE void powers9(const vf m[9], const int n, vf *y) {
    const double p[4] = {POINT_1, POINT_2, POINT_3, POINT_4};
    double power[4] = {1, 1, 1, 1};
    vf s[4], d[4];
    UNROLL
    for (int k = 0; k < 4; k++) {
        s[k] = m[2 * k] + m[2 * k + 1];
        d[k] = m[2 * k] - m[2 * k + 1];
    }
    UNROLL
    for (int i = 0; i < n; i++) {
        const vf *t = i % 2 ? d : s;
        y[i] = ((float)power[0] * t[0] + (float)power[1] * t[1]) +
               ((float)power[2] * t[2] + (float)power[3] * t[3]);
        UNROLL
        for (int k = 0; k < 4; k++) power[k] *= p[k];
    }
    y[n - 1] += m[8];
}

#define WEIGHT_ROWS(p, q, r, s)                                                                    \
    {1 / SLOPE(p, q, r, s), p / SLOPE(p, q, r, s), p * p / SLOPE(p, q, r, s)}, {                   \
        -1 / SLOPE(p, q, r, s), p / SLOPE(p, q, r, s), -p *p / SLOPE(p, q, r, s)                   \
    }
#define SLOPE(p, q, r, s)                                                                          \
    (2 * (p) * ((p) * (p) - (q) * (q)) * ((p) * (p) - (r) * (r)) * ((p) * (p) - (s) * (s)))
static const float weight_rows9[9][3] = {
    WEIGHT_ROWS(POINT_1, POINT_2, POINT_3, POINT_4),
    WEIGHT_ROWS(POINT_2, POINT_1, POINT_3, POINT_4),
    WEIGHT_ROWS(POINT_3, POINT_1, POINT_2, POINT_4),
    WEIGHT_ROWS(POINT_4, POINT_1, POINT_2, POINT_3),
    {0, 0, 1},
};

INLINE void weights9(const vf g[3], vf u[9]) {
    points9(g, 3, u);
}
INLINE void output9(const vf m[9], vf y[7]) {
    powers9(m, 7, y);
}
INLINE void gradient9(const vf g[7], vf u[9]) {
    points9(g, 7, u);
}
INLINE void taps9(const vf m[9], vf w[3]) {
    powers9(m, 3, w);
}

#endif
