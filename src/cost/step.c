/* A step put together from the speeds of its layers and the way of its bytes. */
#include <math.h>
#include <stdio.h>

#include "cost/speeds.h"
#include "cost/sums.h"

static double fixed_of(const fl_rows_speed *at, int l) {
    return at->layer[l].fixed;
}
static double forward_of(const fl_rows_speed *at, int l) {
    return at->layer[l].forward;
}
static double backward_of(const fl_rows_speed *at, int l) {
    return at->layer[l].backward;
}
static double other_of(const fl_rows_speed *at, int l) {
    (void)l;
    return at->other;
}

typedef struct subject { /* a plan, on some machine */
    const fl_cost_conf *conf;
    const fl_plan *p;
    double rows, times; /* of a micro-batch on a rank; micro-batches of a step */
    fl_sums sums;
} subject;

static double seconds(const subject *s, double (*value)(const fl_rows_speed *at, int layer),
                      int l) {
    return s->conf->crowd * fl_speeds_line(s->conf->speeds, s->rows, value, l);
}

/* ---- computing ---- */

/* Of a layer's whole backward, what this plan runs. A layer without FLOPs runs it, or does not. */
static double share_of(const subject *s, int l) {
    const fl_plan_layer *q = &s->p->layer[l];
    double all = s->conf->speeds->flops_dx[l] + s->conf->speeds->flops_dw[l];
    if (!q->need.input_gradient && !q->need.weight_gradient) return 0;
    return all > 0 ? fmin(1, (q->flops_dx + q->flops_dw) / all) : 1;
}

static void add_layers(const subject *s, fl_cost *c) {
    for (int l = 0; l < s->p->model->n_layers; l++) {
        bool is_static = s->p->layer[l].is_static;
        if (is_static) c->fixed += s->times * seconds(s, fixed_of, l);
        if (!is_static) c->forward += s->times * seconds(s, forward_of, l);
    }
}

/* From the top down; a bucket is ready when the last micro-batch is done with the layer that it
 * waits for. */
static void add_backward(const subject *s, fl_cost *c) {
    const fl_plan *p = s->p;
    int bucket = 0;
    c->ready = fl_alloc((size_t)p->n_buckets * sizeof *c->ready);
    for (int l = p->model->n_layers - 1; l >= 0; l--) {
        if (!p->layer[l].is_static) c->backward += share_of(s, l) * seconds(s, backward_of, l);
        while (bucket < p->n_buckets && p->bucket[bucket].ready >= l)
            c->ready[bucket++] = c->backward;
    }
    double before = (s->times - 1) * c->backward;
    for (int i = 0; i < p->n_buckets; i++) c->ready[i] += before;
    c->backward += before;
}

/* ---- communicating ---- */

static double ranks_of_node(const subject *s) {
    return ceil((double)s->p->conf.np / s->conf->nodes);
}

/* What the ranks of a node add among themselves: in proportion to what was measured. Cores do that,
 * so nothing hides it. */
static double within_node(const subject *s) {
    const fl_speeds *v = s->conf->speeds;
    if (ranks_of_node(s) < 2 || v->nodes > 1 || v->bytes <= 0) return 0;
    return s->conf->crowd * v->at[0].sum * (double)fl_plan_payload_bytes(s->p) / v->bytes;
}

/* Those of a few numbers over all ranks by recursive doubling, to which what exceeds a power of two
 * is added before, and told after. */
static double control_sums(const subject *s) {
    int nodes = s->conf->nodes;
    bool exceeds = (nodes & (nodes - 1)) != 0;
    return nodes == 1 ? 0 : (floor(log2(nodes)) + 2 * exceeds) * s->conf->network->latency;
}

/* A core that computes also moves bytes, and takes longer by a share of the time in which they are
 * under way: of all of it, or, while computing is the shorter, of its own. */
