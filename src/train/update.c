/* What the optimizer does to a session's memory, in whole stretches. */
#include <math.h>

#include "train/session.h"

void fl_session_update(fl_session *s, double learning_rate, double gradient_scale, int64_t step) {
    const fl_optim_conf *optim = &s->x->optim;
    for (int g = 0; g < s->n_groups; g++) {
        const fl_group *group = &s->group[g];
        fl_update u = {
            .learning_rate = learning_rate * group->rate_scale,
            .weight_decay_scale = group->decay_scale,
            .t = step - group->born,
            .n = group->span.len,
            .weight = s->trainable + group->span.off,
            .gradient = s->gradients + group->span.off,
            .gradient_scale = gradient_scale,
        };
        for (int i = 0; i < optim->ops->slots; i++) u.slot[i] = s->slot[i] + group->span.off;
        optim->ops->update(optim->conf, &u);
    }
}

void fl_session_share_state(fl_session *s) {
    if (s->plan->n_state > 0) fl_comm_bcast(s->comm, s->state, s->plan->n_state * sizeof(float), 0);
}

double fl_session_gradient_norm(const fl_session *s) {
    double sum = 0;
    for (size_t i = 0; i < s->plan->n_trainable; i++)
        sum += (double)s->gradients[i] * s->gradients[i];
    return sqrt(sum);
}

static bool all_finite(const float *v, size_t n) {
    float sum = 0; /* 0 · x is 0 for every finite x, and NaN otherwise */
    for (size_t i = 0; i < n; i++) sum += 0.0f * v[i];
    return sum == 0.0f;
}

bool fl_session_finite(const fl_session *s) {
    return all_finite(s->trainable, s->plan->n_trainable) && all_finite(s->state, s->plan->n_state);
}
