/* What Adam and AdamW share: their options, and the numbers of a step that moves the two moments
 * and the weight. */
#ifndef FROSTLINE_OPTIM_MOMENTS_H
#define FROSTLINE_OPTIM_MOMENTS_H

#include <math.h>

#include "frostline/optim.h"

typedef struct adam_conf {
    double learning_rate, beta_1, beta_2, epsilon, weight_decay;
} adam_conf;

static inline double adam_learning_rate(const void *conf) {
    return ((const adam_conf *)conf)->learning_rate;
}

/* Without weight decay; l2 and fade are the caller's to set. Computed in double, used in float. */
static inline fl_adam_step adam_step_of(const adam_conf *c, const fl_update *u) {
    double t = (double)u->t;
    return (fl_adam_step){
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

static inline void adam_move(const fl_adam_step *s, const fl_update *u) {
    u->each->adam(s, u->n, u->weight, u->gradient, u->slot[0], u->slot[1]);
}

#endif
