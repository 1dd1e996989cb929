/* How many rows the static part works through at a time. Few: then what one layer leaves is still
 * in the cache when the next one reads it, and a rank holds less of what nobody goes back through.
 * Many: then large weights are read from memory less often. Images shrink and weights grow from
 * layer to layer, so the rows grow from segment to segment. */
#include "frostline/arena.h"
#include "plan/schedule.h"

static size_t part_bytes(const fl_plan *p) {
    return p->conf.part_bytes ? p->conf.part_bytes : (size_t)32 << 20;
}

static size_t kept_bytes(const fl_plan *p) {
    return p->conf.kept_bytes ? p->conf.kept_bytes : (size_t)8 << 20;
}

static size_t row_bytes(const fl_plan *p, int l) {
    const fl_model *m = p->model;
    const fl_model_layer *layer = &m->layer[l];
    size_t floats = fl_shape_size(m->layer[fl_schedule_output(p->schedule, l)].shape);
    for (int i = 0; i < layer->n_in; i++)
        floats +=
            fl_shape_size(layer->in[i] == FL_MODEL_INPUT ? m->input : m->layer[layer->in[i]].shape);
    return floats * sizeof(float);
}

int fl_segment_rows(const fl_plan *p, int l) {
    size_t rows = part_bytes(p) / row_bytes(p, l);
    int most = rows < 1 ? 1 : rows < (size_t)p->rows ? (int)rows : p->rows;
    most = fl_static_rows_limit(p, l, most);
    int parts = most > 0 ? (p->rows + most - 1) / most : 1;
    return (p->rows + parts - 1) / parts; /* about the same in each */
}

static size_t packed_bytes(const struct fl_schedule *s, int l) {
    const fl_chain *c = s->chain_of[l] < 0 ? NULL : &s->chain[s->chain_of[l]];
    return c ? (c->bias - c->packed) * sizeof(float) : 0;
}

static void cut(const fl_plan *p, struct fl_schedule *s) {
    size_t weights = 0;
    for (int k = 0; k < s->n_static; k++) {
        int l = s->order[k], rows = fl_segment_rows(p, l);
        fl_segment *now = s->n_segments ? &s->segment[s->n_segments - 1] : NULL;
        weights += packed_bytes(s, l);
        if (!now || (weights > kept_bytes(p) && rows > now->rows)) {
            now = &s->segment[s->n_segments++];
            *now = (fl_segment){.first = k, .rows = rows};
            weights = packed_bytes(s, l);
        }
        now->end = k + 1;
        if (rows < now->rows) now->rows = rows;
        s->segment_of[l] = s->n_segments - 1;
    }
}

/* What a later segment reads is kept for all rows. */
static void find_whole(const fl_plan *p, struct fl_schedule *s) {
    const fl_model *m = p->model;
    for (int k = 0; k < s->n; k++) {
        const fl_model_layer *layer = &m->layer[s->order[k]];
        for (int i = 0; i < layer->n_in; i++) {
            int from = layer->in[i];
            if (from != FL_MODEL_INPUT)
                s->whole[from] |=
                    k >= s->n_static || s->segment_of[from] != s->segment_of[s->order[k]];
        }
    }
    for (int k = s->n_static; k < s->n; k++) s->whole[s->order[k]] = true;
    s->whole[m->n_layers - 1] = true;
}

void fl_schedule_cut(const fl_plan *p, struct fl_schedule *s) {
    for (int l = 0; l < p->model->n_layers; l++) s->segment_of[l] = -1;
    cut(p, s);
    for (int i = 0; i < s->n_chains; i++)
        for (int k = 0; k < s->chain[i].n_members; k++)
            s->segment_of[s->chain[i].member[k]] = s->segment_of[s->chain[i].head];
    find_whole(p, s);
}

int fl_schedule_rows(const fl_plan *p, int l) {
    int segment = p->schedule->segment_of[l];
    return segment < 0 ? p->rows : p->schedule->segment[segment].rows;
}
