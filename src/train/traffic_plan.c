/* What a step will move, rank by rank: the reducer's formulas, before there are ranks. */
#include "frostline/train.h"

enum { STEPS = 1000 };

/* Not each step has its packets acknowledged by as many: on the link it is the mean that counts. */
static double on_link(const fl_traffic *t) {
    fl_traffic many = {0};
    fl_traffic_add(&many, t, STEPS);
    return (double)fl_traffic_on_link(&many) / STEPS;
}

static fl_bytes moved(const fl_experiment *x, const fl_seat *at, fl_span s) {
    fl_traffic t = fl_reduce_foretell_on(at, &x->reduce, s);
    return (fl_bytes){(double)t.mpi_bytes, (double)t.node_bytes, on_link(&t), (double)t.sent_bytes};
}

static void add(fl_bytes *to, const fl_bytes *more) {
    to->mpi += more->mpi;
    to->node += more->node;
    to->link += more->link;
    to->sent += more->sent;
}

static void keep_most(fl_bytes *most, const fl_bytes *one) {
    if (one->mpi > most->mpi) most->mpi = one->mpi;
    if (one->node > most->node) most->node = one->node;
    if (one->link > most->link) most->link = one->link;
    if (one->sent > most->sent) most->sent = one->sent;
}

static void add_rank(const fl_experiment *x, const fl_seat *at, fl_plan *p) {
    fl_traffic_plan *t = &p->traffic;
    fl_bytes mine = {0}, unfrozen = moved(x, at, (fl_span){0, p->n_unfrozen});
    for (int i = 0; i < p->n_buckets; i++) {
        fl_bytes one = moved(x, at, p->bucket[i].span);
        add(&t->bucket[i], &one);
        add(&mine, &one);
    }
    add(&t->all, &mine);
    add(&t->all_unfrozen, &unfrozen);
    keep_most(&t->rank, &mine);
    keep_most(&t->rank_unfrozen, &unfrozen);
}

void fl_experiment_traffic(const fl_experiment *x, int nodes, fl_plan *p) {
    int np = p->conf.np, *node_of = fl_alloc((size_t)np * sizeof *node_of);
    fl_free(p->traffic.bucket);
    p->traffic = (fl_traffic_plan){
        .nodes = nodes,
        .reducer = fl_reducers_all()[x->reduce.reducer]->name,
        .bucket = fl_alloc((size_t)p->n_buckets * sizeof(fl_bytes)),
    };
    fl_seat_spread(np, nodes, node_of);
    for (int r = 0; r < np; r++) {
        fl_seat at = fl_seat_on(r, np, nodes, node_of);
        add_rank(x, &at, p);
    }
    fl_free(node_of);
}
