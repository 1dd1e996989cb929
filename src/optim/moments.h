/* What Adam and AdamW share: their options, and the loop that moves the two moments and the weight.
 */
#ifndef FROSTLINE_OPTIM_MOMENTS_H
#define FROSTLINE_OPTIM_MOMENTS_H

#include <math.h>

#include "frostline/optim.h"

typedef struct adam_conf {
    double learning_rate, beta_1, beta_2, epsilon, weight_decay;
} adam_conf;

typedef struct adam_step { /* the numbers of one step; computed in double, used in float */
    float scale;           /* on the gradient */
    float l2;              /* · w, added to the gradient */
    float fade;            /* · w, taken off the weight; 1 - fade would be rounded */
    float keep_1, keep_2;  /* beta_1, beta_2 */
    float new_1, new_2;    /* 1 - beta_1, 1 - beta_2 */
    float rate;            /* learning_rate / (1 - beta_1^t) */
    float unbias;          /* 1 / √(1 - beta_2^t) */
    float epsilon;
} adam_step;

static inline double adam_learning_rate(const void *conf) {
    return ((const adam_conf *)conf)->learning_rate;
}

/* Without weight decay; l2 and fade are the caller's to set. */
static inline adam_step adam_step_of(const adam_conf *c, const fl_update *u) {
    double t = (double)u->t;
    return (adam_step){
        .scale = (float)u->gradient_scale,
        .keep_1 = (float)c->beta_1,
        .keep_2 = (float)c->beta_2,
        .new_1 = (float)(1 - c->beta_1),
        .new_2 = (float)(1 - c->beta_2),
        .rate = (float)(u->learning_rate / (1 - pow(c->beta_1, t))),
        .unbias = (float)(1 / sqrt(1 - pow(c->beta_2, t))),
        .epsilon = (float)c->epsilon,
    };
}

static inline void adam_move(const adam_step s, size_t n, float *restrict w,
                             const float *restrict gradient, float *restrict m, float *restrict v) {
    for (size_t i = 0; i < n; i++) {
        float g = s.scale * gradient[i] + s.l2 * w[i];
        m[i] = s.keep_1 * m[i] + s.new_1 * g;
        v[i] = s.keep_2 * v[i] + s.new_2 * g * g;
        w[i] -= s.fade * w[i] + s.rate * m[i] / (sqrtf(v[i]) * s.unbias + s.epsilon);
    }
}

#endif
