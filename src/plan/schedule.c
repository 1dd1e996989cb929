/* The order of layers and the life of everything they touch. Ticks: forward of order[k] is tick k,
 * the loss is tick n, backward of order[k] is tick 2n - k. */
#include "plan/schedule.h"

typedef struct builder {
    const fl_plan *p;
    struct fl_schedule *s;
    int *rank;             /* layer → its place in order */
    int *last_reader;      /* layer → the last tick that needs its output */
    bool *past_activation; /* another layer goes back through its activation */
    fl_block *block;
    int n_blocks;
    bool overflow;
} builder;

static const fl_model_layer *layer_of(const builder *b, int l) {
    return &b->p->model->layer[l];
}
static int forward_tick(const builder *b, int l) {
    return b->rank[l];
}
static int loss_tick(const builder *b) {
    return b->s->n;
}
static int backward_tick(const builder *b, int l) {
    return 2 * b->s->n - b->rank[l];
}

int fl_schedule_output(const struct fl_schedule *s, int l) {
    if (s->behind[l] >= 0) return s->behind[l];
    return s->chain_of[l] < 0 ? l : s->chain[s->chain_of[l]].tail;
}

/* What is behind the head of a chain runs with it and is passed over. */
static void start_chain(builder *b, int head, bool *inside) {
    struct fl_schedule *s = b->s;
    fl_chain *c = &s->chain[s->n_chains];
    if (!fl_chain_make(b->p, head, fl_segment_rows(b->p, head), c)) return;
    s->packed_floats += fl_chain_place(c, s->packed_floats);
    s->chain_of[head] = s->n_chains++;
    for (int i = 0; i < c->n_members; i++) {
        inside[c->member[i]] = true;
        b->rank[c->member[i]] = b->rank[head];
    }
}

static void take_along(builder *b, int l, bool *inside) {
    int r = b->s->behind[l] = fl_activation_behind(b->p, l);
    if (r < 0) return;
    inside[r] = true;
    b->rank[r] = b->rank[l];
}

static void order_layer(builder *b, int l, bool *inside) {
    if (inside[l]) return;
    b->rank[l] = b->s->n;
    b->s->order[b->s->n++] = l;
    b->s->chain_of[l] = -1;
    if (layer_of(b, l)->is_static)
        start_chain(b, l, inside);
    else
        take_along(b, l, inside);
}

static void order_layers(builder *b) {
    const fl_model *m = b->p->model;
    bool *inside = fl_alloc((size_t)m->n_layers * sizeof *inside);
    for (int l = 0; l < m->n_layers; l++)
        if (m->layer[l].is_static) order_layer(b, l, inside);
    b->s->n_static = b->s->n;
    for (int l = 0; l < m->n_layers; l++)
        if (!m->layer[l].is_static) order_layer(b, l, inside);
    fl_free(inside);
}

static void hand_over(builder *b) {
    for (int l = 0; l < b->p->model->n_layers; l++) {
        int from = b->s->handed[l] = fl_activation_before(b->p, l);
        if (from >= 0) b->past_activation[from] = true;
    }
}

/* What the backward call of a layer reads, given what is wanted of it; nothing where it is not
 * called. */
static unsigned reads(const builder *b, int l) {
    const fl_model_layer *layer = layer_of(b, l);
    fl_need need = b->p->layer[l].need;
    unsigned bits = (need.input_gradient ? layer->plan.dx_reads : 0) |
                    (need.weight_gradient ? layer->plan.dw_reads : 0);
    if (b->past_activation[l]) bits &= ~(unsigned)FL_READS_OUTPUT;
    if (b->s->handed[l] >= 0) bits |= FL_READS_OUTPUT;
    if (bits & FL_READS_TRAINING && !fl_layer_trains(layer)) bits = 0;
    bool along = b->s->behind[l] >= 0 && layer->wants_gradient;
    return along ? bits | layer->ops->then_reads : bits;
}

static void extend(int *tick, int to) {
    if (*tick < to) *tick = to;
}

/* Runs over the layers in order, so that the last one to set zeroed_by is the first that backward
 * reaches. */
static void find_readers(builder *b) {
    for (int k = 0; k < b->s->n; k++) {
        int l = b->s->order[k];
        const fl_model_layer *layer = layer_of(b, l);
        int out = fl_schedule_output(b->s, l);
        extend(&b->last_reader[out], forward_tick(b, l));
        if (reads(b, l) & FL_READS_OUTPUT) extend(&b->last_reader[out], backward_tick(b, l));
        for (int i = 0; i < layer->n_in; i++) {
            int from = layer->in[i];
            if (from == FL_MODEL_INPUT) continue;
            bool again = reads(b, l) & FL_READS_INPUT;
            extend(&b->last_reader[from], again ? backward_tick(b, l) : forward_tick(b, l));
            b->s->at[from].zeroed_by = l;
        }
    }
    extend(&b->last_reader[b->p->model->n_layers - 1], loss_tick(b));
}

static void add_block(builder *b, size_t bytes, int from, int to, size_t *where) {
    *where = FL_NOWHERE;
    if (bytes > 0) b->block[b->n_blocks++] = (fl_block){bytes, 0, from, to, where};
}

static int rows_of(const builder *b, int l) {
    return b->s->whole[l] ? b->p->rows : fl_schedule_rows(b->p, l);
}

static size_t output_bytes(builder *b, int l) {
    size_t bytes;
    if (__builtin_mul_overflow(fl_shape_size(layer_of(b, l)->shape),
                               sizeof(float) * (size_t)rows_of(b, l), &bytes))
        b->overflow = true;
    return b->overflow ? 0 : bytes;
}

