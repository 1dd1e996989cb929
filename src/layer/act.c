/* act.c: activation functions and their derivatives. Comparisons are written so that NaN passes
 * through. */
#include "layer/act.h"

static const float leak = 0.2f;

bool fl_act_needs_input(fl_activation a) {
    return a == FL_ACT_GELU || a == FL_ACT_SILU;
}

static float sigmoid(float z) {
    return 1 / (1 + expf(-z));
}

/* Φ, the normal distribution function: gelu(z) = z Φ(z) (Hendrycks & Gimpel 2016). */
static float normal_cdf(float z) {
    return 0.5f * (1 + erff(z * 0.70710678f));
}

static float gelu_slope(float z) {
    return normal_cdf(z) + z * 0.39894228f * expf(-0.5f * z * z); /* Φ + z φ */
}

static float silu_slope(float z) {
    float s = sigmoid(z);
    return s * (1 + z * (1 - s));
}

/* exp(z - max) / Σ exp(z - max) */
static void softmax(size_t n, float *v) {
    float max = v[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++) max = v[i] > max ? v[i] : max;
    for (size_t i = 0; i < n; i++) sum += v[i] = expf(v[i] - max);
    float scale = (float)(1 / sum);
    for (size_t i = 0; i < n; i++) v[i] *= scale;
}

/* dz = y (dy - ⟨dy, y⟩) */
static void softmax_adjoint(size_t n, const float *y, float *d) {
    double dot = 0;
    for (size_t i = 0; i < n; i++) dot += (double)d[i] * y[i];
    for (size_t i = 0; i < n; i++) d[i] = y[i] * (d[i] - (float)dot);
}

void fl_act_forward(fl_activation a, size_t rows, size_t channels, float *v) {
    size_t n = rows * channels;
    switch (a) {
    case FL_ACT_LINEAR: break;
    case FL_ACT_RELU:
        for (size_t i = 0; i < n; i++) v[i] = v[i] < 0 ? 0 : v[i];
        break;
    case FL_ACT_RELU6:
        for (size_t i = 0; i < n; i++) v[i] = v[i] < 0 ? 0 : v[i] > 6 ? 6 : v[i];
        break;
    case FL_ACT_LEAKY_RELU:
        for (size_t i = 0; i < n; i++) v[i] = v[i] < 0 ? leak * v[i] : v[i];
        break;
    case FL_ACT_SIGMOID:
        for (size_t i = 0; i < n; i++) v[i] = sigmoid(v[i]);
        break;
    case FL_ACT_TANH:
        for (size_t i = 0; i < n; i++) v[i] = tanhf(v[i]);
        break;
    case FL_ACT_GELU:
        for (size_t i = 0; i < n; i++) v[i] *= normal_cdf(v[i]);
        break;
    case FL_ACT_SILU:
        for (size_t i = 0; i < n; i++) v[i] *= sigmoid(v[i]);
        break;
    case FL_ACT_SOFTMAX:
        for (size_t r = 0; r < rows; r++) softmax(channels, v + r * channels);
        break;
    }
}

void fl_act_backward(fl_activation a, size_t rows, size_t channels, const float *y, const float *z,
                     float *d) {
    size_t n = rows * channels;
    switch (a) {
    case FL_ACT_LINEAR: break;
    case FL_ACT_RELU:
        for (size_t i = 0; i < n; i++) d[i] = y[i] > 0 ? d[i] : 0;
        break;
    case FL_ACT_RELU6:
        for (size_t i = 0; i < n; i++) d[i] = y[i] > 0 && y[i] < 6 ? d[i] : 0;
        break;
    case FL_ACT_LEAKY_RELU:
        for (size_t i = 0; i < n; i++) d[i] *= y[i] > 0 ? 1 : leak;
        break;
    case FL_ACT_SIGMOID:
        for (size_t i = 0; i < n; i++) d[i] *= y[i] * (1 - y[i]);
        break;
    case FL_ACT_TANH:
        for (size_t i = 0; i < n; i++) d[i] *= 1 - y[i] * y[i];
        break;
    case FL_ACT_GELU:
        for (size_t i = 0; i < n; i++) d[i] *= gelu_slope(z[i]);
        break;
    case FL_ACT_SILU:
        for (size_t i = 0; i < n; i++) d[i] *= silu_slope(z[i]);
        break;
    case FL_ACT_SOFTMAX:
        for (size_t r = 0; r < rows; r++)
            softmax_adjoint(channels, y + r * channels, d + r * channels);
        break;
    }
}
