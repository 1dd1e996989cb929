/* Shapes: what goes into a layer decides what comes out. */
#include "model/parts.h"

#include <string.h>

/* Keeps every product of sizes far from overflow; no machine holds such a row. */
static const int64_t most_elements = (int64_t)1 << 40;

fl_shape fl_model_shape(const fl_model *m, int i) {
    return i == FL_MODEL_INPUT ? m->input : m->layer[i].shape;
}

static bool too_large(const int64_t *d, int n) {
    int64_t size = 1;
    for (int i = 0; i < n; i++)
        if (__builtin_mul_overflow(size, d[i], &size) || size > most_elements) return true;
    return false;
}

static bool plan_fits(fl_layer_plan *p) {
    bool fits = !too_large(p->out.d, p->out.n);
    for (int i = 0; i < p->n_params; i++) fits = fits && !too_large(p->param[i].d, p->param[i].n);
    if (!fits)
        snprintf(p->error, sizeof p->error, "more than 2^40 numbers in its output or weights");
    return fits;
}

bool fl_model_plan_layer(fl_model *m, int i) {
    fl_model_layer *l = &m->layer[i];
    fl_shape in[FL_MAX_INPUTS];
    for (int k = 0; k < l->n_in; k++) in[k] = fl_model_shape(m, l->in[k]);
    memset(&l->plan, 0, sizeof l->plan);
    if (!l->ops->plan(l->conf, in, l->n_in, 1, &l->plan) || !plan_fits(&l->plan)) return false;
    l->shape = l->plan.out;
    return true;
}
