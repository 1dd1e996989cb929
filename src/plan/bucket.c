/* What is reduced together: whole parameters, in the order in which backward finishes them, until a
 * bucket holds as many bytes as the config asks for (Li et al., "PyTorch Distributed", VLDB 2020,
 * section 3.2.3), or half of what is left: little is then to be sent when backward has ended, and
 * nothing is left to compute meanwhile. */
#include "plan/schedule.h"

enum { LEAST = 1 << 18 }; /* floats: below that messages are paid by latency */

static bool is_full(const fl_plan *p, const fl_bucket *b, size_t more) {
    size_t asked = p->conf.bucket_bytes / sizeof(float), half = (p->n_trainable - b->span.off) / 2;
    size_t len = b->span.len + more;
    return len > asked || (len > half && b->span.len >= LEAST);
}

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
    fl_bucket *b = p->n_buckets ? &p->bucket[p->n_buckets - 1] : NULL;
    if (!b || is_full(p, b, place->span.len)) b = new_bucket(p, place->span.off);
    b->span.len += place->span.len;
    add_layer(b, p->model->param[i].layer);
}

void fl_plan_cut_buckets(fl_plan *p) {
    const fl_model *m = p->model;
    for (int l = m->n_layers - 1; l >= 0; l--)
        for (int i = 0; i < m->layer[l].n_params; i++) add_param(p, m->layer[l].first_param + i);
}
