/* Threads of a rank: OMP_NUM_THREADS if it is set; else the cores that mpirun or Slurm bound this
 * rank to, or its share of the node's where it is not bound; fewer for a net that has too little
 * work. */
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "frostline/log.h"
#include "train/session.h"

static int cores_allowed(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

static int at_least_one(int n) {
    return n > 1 ? n : 1;
}

static int asked_for(void) {
    const char *asked = getenv("OMP_NUM_THREADS");
    return asked && atoi(asked) > 0 ? atoi(asked) : 0;
}

static int threads_of(int allowed, int online, int ranks) {
    if (asked_for()) return asked_for();
    bool bound = allowed < online;
    return at_least_one(bound ? allowed : allowed / ranks);
}

static void choose(fl_comm *c, const fl_reduce_conf *conf, int most) {
    int online = (int)sysconf(_SC_NPROCESSORS_ONLN), ranks = fl_comm_node_size(c),
        allowed = cores_allowed();
    int threads = threads_of(allowed, online, ranks);
    if (!asked_for() && threads > most) threads = most;
    fl_blas_set_threads(threads);
    fl_blas_same_bits(conf->reproducible == FL_REPRODUCIBLE_RANKS);
    if (threads > allowed || threads * ranks > online)
        fl_warn("%d rank%s of %d thread%s want more than the %d cores of this node (%d allowed to "
                "rank 0); it works, but slower",
                ranks, ranks > 1 ? "s" : "", threads, threads > 1 ? "s" : "", online, allowed);
}

void fl_threads_choose(fl_comm *c, const fl_reduce_conf *conf) {
    choose(c, conf, INT_MAX);
}

/* With less for each, threads wait for each other longer than they save, and where another process
 * wants a core too, for many times as long. */
static const double least_flops = 4e6;

void fl_threads_choose_for(fl_comm *c, const fl_experiment *x) {
    double flops = 0, share = (double)(fl_comm_size(c) * x->train.accumulation);
    for (int l = 0; l < x->model->n_layers; l++) {
        const fl_layer_plan *p = &x->model->layer[l].plan;
        flops += p->flops + p->flops_dx + p->flops_dw;
    }
    double threads = flops * (double)x->train.batch_size / share / least_flops;
    choose(c, &x->reduce, threads < 1 ? 1 : threads < INT_MAX ? (int)threads : INT_MAX);
}
