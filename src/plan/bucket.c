/* What is reduced together: whole parameters, in the order in which backward finishes them, until a
 * bucket holds as many bytes as the config asks for (Li et al., "PyTorch Distributed", VLDB 2020,
 * section 3.2.3). */
#include "plan/schedule.h"

static fl_bucket *new_bucket(fl_plan *p, size_t off) {
    p->bucket = fl_resize(p->bucket, (size_t)(p->n_buckets + 1) * sizeof *p->bucket);
    fl_bucket *b = &p->bucket[p->n_buckets++];
    *b = (fl_bucket){.span = {off, 0}};
    return b;
}

static void add_layer(fl_bucket *b, int layer) {
    b->ready = layer;
    if (b->n_layers > 0 && b->layer[b->n_layers - 1] == layer) return;
    b->layer = fl_resize(b->layer, (size_t)(b->n_layers + 1) * sizeof *b->layer);
    b->layer[b->n_layers++] = layer;
}

static void add_param(fl_plan *p, int i) {
    const fl_place *place = &p->place[i];
    if (place->region != FL_REGION_TRAINABLE) return;
    size_t room = p->conf.bucket_bytes / sizeof(float);
    fl_bucket *b = p->n_buckets ? &p->bucket[p->n_buckets - 1] : NULL;
    if (!b || b->span.len + place->span.len > room) b = new_bucket(p, place->span.off);
    b->span.len += place->span.len;
    add_layer(b, p->model->param[i].layer);
}

void fl_plan_cut_buckets(fl_plan *p) {
    const fl_model *m = p->model;
    for (int l = m->n_layers - 1; l >= 0; l--)
        for (int i = 0; i < m->layer[l].n_params; i++) add_param(p, m->layer[l].first_param + i);
}
