/* ref_activate.c: activation functions and their derivatives. Comparisons are written so that NaN
 * passes through. */
#include <math.h>

#include "kernel/parts.h"

static const float leak = 0.2f;

bool fl_act_needs_input(fl_activation a) {
    return a == FL_ACT_GELU || a == FL_ACT_SILU;
}

static float sigmoid(float z) {
    return 1 / (1 + expf(-z));
}

static float normal_cdf(float z) {
    return 0.5f * (1 + erff(z * 0.70710678f));
}

static float value(fl_activation f, float z) {
    switch (f) {
    case FL_ACT_RELU: return z < 0 ? 0 : z;
    case FL_ACT_RELU6: return z < 0 ? 0 : z > 6 ? 6 : z;
    case FL_ACT_LEAKY_RELU: return z < 0 ? leak * z : z;
    case FL_ACT_SIGMOID: return sigmoid(z);
    case FL_ACT_TANH: return tanhf(z);
    case FL_ACT_GELU: return z * normal_cdf(z);
    case FL_ACT_SILU: return z * sigmoid(z);
    default: return z;
    }
}

/* f'(z), where y = f(z); z is read only where y does not tell it. */
static float slope(fl_activation f, float y, float z) {
    switch (f) {
    case FL_ACT_RELU: return y > 0;
    case FL_ACT_RELU6: return y > 0 && y < 6;
    case FL_ACT_LEAKY_RELU: return y > 0 ? 1 : leak;
    case FL_ACT_SIGMOID: return y * (1 - y);
    case FL_ACT_TANH: return 1 - y * y;
    case FL_ACT_GELU: return normal_cdf(z) + z * 0.39894228f * expf(-0.5f * z * z); /* Φ + z φ */
    case FL_ACT_SILU: return sigmoid(z) * (1 + z * (1 - sigmoid(z)));
    default: return 1;
    }
}

static float gradient(fl_activation f, float y, float z, float d) {
    float k = slope(f, y, z);
    return k == 0 ? 0 : k * d; /* whatever d is: nothing comes back through relu's flat part */
}

/* exp(z - max) / Σ exp(z - max) */
static void softmax(size_t n, const float *z, float *y) {
    float max = z[0];
    double sum = 0;
    for (size_t i = 1; i < n; i++) max = z[i] > max ? z[i] : max;
    for (size_t i = 0; i < n; i++) sum += y[i] = expf(z[i] - max);
    float scale = (float)(1 / sum);
    for (size_t i = 0; i < n; i++) y[i] *= scale;
}

void fl_ref_activate(fl_activation f, size_t rows, size_t channels, const float *x, float *y) {
    if (f == FL_ACT_SOFTMAX) {
        for (size_t r = 0; r < rows; r++) softmax(channels, x + r * channels, y + r * channels);
        return;
    }
    for (size_t i = 0; i < rows * channels; i++) y[i] = value(f, x[i]);
}

/* ⟨dy, y⟩ of a row, which softmax wants: dz = y (dy - ⟨dy, y⟩) */
static double row_product(fl_activation f, size_t n, const float *y, const float *d) {
    double sum = 0;
    for (size_t i = 0; f == FL_ACT_SOFTMAX && i < n; i++) sum += (double)d[i] * y[i];
    return sum;
}

static float gradient_at(fl_activation f, size_t i, const float *y, const float *z, float d,
                         double product) {
    if (f == FL_ACT_SOFTMAX) return y[i] * (d - (float)product);
    bool input = fl_act_needs_input(f), output = f != FL_ACT_LINEAR && !input;
    return gradient(f, output ? y[i] : 0, input ? z[i] : 0, d);
}

void fl_ref_activate_back(fl_activation f, size_t rows, size_t channels, const float *y,
                          const float *z, float *d, float *sum) {
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * channels;
        double product = row_product(f, channels, y + at, d + at);
        for (size_t i = at; i < at + channels; i++) d[i] = gradient_at(f, i, y, z, d[i], product);
    }
    for (size_t c = 0; sum && c < channels; c++) {
        double all = 0;
        for (size_t r = 0; r < rows; r++) all += d[r * channels + c];
        sum[c] += (float)all;
    }
}

void fl_ref_activate_into(fl_activation f, size_t rows, size_t channels, const float *y,
                          const float *z, const float *d, bool add, float *dx) {
    for (size_t r = 0; r < rows; r++) {
        size_t at = r * channels;
        double product = row_product(f, channels, y + at, d + at);
        for (size_t i = at; i < at + channels; i++)
            dx[i] = (add ? dx[i] : 0) + gradient_at(f, i, y, z, d[i], product);
    }
}
