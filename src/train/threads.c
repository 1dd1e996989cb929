/* Threads of a rank: OMP_NUM_THREADS if it is set; else the cores that mpirun or Slurm bound this
 * rank to, or its share of the node's where it is not bound. */
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

static int threads_of(int allowed, int online, int ranks) {
    const char *asked = getenv("OMP_NUM_THREADS");
    if (asked && atoi(asked) > 0) return atoi(asked);
    bool bound = allowed < online;
    return at_least_one(bound ? allowed : allowed / ranks);
}

void fl_threads_choose(fl_comm *c, const fl_reduce_conf *conf) {
    int online = (int)sysconf(_SC_NPROCESSORS_ONLN), ranks = fl_comm_node_size(c),
        allowed = cores_allowed();
    int threads = threads_of(allowed, online, ranks);
    fl_blas_set_threads(threads);
    fl_blas_same_bits(conf->reproducible == FL_REPRODUCIBLE_RANKS);
    if (threads > allowed || threads * ranks > online)
        fl_warn("%d rank%s of %d thread%s want more than the %d cores of this node (%d allowed to "
                "rank 0); it works, but slower",
                ranks, ranks > 1 ? "s" : "", threads, threads > 1 ? "s" : "", online, allowed);
}
