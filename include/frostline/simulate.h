/* simulate.h: what a training step would take on more ranks than there are. The computing is given;
 * the communication is that of this program (src/comm, compiled once more), over a network that
 * SimGrid's SMPI models (Degomme et al., "Simulating MPI Applications: The SMPI Approach", IEEE
 * TPDS 2017). One rank a node, each with a link of its own to one switch that is never the
 * bottleneck. Of an fl_network the latency and the rate count. One process calls. */
#ifndef FROSTLINE_SIMULATE_H
#define FROSTLINE_SIMULATE_H

#include "frostline/cost.h"
#include "frostline/tensor.h"
#include "frostline/traffic.h"

/* ---- what every rank does in a step ---- */

typedef enum fl_way { FL_WAY_BLOCKING, FL_WAY_OVERLAP, FL_WAY_TREE, FL_WAY_SHARDED } fl_way;
extern const char fl_way_names[]; /* "blocking|overlap|…", as the reducers are called */

typedef struct fl_script {
    int np, steps;
    fl_way way;
    fl_wire wire;
    double before_seconds; /* data, static part, live forward: before backward begins */
    double backward_seconds;
    double ahead_seconds;           /* of before_seconds, what runs while gradients travel; 0: none.
                                     * The ways that do not travel then, pass over it */
    double update_seconds;          /* of what a rank updates */
    double memory_bytes_per_second; /* at which a rank adds and copies what travels */
    int n_buckets;
    fl_span *bucket;       /* in the order in which they become ready; owned */
    double *ready_seconds; /* of each, since backward began; owned */
} fl_script;

/* {"np", "steps", "reducer", "allreduce_dtype", "before_seconds", "buckets": [{"floats",
 * "ready_seconds"}, …], "backward_seconds", "ahead_seconds", "update_seconds",
 * "memory_bytes_per_second"}; what is left out: 1 step, overlap, float32, 0 s, 10^10 B/s. np,
 * buckets and their floats must be there; nothing else may. FL_ERR_INPUT names the key and what it
 * may be. Close on success alone. */
fl_status fl_script_read(const char *path, fl_script *out);
char *fl_script_json(const fl_script *s); /* what fl_script_read reads; caller frees */
void fl_script_close(fl_script *s);

/* ---- the simulation ---- */

typedef struct fl_simulated { /* of a step: means */
    double step_seconds;
    double exposed_seconds;      /* mean over the ranks of what they wait for sums */
    double sent_bytes, messages; /* by all ranks together, */
    double foretold_sent_bytes, foretold_messages; /* and what the formulas say */
} fl_simulated;

/* FL_ERR_CONFIG, and how to get it, if this build cannot simulate or smpirun is not on the PATH. */
fl_status fl_simulate_ready(void);
/* Runs a script in processes of its own (process.h), with files in `dir`, which is there.
 * FL_ERR_INTERNAL, and SimGrid's words, if it fails; FL_ERR_STOPPED if a signal ended it. */
fl_status fl_simulate(const fl_script *s, const fl_network *n, const char *dir, fl_simulated *out);
/* {"np", …} with the script's names and those above; caller frees. */
char *fl_simulated_json(const fl_script *s, const fl_network *n, const fl_simulated *r);

#endif
