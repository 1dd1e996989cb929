/* Which convolutions a net is made of, and what the plan has made of them. */
#include "cli/bench_net.h"

#include <string.h>

static bool can_fuse(fl_activation a) {
    return a == FL_ACT_LINEAR || a == FL_ACT_RELU || a == FL_ACT_RELU6;
}

static int conv_activation(fl_activation a) {
    return a == FL_ACT_RELU ? FL_CONV_RELU : a == FL_ACT_RELU6 ? FL_CONV_RELU6 : FL_CONV_LINEAR;
}

/* What the layers behind l, as far as the plan has them run with it, add to its epilogue. */
static void add_fused(const fl_plan *p, int l, fl_epilogue *e) {
    const fl_model *m = p->model;
    for (int next = l + 1; next < m->n_layers; next++) {
        if (m->layer[next].in[0] != l ||
            strcmp(fl_plan_algorithm(p, next, FL_PASS_FORWARD), "fused") != 0)
            continue;
        fl_fusion f = fl_model_fusion(m, next);
        if (f.kind == FL_FUSION_ACTIVATION) e->activation = conv_activation(f.activation);
        if (f.kind == FL_FUSION_POOL) e->pool = 2;
        l = next;
    }
}

static bool case_of(const fl_plan *p, int l, fl_bench_conv_case *out) {
    fl_fusion f = fl_model_fusion(p->model, l);
    if (f.kind != FL_FUSION_CONV && f.kind != FL_FUSION_DEPTHWISE) return false;
    *out = (fl_bench_conv_case){
        .layer = p->model->layer[l].name,
        .layers = 1,
        .g = f.geometry,
        .depthwise = f.kind == FL_FUSION_DEPTHWISE,
        .e = {.pool = 1},
        .algorithm = fl_plan_algorithm(p, l, FL_PASS_FORWARD),
    };
    if (can_fuse(f.activation)) out->e.activation = conv_activation(f.activation);
    add_fused(p, l, &out->e);
    return true;
}

static bool same(const fl_bench_conv_case *a, const fl_bench_conv_case *b) {
    return memcmp(&a->g, &b->g, sizeof a->g) == 0 && a->depthwise == b->depthwise &&
           a->e.activation == b->e.activation && a->e.pool == b->e.pool;
}

fl_bench_conv_case *fl_bench_conv_cases(const fl_plan *p, int *n) {
    fl_bench_conv_case *all = fl_alloc((size_t)p->model->n_layers * sizeof *all), one;
    *n = 0;
    for (int l = 0; l < p->model->n_layers; l++) {
        if (!case_of(p, l, &one)) continue;
        int i = 0;
        while (i < *n && !same(&all[i], &one)) i++;
        if (i < *n)
            all[i].layers++;
        else
            all[(*n)++] = one;
    }
    return all;
}
