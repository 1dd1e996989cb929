/* Where each parameter lies. Trainable ones lie in the order in which backward finishes them,
 * without gaps: any stretch of them is then a bucket, and what is reduced is exactly their bytes.
 */
#include "frostline/arena.h"
#include "plan/schedule.h"

static fl_region region_of(const fl_model *m, const fl_param *param) {
    if (!m->layer[param->layer].trainable) return FL_REGION_FROZEN;
    return param->spec->buffer ? FL_REGION_STATE : FL_REGION_TRAINABLE;
}

static fl_span append(size_t *end, size_t len) {
    fl_span span = {*end, len};
    *end += len;
    return span;
}

/* Regions that are never reduced start each tensor on a cache line. */
static fl_span append_aligned(size_t *end, size_t len) {
    const size_t line = FL_ALIGN / sizeof(float);
    fl_span span = append(end, len);
    *end = (*end + line - 1) / line * line;
    return span;
}

static void place_one(fl_plan *p, int i) {
    const fl_param *param = &p->model->param[i];
    fl_place *place = &p->place[i];
    place->region = region_of(p->model, param);
    if (place->region == FL_REGION_TRAINABLE) place->span = append(&p->n_trainable, param->len);
    if (place->region == FL_REGION_FROZEN) place->span = append_aligned(&p->n_frozen, param->len);
    if (place->region == FL_REGION_STATE) place->span = append_aligned(&p->n_state, param->len);
    if (!param->spec->buffer) p->n_unfrozen += param->len;
}

void fl_plan_place(fl_plan *p) {
    const fl_model *m = p->model;
    for (int l = m->n_layers - 1; l >= 0; l--)
        for (int i = 0; i < m->layer[l].n_params; i++) place_one(p, m->layer[l].first_param + i);
}
