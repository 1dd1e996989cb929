/* What runs each layer, and what it is called. */
#include "plan/schedule.h"

fl_conv_setting fl_plan_setting(const fl_plan *p, int l) {
    return p->conf.conv ? p->conf.conv[l] : (fl_conv_setting){0};
}

size_t fl_plan_choose(const fl_plan *p, int l, int rows, fl_conv_choice *out) {
    fl_fusion f = fl_model_fusion(p->model, l);
    if (f.kind != FL_FUSION_CONV) return 0;
    fl_conv_setting s = fl_plan_setting(p, l);
    *out = fl_conv_choose(p->conf.kernels, &f.geometry, rows, &s);
    return fl_conv_choice_work(p->conf.kernels, &f.geometry, rows, out) * sizeof(float);
}

/* What a chain, or the layer before it, is to a layer; NULL: it stands by itself. */
static const char *in_chain(const struct fl_schedule *s, int layer) {
    for (int l = 0; l < layer; l++)
        if (s->behind[l] == layer) return "fused";
    for (int i = 0; i < s->n_chains; i++) {
        const fl_chain *c = &s->chain[i];
        if (c->head == layer) return c->algo ? c->algo->name : "depthwise";
        for (int k = 0; k < c->n_members; k++)
            if (c->member[k] == layer) return "fused";
    }
    return NULL;
}

static const char *by_itself(const fl_plan *p, int layer, fl_pass pass) {
    const fl_kernels *k = p->conf.kernels;
    fl_fusion f = fl_model_fusion(p->model, layer);
    int rows = fl_schedule_rows(p, layer);
    switch (f.kind) {
    case FL_FUSION_CONV: return fl_conv_choice_name(k, &p->schedule->conv[layer], pass);
    case FL_FUSION_DEPTHWISE: return fl_kernels_depthwise_name(k, &f.geometry);
    case FL_FUSION_DENSE: return fl_kernels_dense_name(k, rows);
    default: return "";
    }
}

const char *fl_plan_algorithm(const fl_plan *p, int layer, fl_pass pass) {
    const fl_need *need = &p->layer[layer].need;
    if (!p->schedule) return ""; /* a plan of figures alone */
    if (pass == FL_PASS_DX && !need->input_gradient) return "";
    if (pass == FL_PASS_DW && !need->weight_gradient) return "";
    const char *chain = in_chain(p->schedule, layer);
    return chain ? chain : by_itself(p, layer, pass);
}
