/* A step put together from the speeds of its layers and the way of its bytes. */
#include <math.h>
#include <stdio.h>

#include "cost/speeds.h"

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

typedef struct sums { /* of a plan, on some machine */
    const fl_cost_conf *conf;
    const fl_plan *p;
    double rows, times; /* of a micro-batch on a rank; micro-batches of a step */
} sums;

static double seconds(const sums *s, double (*value)(const fl_rows_speed *at, int layer), int l) {
    return s->conf->crowd * fl_speeds_line(s->conf->speeds, s->rows, value, l);
}

/* ---- computing ---- */

/* Of a layer's whole backward, what this plan runs. A layer without FLOPs runs it, or does not. */
static double share_of(const sums *s, int l) {
    const fl_plan_layer *q = &s->p->layer[l];
    double all = s->conf->speeds->flops_dx[l] + s->conf->speeds->flops_dw[l];
    if (!q->need.input_gradient && !q->need.weight_gradient) return 0;
    return all > 0 ? fmin(1, (q->flops_dx + q->flops_dw) / all) : 1;
}

static void add_layers(const sums *s, fl_cost *c) {
    for (int l = 0; l < s->p->model->n_layers; l++) {
        bool is_static = s->p->layer[l].is_static;
        if (is_static) c->fixed += s->times * seconds(s, fixed_of, l);
        if (!is_static) c->forward += s->times * seconds(s, forward_of, l);
    }
}

/* From the top down; a bucket is ready when the last micro-batch is done with the layer that it
 * waits for. */
static void add_backward(const sums *s, fl_cost *c) {
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

static double ranks_of_node(const sums *s) {
    return ceil((double)s->p->conf.np / s->conf->nodes);
}

/* Messages one after the other in a sum of few floats: comm/lane.c. */
static double turns(int nodes) {
    bool halves = nodes > 8 && (nodes & (nodes - 1)) == 0;
    return nodes <= 8 ? 2 : halves ? 2 * log2(nodes) : 2 * (nodes - 1);
}

static double crossing(const sums *s, int bucket) {
    const fl_network *net = s->conf->network;
    if (s->conf->nodes == 1) return 0;
    double sent = s->p->traffic.bucket[bucket].sent / s->conf->nodes;
    return turns(s->conf->nodes) * net->latency + sent / net->bytes_per_second;
}

/* What the ranks of a node add among themselves: in proportion to what was measured. */
static double within_node(const sums *s) {
    const fl_speeds *v = s->conf->speeds;
    if (ranks_of_node(s) < 2 || v->nodes > 1 || v->bytes <= 0) return 0;
    return s->conf->crowd * v->at[0].sum * (double)fl_plan_payload_bytes(s->p) / v->bytes;
}

/* When the last bucket has crossed, since backward began, if each sets out once it is ready. */
static double crossed(const sums *s, const fl_cost *c) {
    double free = 0;
    for (int i = 0; i < s->p->n_buckets; i++) free = fmax(free, c->ready[i]) + crossing(s, i);
    return free;
}

static double all_crossings(const sums *s) {
    double sum = 0;
    for (int i = 0; i < s->p->n_buckets; i++) sum += crossing(s, i);
    return sum;
}

/* A core that computes also moves bytes: it takes so much longer for both. */
static void slow_down(const sums *s, fl_cost *c) {
    if (s->conf->nodes == 1 || !s->conf->overlaps) return;
    double sent = s->p->traffic.all.sent / s->p->conf.np,
           lost = s->conf->crowd * sent * s->conf->network->slowdown, work = c->backward + c->fixed;
    if (work <= 0) return;
    for (int i = 0; i < s->p->n_buckets; i++) c->ready[i] *= 1 + lost / work;
    c->backward *= 1 + lost / work;
    c->fixed *= 1 + lost / work;
}

/* Of so many seconds of sums, what `cover` seconds of computing do not hide. A rank that has its
 * core for every nth moment alone pushes its sums on in those, and so hides an nth. */
static double uncovered(const sums *s, double seconds, double cover) {
    if (!s->conf->overlaps) return seconds;
    double hidden = fmin(seconds, cover) / s->conf->at_a_core;
    return seconds - hidden;
}

static double control_sums(const sums *s) {
    return s->conf->nodes == 1 ? 0 : 2 * ceil(log2(s->conf->nodes)) * s->conf->network->latency;
}

/* ---- together ---- */

static double update_of(const sums *s) {
    const fl_speeds *v = s->conf->speeds;
    double ranks = s->conf->shards ? s->p->conf.np : ranks_of_node(s);
    double measured = v->floats / ((double)v->ranks / v->nodes); /* floats of a rank */
    if (measured <= 0) return 0;
    return s->conf->crowd * v->at[0].update / measured * (double)s->p->n_trainable / ranks;
}

/* Rows are read by a thread of their own, and the cores are those of the threads that compute. */
static double data_of(const sums *s) {
    return s->conf->crowd * s->times * s->rows * s->conf->speeds->data / s->conf->speeds->threads;
}

/* A sharding reducer keeps half of what crosses, the weights, for after the update. */
static void add_up(const sums *s, fl_cost *c) {
    double share = s->conf->shards ? 0.5 : 1, all = all_crossings(s), within = within_node(s),
           before = share * all, beside = fmax(0, all - (crossed(s, c) - c->backward)) * share,
           after = (1 - share) * all + within + control_sums(s);
    bool ahead = s->conf->overlaps && s->conf->nodes > 1;
    c->ahead = ahead ? c->fixed : 0;
    c->reduce = all + within;
    c->reduce_exposed = uncovered(s, before, beside + c->ahead) + after;
    double live = c->forward + c->backward + c->update + c->other;
    c->cached_step = live + uncovered(s, before, beside) + after;
    c->data = data_of(s);
    c->step = c->data + live + c->fixed + c->reduce_exposed;
}

void fl_cost_of(const fl_cost_conf *conf, fl_plan *p) {
    sums s = {.conf = conf,
              .p = p,
              .times = (double)p->conf.accumulation,
              .rows = (double)p->conf.batch_size / (double)p->conf.accumulation / p->conf.np};
    fl_free(p->cost.ready);
    p->cost = (fl_cost){.known = true};
    if (conf->nodes > 1)
        snprintf(p->cost.network, sizeof p->cost.network, "%s", conf->network->name);
    add_layers(&s, &p->cost);
    add_backward(&s, &p->cost);
    p->cost.other = s.times * seconds(&s, other_of, 0);
    p->cost.update = update_of(&s);
    slow_down(&s, &p->cost);
    add_up(&s, &p->cost);
}
