/* The rules that hold from the first epoch on: the union of all is frozen. */
#include "freeze/parts.h"

#include <string.h>

static const char schedule_schema[] =
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
    "\"required\":[\"epoch\",\"unfreeze\"],\"properties\":{\"epoch\":{\"type\":\"integer\","
    "\"minimum\":2},\"unfreeze\":{\"type\":[\"array\",\"string\"],"
    "\"items\":{\"type\":\"string\"}}}}}";

#define AT(member) offsetof(fl_freeze_conf, member)
const fl_field fl_freeze_fields[] = {
    {"layers", FL_STRINGS, AT(layers), "[]", 0, 0, NULL,
     "Globs of layers to freeze; a base's name means all of it.", NULL},
    {"until", FL_STRING, AT(until), "null", 0, 0, NULL,
     "Freeze everything up to and including this layer.", NULL},
    {"train_last_n", FL_INT, AT(train_last_n), "null", 1, 1e6, NULL,
     "Freeze all but the last n layers that have parameters.", NULL},
    {"schedule", FL_TREE, AT(schedule), "null", 0, 0, NULL,
     "What thaws at the start of later epochs: a list of {epoch, unfreeze: [globs]}.",
     schedule_schema},
    {0},
};

bool fl_freeze_can_learn(const fl_model_layer *l) {
    for (int i = 0; i < l->plan.n_params; i++)
        if (!l->plan.param[i].buffer) return true;
    return false;
}

fl_phase *fl_freeze_add_phase(fl_freeze *f, int64_t epoch) {
    size_t mask = (size_t)f->n_layers * sizeof(bool);
    f->phase = fl_resize(f->phase, (size_t)(f->n_phases + 1) * sizeof *f->phase);
    fl_phase *p = &f->phase[f->n_phases++];
    *p = (fl_phase){epoch, fl_alloc(mask)};
    if (p > f->phase) memcpy(p->frozen, p[-1].frozen, mask);
    return p;
}

const fl_node *fl_freeze_pattern_node(const fl_node *list, int i) {
    return fl_node_kind_of(list) == FL_NODE_LIST ? fl_node_item(list, i) : list;
}

/* ---- one function a rule; each adds to the mask ---- */

static fl_status freeze_matches(const fl_model *m, const char *pattern, const fl_node *n,
                                bool *frozen) {
    bool any = false;
    for (int i = 0; i < m->n_layers; i++)
        if (fl_model_matches(&m->layer[i], pattern)) any = frozen[i] = true;
    return any ? FL_OK : fl_model_unknown(m, n, pattern);
}

static fl_status freeze_layers(const fl_freeze_conf *c, const fl_node *section, const fl_model *m,
                               bool *frozen) {
    const fl_node *list = fl_node_get(section, "layers");
    fl_status s = FL_OK;
    for (int i = 0; i < c->layers.n; i++)
        if (freeze_matches(m, c->layers.v[i], fl_freeze_pattern_node(list, i), frozen) != FL_OK)
            s = FL_ERR_CONFIG;
    return s;
}

static int last_of(const fl_model *m, const char *name) {
    int last = fl_model_find(m, name);
    for (int i = 0; i < m->n_layers; i++)
        if (m->layer[i].group && strcmp(m->layer[i].group, name) == 0) last = i;
    return last;
}

static fl_status freeze_until(const fl_freeze_conf *c, const fl_node *section, const fl_model *m,
                              bool *frozen) {
    if (!c->until) return FL_OK;
    int last = last_of(m, c->until);
    if (last < 0) return fl_model_unknown(m, fl_node_get(section, "until"), c->until);
    for (int i = 0; i <= last; i++) frozen[i] = true;
    return FL_OK;
}

static fl_status freeze_but_last(const fl_freeze_conf *c, const fl_node *section, const fl_model *m,
                                 bool *frozen) {
    if (c->train_last_n < 1) return FL_OK; /* not given; out of range: said when it was parsed */
    int64_t learning = 0;
    for (int i = 0; i < m->n_layers; i++) learning += fl_freeze_can_learn(&m->layer[i]);
    if (c->train_last_n > learning)
        return fl_node_error(fl_node_get(section, "train_last_n"),
                             "the net has only %lld layers with parameters to train",
                             (long long)learning);
    for (int i = 0; i < m->n_layers && learning > c->train_last_n; i++) {
        learning -= fl_freeze_can_learn(&m->layer[i]);
        frozen[i] = true;
    }
    return FL_OK;
}

static fl_status check_something_trains(const fl_node *section, const fl_model *m,
                                        const bool *frozen) {
    bool any = false;
    for (int i = 0; i < m->n_layers; i++) {
        bool learns = fl_freeze_can_learn(&m->layer[i]);
        if (learns && !frozen[i]) return FL_OK;
        any = any || learns;
    }
    return fl_node_error(section, any ? "all parameters of the net are frozen, so that nothing "
                                        "would train; take a rule out of section 'freeze'"
                                      : "the net has no parameters, so that nothing would train; "
                                        "add a layer that has some to section 'model'");
}

static fl_status apply_rules(const fl_freeze_conf *c, const fl_node *section, const fl_model *m,
                             bool *frozen) {
    fl_status layers = freeze_layers(c, section, m, frozen);
    fl_status until = freeze_until(c, section, m, frozen);
    fl_status last = freeze_but_last(c, section, m, frozen);
    if (layers != FL_OK || until != FL_OK || last != FL_OK) return FL_ERR_CONFIG;
    return check_something_trains(section, m, frozen);
}

fl_status fl_freeze_open(const fl_freeze_conf *conf, fl_node *section, const fl_model *m,
                         fl_freeze **out) {
    *out = NULL;
    fl_freeze *f = fl_alloc(sizeof *f);
    f->n_layers = m->n_layers;
    fl_phase *first = fl_freeze_add_phase(f, 1);
    fl_status s = apply_rules(conf, section, m, first->frozen);
    /* with a rule in doubt, everything counts as frozen: the schedule is then judged for itself */
    if (s != FL_OK) memset(first->frozen, true, (size_t)m->n_layers);
    fl_status later = fl_freeze_add_schedule(f, conf->schedule, m);
    if (s == FL_OK) s = later;
    if (s == FL_OK)
        *out = f;
    else
        fl_freeze_close(f);
    return s;
}

void fl_freeze_close(fl_freeze *f) {
    if (!f) return;
    for (int i = 0; i < f->n_phases; i++) fl_free(f->phase[i].frozen);
    fl_free(f->phase);
    fl_free(f);
}
