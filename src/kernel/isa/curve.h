/* curve.h: exp, tanh and erf of vectors, within a few units of the last place. The coefficients are
 * minimax fits over the ranges named. */
#ifndef FROSTLINE_KERNEL_ISA_CURVE_H
#define FROSTLINE_KERNEL_ISA_CURVE_H

#include "kernel/isa/vec.h"

INLINE vf choose(vi mask, vf a, vf b) { /* mask ? a : b */
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

INLINE vf vabs(vf v) {
    return (vf)((vi)v & 0x7fffffff);
}

INLINE vf horner(const int n, const float *c, vf x) { /* c[0] + c[1] x + … */
    vf y = splat(c[n - 1]);
    UNROLL
    for (int i = n - 2; i >= 0; i--) y = y * x + c[i];
    return y;
}

/* 2^n for integers n whose power is a number. */
INLINE vf power_of_2(vi n) {
    return (vf)((n + 127) << 23);
}

/* exp(x) = 2^n exp(r), |r| ≤ ln 2 / 2; infinite and 0 where it should be. */
INLINE vf vexp(vf x) {
    static const float c[] = {
        1, 1, 0.499999921f, 0.166664201f, 0.0416682263f, 0.00837482403f, 0.00138368313f};
    const float magic = 12582912; /* adding it rounds to an integer, in the low bits */
    vf y = vmax(splat(-104), vmin(splat(89), x)); /* NaN passes through: see vmin */
    vf shifted = y * 1.44269504f + magic, n = shifted - magic;
    vf r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
    vi whole = (vi)shifted - (vi)splat(magic), half = whole >> 1;
    return horner(7, c, r) * power_of_2(half) * power_of_2(whole - half);
}

INLINE vf vsigmoid(vf z) {
    return 1 / (1 + vexp(-z));
}

INLINE vf vtanh(vf z) {
    static const float c[] = {0.999999996f,   -0.333332605f, 0.133311275f,
                              -0.0537210666f, 0.0205909842f, -0.00565998479f}; /* z² ≤ 0.625² */
    vf a = vabs(z), large = 1 - 2 / (vexp(2 * a) + 1);
    vi sign = (vi)z & (vi)splat(-0.0f);
    return choose(a < 0.625f, z * horner(6, c, z * z), (vf)((vi)large | sign));
}

/* Below 1 a polynomial; above, 1 - exp(-q(|z|)) with a polynomial q: an error of q counts only
 * times what is left to 1. */
INLINE vf verf(vf z) {
    static const float near[] = {1.12837917f,    -0.376126258f,    0.112835851f,   -0.0268538119f,
                                 0.00518832755f, -0.000801019244f, 7.85385744e-05f}; /* z² ≤ 1 */
    static const float far[] = {0.00035370891f, 1.12704008f,    0.638225602f,    0.103037436f,
                                -0.0218053512f, 0.00293961575f, -0.000185574895f}; /* 1 ≤ |z| ≤ 4 */
    vf a = vabs(z), large = 1 - vexp(-horner(7, far, vmin(splat(4), a)));
    vi sign = (vi)z & (vi)splat(-0.0f);
    return choose(a < 1.0f, z * horner(7, near, z * z), (vf)((vi)large | sign));
}

#endif
