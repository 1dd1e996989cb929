/* winograd.h: one-dimensional transforms of Winograd's convolution (Winograd 1980; Lavin & Gray
 * 2016) by Toom and Cook's construction: with the points p and N(x) = x Π (x² - p²),
 *   input   row of ±p: coefficients of N(x) / (x ∓ p), of 0: N(x) / x, of ∞: N(x)
 *   weights row of p:  (1, p, p²) / N'(p), of ∞: the last
 *   output  row i:     pⁱ, of ∞: only the last
 * so that output((weights g) · (input d)) is the correlation of d with g. What belongs to +p and -p
 * shares its even and its odd part. Points for F4: 0, ±√½, ±√2, ∞, whose rounding errors are less
 * than half of those of 0, ±1, ±2, ∞ (compare Barabasz et al. 2020); for F6: 0, ±1, ±2, ±½, ∞. */
#ifndef FROSTLINE_KERNEL_ISA_WINOGRAD_H
#define FROSTLINE_KERNEL_ISA_WINOGRAD_H

#include "kernel/isa/vec.h"

#define ROOT_HALF 0.70710678118654752440f
#define ROOT_2    1.41421356237309504880f

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

/* ---- eight points: 0, ±1, ±2, ±½, ∞ ---- */

INLINE void input8(const vf d[8], vf v[8]) {
    vf e1 = d[2] + (d[6] - 4.25f * d[4]), o1 = d[1] + (d[5] - 4.25f * d[3]);
    vf e2 = d[6] + (0.25f * d[2] - 1.25f * d[4]), o2 = d[5] + (0.25f * d[1] - 1.25f * d[3]);
    vf e3 = d[6] + (4.0f * d[2] - 5.0f * d[4]), o3 = d[5] + (4.0f * d[1] - 5.0f * d[3]);
    v[0] = (d[6] - d[0]) + 5.25f * (d[2] - d[4]);
    v[1] = e1 + o1;
    v[2] = e1 - o1;
    v[3] = e2 + 2.0f * o2;
    v[4] = e2 - 2.0f * o2;
    v[5] = e3 + 0.5f * o3;
    v[6] = e3 - 0.5f * o3;
    v[7] = (d[7] - d[1]) + 5.25f * (d[3] - d[5]);
}

/* 1 / N'(p): -1 at 0, -2/9 at ±1, 1/90 at ±2, 32/45 at ±½. */
INLINE void weights8(const vf g[3], vf u[8]) {
    vf e1 = (-2.0f / 9) * (g[0] + g[2]), o1 = (-2.0f / 9) * g[1];
    vf e2 = (1.0f / 90) * g[0] + (4.0f / 90) * g[2], o2 = (2.0f / 90) * g[1];
    vf e3 = (32.0f / 45) * g[0] + (8.0f / 45) * g[2], o3 = (16.0f / 45) * g[1];
    u[0] = -g[0];
    u[1] = e1 + o1;
    u[2] = e1 - o1;
    u[3] = e2 + o2;
    u[4] = e2 - o2;
    u[5] = e3 + o3;
    u[6] = e3 - o3;
    u[7] = g[2];
}

INLINE void output8(const vf m[8], vf y[6]) {
    vf s1 = m[1] + m[2], s2 = m[3] + m[4], s3 = m[5] + m[6];
    vf d1 = m[1] - m[2], d2 = m[3] - m[4], d3 = m[5] - m[6];
    y[0] = (m[0] + s1) + (s2 + s3);
    y[1] = d1 + (2.0f * d2 + 0.5f * d3);
    y[2] = s1 + (4.0f * s2 + 0.25f * s3);
    y[3] = d1 + (8.0f * d2 + 0.125f * d3);
    y[4] = s1 + (16.0f * s2 + 0.0625f * s3);
    y[5] = (m[7] + d1) + (32.0f * d2 + 0.03125f * d3);
}

#endif
