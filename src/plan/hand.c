/* What a live layer does along with its own work. Pooling: it goes back through the activation
 * before it. With y = max over a window of a(z), the gradient in z is that in y times a'(z) where z
 * was picked, and a'(z) is a function of a(z) = y: a quarter of the work for a 2×2 window, and a(z)
 * itself need not be kept. Batch norm and add: the relu behind them, whose input then lies nowhere.
 */
#include "plan/schedule.h"

static fl_fusion fusion_of(const fl_model *m, int l) {
    const fl_model_layer *layer = &m->layer[l];
    if (layer->is_static || !layer->ops->fusion || layer->n_in != 1) return (fl_fusion){0};
    int from = layer->in[0];
    return layer->ops->fusion(layer->conf,
                              from == FL_MODEL_INPUT ? m->input : m->layer[from].shape);
}

static int count_readers(const fl_model *m, int l) {
    int n = 0;
    for (int r = l + 1; r < m->n_layers; r++)
        for (int i = 0; i < m->layer[r].n_in; i++) n += m->layer[r].in[i] == l;
    return n;
}

int fl_activation_before(const fl_plan *p, int l) {
    const fl_model *m = p->model;
    if (fusion_of(m, l).kind != FL_FUSION_POOL || !p->layer[l].need.input_gradient) return -1;
    int from = m->layer[l].in[0];
    if (from == FL_MODEL_INPUT || count_readers(m, from) > 1) return -1;
    fl_fusion f = fusion_of(m, from);
    if (f.kind != FL_FUSION_CONV && f.kind != FL_FUSION_DEPTHWISE) return -1;
    bool pointwise = f.activation != FL_ACT_SOFTMAX && !fl_act_needs_input(f.activation);
    return pointwise && f.activation != FL_ACT_LINEAR ? from : -1;
}

static int only_reader(const fl_model *m, int l) {
    for (int r = l + 1; r < m->n_layers && count_readers(m, l) == 1; r++)
        for (int i = 0; i < m->layer[r].n_in; i++)
            if (m->layer[r].in[i] == l) return r;
    return -1;
}

int fl_activation_behind(const fl_plan *p, int l) {
    const fl_model *m = p->model;
    int r = m->layer[l].ops->then_reads ? only_reader(m, l) : -1;
    if (r < 0 || m->layer[l].is_static) return -1;
    fl_fusion f = fusion_of(m, r);
    bool relu = f.activation == FL_ACT_RELU || f.activation == FL_ACT_RELU6;
    return f.kind == FL_FUSION_ACTIVATION && relu ? r : -1;
}
