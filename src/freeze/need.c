/* What follows from the frozen set: which layers never change, and what backward must bring to
 * whom. */
#include "freeze/parts.h"

static bool any_input(const fl_model *m, const fl_model_layer *l,
                      bool (*holds)(const fl_model_layer *)) {
    for (int k = 0; k < l->n_in; k++)
        if (l->in[k] != FL_MODEL_INPUT && holds(&m->layer[l->in[k]])) return true;
    return false;
}

static bool is_live(const fl_model_layer *l) {
    return !l->is_static;
}
static bool wants_gradient(const fl_model_layer *l) {
    return l->wants_gradient;
}

/* A live dropout draws anew at each step, a live batch norm follows the batch: neither can be kept.
 */
static bool varies(const fl_model_layer *l) {
    return !l->frozen && l->ops->traits & (FL_LAYER_RANDOM | FL_LAYER_STATISTICS);
}

/* Inputs stand before their readers, so one pass settles all. */
static void derive(fl_model *m) {
    for (int i = 0; i < m->n_layers; i++) {
        fl_model_layer *l = &m->layer[i];
        l->trainable = !l->frozen && fl_freeze_can_learn(l);
        l->is_static = !l->trainable && !varies(l) && !any_input(m, l, is_live);
        l->wants_gradient = l->trainable || any_input(m, l, wants_gradient);
    }
}

void fl_freeze_apply(const fl_freeze *f, int phase, fl_model *m) {
    for (int i = 0; i < m->n_layers; i++) m->layer[i].frozen = f->phase[phase].frozen[i];
    derive(m);
}

void fl_freeze_none(fl_model *m) {
    for (int i = 0; i < m->n_layers; i++) m->layer[i].frozen = false;
    derive(m);
}

fl_need fl_freeze_need(const fl_model *m, int layer) {
    const fl_model_layer *l = &m->layer[layer];
    return (fl_need){.weight_gradient = l->trainable,
                     .input_gradient = any_input(m, l, wants_gradient)};
}
