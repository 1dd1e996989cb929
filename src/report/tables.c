/* tables.c: what the tables of a model and its plan have in common. */
#include "tables.h"

static double steps_rows(const fl_plan *p) {
    int64_t accumulation = p->conf.accumulation > 0 ? p->conf.accumulation : 1;
    int calls = p->conf.calls > 0 ? p->conf.calls : 1;
    return (double)p->rows * (double)accumulation * calls;
}

static void add_layer(const fl_plan *p, int i, fl_totals *t) {
    const fl_plan_layer *l = &p->layer[i];
    bool weighted = p->model->layer[i].n_params > 0;
    t->n_weighted += weighted;
    t->n_frozen += weighted && !p->model->layer[i].trainable;
    t->n_static += l->is_static;
    *(l->is_static ? &t->flops_static : &t->flops_forward) += l->flops * steps_rows(p);
    t->flops_backward += (l->flops_dx + l->flops_dw) * steps_rows(p);
}

fl_totals fl_totals_of(const fl_plan *p) {
    fl_totals t = {0};
    for (int i = 0; i < p->model->n_layers; i++) add_layer(p, i, &t);
    for (int i = 0; i < p->model->n_params; i++) {
        t.parameters += p->model->param[i].len;
        if (p->place[i].region == FL_REGION_TRAINABLE) t.trainable += p->model->param[i].len;
    }
    return t;
}

void fl_add_inputs(const fl_model *m, int i, fl_text *t) {
    for (int k = 0; k < m->layer[i].n_in; k++) {
        int in = m->layer[i].in[k];
        fl_text_add(t, "%s%s", k ? ", " : "", in == FL_MODEL_INPUT ? "input" : m->layer[in].name);
    }
}

const char *fl_keras_shape(fl_shape s, char *buf) {
    int len = snprintf(buf, 80, "(None");
    for (int i = 0; i < s.n; i++)
        len += snprintf(buf + len, (size_t)(80 - len), ", %lld", (long long)s.d[i]);
    snprintf(buf + len, (size_t)(80 - len), ")");
    return buf;
}
