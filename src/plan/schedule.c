/* The order of layers and the life of everything they touch. Ticks: forward of order[k] is tick k,
 * the loss is tick n, backward of order[k] is tick 2n - k. */
#include "plan/schedule.h"

typedef struct builder {
    const fl_plan *p;
    struct fl_schedule *s;
    int *rank;        /* layer → its place in order */
    int *last_reader; /* layer → the last tick that needs its output */
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

static void order_layers(builder *b) {
    const fl_model *m = b->p->model;
    for (int pass = 0; pass < 2; pass++) {
        for (int l = 0; l < m->n_layers; l++) {
            if (m->layer[l].is_static != (pass == 0)) continue;
            b->rank[l] = b->s->n;
            b->s->order[b->s->n++] = l;
        }
        if (pass == 0) b->s->n_static = b->s->n;
    }
}

/* What the backward call of a layer reads, given what is wanted of it; nothing where it is not
 * called. */
static unsigned reads(const builder *b, int l) {
    const fl_model_layer *layer = layer_of(b, l);
    fl_need need = b->p->layer[l].need;
    unsigned bits = (need.input_gradient ? layer->plan.dx_reads : 0) |
                    (need.weight_gradient ? layer->plan.dw_reads : 0);
    return bits & FL_READS_TRAINING && !fl_layer_trains(layer) ? 0 : bits;
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
        extend(&b->last_reader[l], forward_tick(b, l));
        if (reads(b, l) & FL_READS_OUTPUT) extend(&b->last_reader[l], backward_tick(b, l));
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

static size_t output_bytes(builder *b, int l) {
    size_t bytes;
    if (__builtin_mul_overflow(fl_shape_size(layer_of(b, l)->shape),
                               sizeof(float) * (size_t)b->p->rows, &bytes))
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
    add_block(b, output_bytes(b, l), gradient_begins(b, l), backward, &at->dout);
    add_block(b, lp->saved_bytes, forward, backward, &at->saved);
    add_block(b, lp->work_bytes, backward, backward, &at->backward_work);
}

static void add_blocks(builder *b, int l) {
    const fl_model *m = b->p->model;
    const fl_model_layer *layer = &m->layer[l];
    fl_shape in[FL_MAX_INPUTS];
    fl_layer_plan lp = {0};
    for (int i = 0; i < layer->n_in; i++)
        in[i] = layer->in[i] == FL_MODEL_INPUT ? m->input : m->layer[layer->in[i]].shape;
    bool fine = layer->ops->plan(layer->conf, in, layer->n_in, b->p->rows, &lp);
    FL_CHECK(fine, "layer '%s' planned before, and now: %s", layer->name, lp.error);
    fl_layer_memory *at = &b->s->at[l];
    at->dout = at->saved = at->backward_work = FL_NOWHERE;
    add_block(b, output_bytes(b, l), forward_tick(b, l), b->last_reader[l], &at->out);
    add_block(b, lp.work_bytes, forward_tick(b, l), forward_tick(b, l), &at->forward_work);
    if (layer->wants_gradient) add_gradient_blocks(b, l, &lp);
}

fl_status fl_schedule_open(const fl_plan *p, struct fl_schedule **out) {
    size_t n = (size_t)p->model->n_layers;
    struct fl_schedule *s = fl_alloc(sizeof *s);
    s->order = fl_alloc(n * sizeof *s->order);
    s->at = fl_alloc(n * sizeof *s->at);
    builder b = {.p = p, .s = s};
    b.rank = fl_alloc(n * sizeof(int));
    b.last_reader = fl_alloc(n * sizeof(int));
    b.block = fl_alloc(5 * n * sizeof *b.block);
    order_layers(&b);
    find_readers(&b);
    for (int k = 0; k < s->n; k++) add_blocks(&b, s->order[k]);
    s->arena_bytes = fl_blocks_place(b.block, b.n_blocks);
    fl_free(b.rank);
    fl_free(b.last_reader);
    fl_free(b.block);
    *out = s;
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
    fl_free(s);
}