/* The loss writes the gradient of the net's output; that of another layer is written by its
 * readers' backward calls. */
static int gradient_begins(const builder *b, int l) {
    return l == b->p->model->n_layers - 1 ? loss_tick(b) : backward_tick(b, b->s->at[l].zeroed_by);
}

static void add_gradient_blocks(builder *b, int l, const fl_layer_plan *lp) {
    fl_layer_memory *at = &b->s->at[l];
    int forward = forward_tick(b, l), backward = backward_tick(b, l);
    int out = fl_schedule_output(b->s, l);
    add_block(b, output_bytes(b, out), gradient_begins(b, out), backward, &b->s->at[out].dout);
    add_block(b, lp->saved_bytes, forward, backward, &at->saved);
    add_block(b, lp->work_bytes, backward, backward, &at->backward_work);
}

static fl_layer_plan plan_again(const builder *b, int l, int rows) {
    const fl_model *m = b->p->model;
    const fl_model_layer *layer = &m->layer[l];
    fl_shape in[FL_MAX_INPUTS];
    fl_layer_plan lp = {0};
    for (int i = 0; i < layer->n_in; i++)
        in[i] = layer->in[i] == FL_MODEL_INPUT ? m->input : m->layer[layer->in[i]].shape;
    bool fine = layer->ops->plan(layer->conf, in, layer->n_in, rows, &lp);
    FL_CHECK(fine, "layer '%s' planned before, and now: %s", layer->name, lp.error);
    lp.work_bytes += fl_plan_choose(b->p, l, rows, &b->s->conv[l]);
    return lp;
}

/* Rows go through a segment in parts, each from its first layer on: what all parts leave, and what
 * all parts read, lives as long as the segment runs. */
static void add_static_blocks(builder *b, int l) {
    int chain = b->s->chain_of[l], out = fl_schedule_output(b->s, l), tick = forward_tick(b, l);
    int rows = fl_schedule_rows(b->p, l), last = b->last_reader[out];
    int first = b->s->segment[b->s->segment_of[l]].first;
    size_t work = chain >= 0 ? fl_chain_work(&b->s->chain[chain], rows) * sizeof(float)
                             : plan_again(b, l, rows).work_bytes;
    if (last < b->s->n_static && b->s->whole[out])
        last = b->s->segment[b->s->segment_of[b->s->order[last]]].end - 1;
    add_block(b, output_bytes(b, out), b->s->whole[out] ? first : tick, last, &b->s->at[out].out);
    add_block(b, work, tick, tick, &b->s->at[l].forward_work);
}

static void add_live_blocks(builder *b, int l) {
    fl_layer_plan lp = plan_again(b, l, b->p->rows);
    int out = fl_schedule_output(b->s, l);
    add_block(b, output_bytes(b, out), forward_tick(b, l), b->last_reader[out], &b->s->at[out].out);
    add_block(b, lp.work_bytes, forward_tick(b, l), forward_tick(b, l), &b->s->at[l].forward_work);
    if (layer_of(b, l)->wants_gradient) add_gradient_blocks(b, l, &lp);
}

fl_status fl_schedule_open(const fl_plan *p, struct fl_schedule **out) {
    size_t n = (size_t)p->model->n_layers;
    struct fl_schedule *s = *out = fl_alloc(sizeof *s);
    s->order = fl_alloc(n * sizeof *s->order);
    s->at = fl_alloc(n * sizeof *s->at);
    s->chain = fl_alloc(n * sizeof *s->chain);
    s->chain_of = fl_alloc(n * sizeof *s->chain_of);
    s->conv = fl_alloc(n * sizeof *s->conv);
    s->handed = fl_alloc(n * sizeof *s->handed);
    s->behind = fl_alloc(n * sizeof *s->behind);
    for (size_t l = 0; l < n; l++) s->behind[l] = -1;
    s->segment = fl_alloc(n * sizeof *s->segment);
    s->segment_of = fl_alloc(n * sizeof *s->segment_of);
    s->whole = fl_alloc(n * sizeof *s->whole);
    builder b = {.p = p, .s = s};
    b.rank = fl_alloc(n * sizeof(int));
    b.last_reader = fl_alloc(n * sizeof(int));
    b.past_activation = fl_alloc(n * sizeof *b.past_activation);
    b.block = fl_alloc(5 * n * sizeof *b.block);
    order_layers(&b);
    fl_schedule_cut(p, s);
    hand_over(&b);
    find_readers(&b);
    for (size_t l = 0; l < n; l++)
        s->at[l] = (fl_layer_memory){FL_NOWHERE, FL_NOWHERE, FL_NOWHERE,
                                     FL_NOWHERE, FL_NOWHERE, s->at[l].zeroed_by};
    for (int k = 0; k < s->n; k++)
        (k < s->n_static ? add_static_blocks : add_live_blocks)(&b, s->order[k]);
    s->arena_bytes = fl_blocks_place(b.block, b.n_blocks);
    fl_free(b.rank);
    fl_free(b.last_reader);
    fl_free(b.past_activation);
    fl_free(b.block);
    if (b.overflow)
        return fl_fail(FL_ERR_IO,
                       "activations of %d rows are too large for this machine's addresses; lower "
                       "train.batch_size",
                       p->rows);
    return FL_OK;
}

void fl_schedule_close(struct fl_schedule *s) {
    if (!s) return;
    fl_free(s->order);
    fl_free(s->at);
    fl_free(s->chain);
    fl_free(s->chain_of);
    fl_free(s->conv);
    fl_free(s->handed);
    fl_free(s->behind);
    fl_free(s->segment);
    fl_free(s->segment_of);
    fl_free(s->whole);
    fl_free(s);
}
