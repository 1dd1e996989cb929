/* The schedule: at the start of some epochs, layers thaw. */
#include "freeze/parts.h"

typedef struct thaw {
    int64_t epoch;
    fl_strings unfreeze;
} thaw;

static const fl_field thaw_fields[] = {
    {"epoch", FL_INT, offsetof(thaw, epoch), NULL, 2, 1e9, NULL, "The epoch that begins with it.",
     NULL},
    {"unfreeze", FL_STRINGS, offsetof(thaw, unfreeze), NULL, 0, 0, NULL,
     "Globs of layers that train from then on.", NULL},
    {0},
};

/* Thaws in `frozen` what the pattern matches; `before` is what was frozen in the phase before. */
static fl_status thaw_matches(const fl_model *m, const char *pattern, const fl_node *n,
                              const bool *before, bool *frozen) {
    bool any = false, any_frozen = false;
    for (int i = 0; i < m->n_layers; i++) {
        if (!fl_model_matches(&m->layer[i], pattern)) continue;
        any = true;
        any_frozen = any_frozen || before[i];
        frozen[i] = false;
    }
    if (!any) return fl_model_unknown(m, n, pattern);
    if (any_frozen) return FL_OK;
    return fl_node_error(n, "'%s' thaws nothing: what it matches already trains at this epoch",
                         pattern);
}

static fl_status check_thaw(const fl_freeze *f, const fl_node *item, const thaw *t) {
    const fl_node *list = fl_node_get(item, "unfreeze");
    int64_t before = f->phase[f->n_phases - 1].epoch;
    if (t->unfreeze.n == 0)
        return fl_node_error(list, "'unfreeze' names no layer; give it globs of layers");
    if (t->epoch > before) return FL_OK;
    return fl_node_error(fl_node_get(item, "epoch"),
                         "epoch %lld does not come after epoch %lld of the item before it",
                         (long long)t->epoch, (long long)before);
}

static fl_status add_thaw(fl_freeze *f, fl_node *item, const fl_model *m) {
    thaw t = {0};
    FL_TRY(fl_fields_parse(item, "an item of 'schedule'", thaw_fields, NULL, &t));
    fl_status s = check_thaw(f, item, &t);
    const fl_node *list = fl_node_get(item, "unfreeze");
    fl_phase *p = fl_freeze_add_phase(f, t.epoch);
    for (int i = 0; i < t.unfreeze.n; i++) {
        const fl_node *n = fl_freeze_pattern_node(list, i);
        if (thaw_matches(m, t.unfreeze.v[i], n, p[-1].frozen, p->frozen) != FL_OK)
            s = FL_ERR_CONFIG;
    }
    return s;
}

fl_status fl_freeze_add_schedule(fl_freeze *f, const fl_node *schedule, const fl_model *m) {
    fl_node_kind kind = fl_node_kind_of(schedule);
    if (kind == FL_NODE_NULL) return FL_OK;
    if (kind != FL_NODE_LIST)
        return fl_node_error(schedule,
                             "'schedule' must be a list of {epoch: 3, unfreeze: [globs]}");
    fl_status s = FL_OK;
    for (int i = 0; i < fl_node_count(schedule); i++)
        if (add_thaw(f, fl_node_item(schedule, i), m) != FL_OK) s = FL_ERR_CONFIG;
    return s;
}

int fl_freeze_phases(const fl_freeze *f) {
    return f->n_phases;
}

int64_t fl_freeze_epoch(const fl_freeze *f, int phase) {
    return f->phase[phase].epoch;
}

int fl_freeze_phase_at(const fl_freeze *f, int64_t epoch) {
    int phase = f->n_phases - 1;
    while (phase > 0 && f->phase[phase].epoch > epoch) phase--;
    return phase;
}