static void slow_down(const subject *s, fl_cost *c) {
    double seconds = 0, work = c->backward + c->fixed;
    for (int i = 0; i < s->sums.n; i++) seconds += s->sums.sum[i].wire;
    if (!s->sums.early || work <= 0) return;
    const fl_network *net = s->conf->network;
    double share = s->conf->crowd * net->slowdown * net->bytes_per_second * s->conf->nodes /
                   s->p->conf.np,
           slower = 1 + share * seconds / work;
    if (share < 1) slower = fmin(slower, 1 / (1 - share));
    for (int i = 0; i < s->p->n_buckets; i++) c->ready[i] *= slower;
    c->backward *= slower;
    c->fixed *= slower;
}

/* Of all gradients, were nothing computed. */
static double alone(const fl_sums *m) {
    return m->early ? fl_sums_last(m->n, m->sum, NULL) : fl_sums_in_turn(m->n, m->sum);
}

/* Of the sums of gradients what `ahead` seconds of computing after backward leave to wait for. A
 * rank that has its core for every nth moment alone pushes its sums on in those, and so hides an
 * nth. */
static double uncovered(const subject *s, const fl_cost *c, double ahead) {
    const fl_sums *m = &s->sums;
    double all = alone(m);
    if (!m->early) return all;
    double left = fmax(0, fl_sums_last(m->n, m->sum, c->ready) - c->backward);
    return all - (all - fmax(0, left - ahead)) / s->conf->at_a_core;
}

/* ---- together ---- */

static double update_of(const subject *s) {
    const fl_speeds *v = s->conf->speeds;
    double ranks = s->conf->shards ? s->p->conf.np : ranks_of_node(s);
    double measured = v->floats / ((double)v->ranks / v->nodes); /* floats of a rank */
    if (measured <= 0) return 0;
    return s->conf->crowd * v->at[0].update / measured * (double)s->p->n_trainable / ranks;
}

/* Rows are read by a thread of their own, and the cores are those of the threads that compute. */
static double data_of(const subject *s) {
    return s->conf->crowd * s->times * s->rows * s->conf->speeds->data / s->conf->speeds->threads;
}

/* Ranks wait for the slowest among them, the longer the more they compute; what one does besides is
 * the same in every step. */
static double other_beside(const subject *s, double computing) {
    double whole = 0, other = s->times * seconds(s, other_of, 0);
    for (int l = 0; l < s->p->model->n_layers; l++)
        whole += s->times * (seconds(s, forward_of, l) + seconds(s, backward_of, l));
    bool waits = s->conf->speeds->ranks > 1 && whole > 0;
    return waits ? other * fmin(1, computing / whole) : other;
}

static void add_up(const subject *s, fl_cost *c) {
    double within = within_node(s), weights = fl_sums_last(s->sums.n, s->sums.weights, NULL),
           after = weights + within + control_sums(s);
    c->ahead = s->sums.early ? c->fixed : 0;
    c->reduce = alone(&s->sums) + weights + within;
    c->reduce_exposed = uncovered(s, c, c->ahead) + after;
    double live = c->forward + c->backward;
    if (s->conf->keeps)
        c->cached_step = live + c->update + other_beside(s, live) + uncovered(s, c, 0) + after;
    c->other = other_beside(s, live + c->fixed);
    c->data = data_of(s);
    c->step = c->data + live + c->update + c->other + c->fixed + c->reduce_exposed;
}

void fl_cost_of(const fl_cost_conf *conf, fl_plan *p) {
    subject s = {.conf = conf,
                 .p = p,
                 .times = (double)p->conf.accumulation,
                 .rows = (double)p->conf.batch_size / (double)p->conf.accumulation / p->conf.np,
                 .sums = fl_sums_of(conf, p)};
    fl_free(p->cost.ready);
    p->cost = (fl_cost){.known = true};
    if (conf->nodes > 1)
        snprintf(p->cost.network, sizeof p->cost.network, "%s", conf->network->name);
    add_layers(&s, &p->cost);
    add_backward(&s, &p->cost);
    p->cost.update = update_of(&s);
    slow_down(&s, &p->cost);
    add_up(&s, &p->cost);
    fl_sums_close(&s.sums);
}
