/* What the optimizer does to a session's memory, in whole stretches. */
#include "train/session.h"

typedef struct pace { /* of one step */
    double learning_rate, gradient_scale;
    int64_t step;
} pace;

static void update_span(fl_session *s, const fl_group *group, fl_span span, const pace *p) {
    const fl_optim_conf *optim = &s->x->optim;
    fl_update u = {
        .each = fl_kernels_each(s->plan->conf.kernels),
        .learning_rate = p->learning_rate * group->rate_scale,
        .weight_decay_scale = group->decay_scale,
        .t = p->step - group->born,
        .n = span.len,
        .weight = s->trainable + span.off,
        .gradient = s->gradients + span.off,
        .gradient_scale = p->gradient_scale,
    };
    for (int i = 0; i < optim->ops->slots; i++) u.slot[i] = s->slot[i] + span.off;
    optim->ops->update(optim->conf, &u);
}

static fl_span common(fl_span a, fl_span b) {
    size_t from = a.off > b.off ? a.off : b.off;
    size_t a_end = a.off + a.len, b_end = b.off + b.len, end = a_end < b_end ? a_end : b_end;
    return (fl_span){from, from < end ? end - from : 0};
}

static void update_owned(fl_session *s, const fl_group *group, const pace *p) {
    const fl_span *owned = fl_reduce_owned(s->reduce);
    for (int b = 0; b < s->plan->n_buckets; b++) {
        fl_span span = common(group->span, owned[b]);
        if (span.len) update_span(s, group, span, p);
    }
}

void fl_session_update(fl_session *s, double learning_rate, double gradient_scale, int64_t step) {
    const pace p = {learning_rate, gradient_scale, step};
    for (int g = 0; g < s->n_groups; g++) update_owned(s, &s->group[g], &p);
}

void fl_session_publish(fl_session *s) {
    fl_reduce_publish(s->reduce, s->trainable_window);
}

void fl_session_gather_slots(const fl_session *s) {
    for (int k = 0; k < s->x->optim.ops->slots; k++) fl_reduce_gather(s->reduce, s->slot_window[k]);
}

void fl_session_forget_slots(const fl_session *s) {
    for (int k = 0; k < s->x->optim.ops->slots; k++) fl_reduce_forget(s->reduce, s->slot_window[k]);
}

void fl_session_share_state(fl_session *s) {
    if (s->plan->n_state > 0) fl_comm_bcast(s->comm, s->state, s->plan->n_state * sizeof(float), 0);
}

static bool all_finite(const float *v, size_t n) {
    float sum = 0; /* 0 · x is 0 for every finite x, and NaN otherwise */
    for (size_t i = 0; i < n; i++) sum += 0.0f * v[i];
    return sum == 0.0f;
}

bool fl_session_finite(const fl_session *s) {
    return all_finite(s->trainable, s->plan->n_trainable) && all_finite(s->state, s->plan->n_state);
}
