/* What a reducer will move, by the formulas of its parts; the ranks need not be there. */
#include "reduce_internal.h"

fl_traffic fl_foretell_sum(const fl_reduce_ops *ops, const fl_seat *gradients, fl_span s) {
    return ops->foretell ? ops->foretell(gradients, s) : fl_foretell(gradients, FL_WINDOW_SLICE, s);
}

static fl_traffic publishing(const fl_reduce_ops *ops, const fl_seat *weights, fl_span s) {
    return fl_foretell(weights, ops->shards ? FL_WINDOW_GATHER : FL_WINDOW_SPREAD, s);
}

fl_traffic fl_foretell_publishing(const fl_reduce *r, fl_span s) {
    return r->weights ? publishing(r->ops, fl_window_seat(r->weights), s) : (fl_traffic){0};
}

fl_traffic fl_reduce_foretell(const fl_reduce *r, size_t n) {
    const fl_span s = {0, n};
    fl_traffic t = fl_foretell_sum(r->ops, fl_window_seat(r->gradients), s);
    fl_traffic published = fl_foretell_publishing(r, s);
    fl_traffic_add(&t, &published, 1);
    return t;
}

fl_traffic fl_reduce_foretell_on(const fl_seat *at, const fl_reduce_conf *conf, fl_span s) {
    const fl_reduce_ops *ops = fl_reducers_all()[conf->reducer];
    fl_seat gradients = *at, weights = *at;
    gradients.wire = (fl_wire)conf->allreduce_dtype;
    weights.common = true;
    fl_traffic t = fl_foretell_sum(ops, &gradients, s), published = publishing(ops, &weights, s);
    fl_traffic_add(&t, &published, 1);
    return t;
}
