/* session.h: a plan come to life: the memory of one freeze phase, its engine, its reduction. A thaw
 * closes one session and opens the next, which takes over the values. */
#ifndef FROSTLINE_TRAIN_SESSION_H
#define FROSTLINE_TRAIN_SESSION_H

#include "frostline/train.h"

typedef struct fl_group { /* neighbouring trainable parameters that are updated alike */
    fl_span span;
    double rate_scale, decay_scale;
    int64_t born; /* steps that had been made when they began to train */
} fl_group;

typedef struct fl_session {
    fl_comm *comm;          /* borrowed */
    const fl_experiment *x; /* borrowed */
    fl_model *model;        /* borrowed */
    int phase;
    fl_plan *plan;
    fl_shared *frozen, *packed; /* packed: frozen weights as the static part's kernels want them */
    fl_window *trainable_window, *gradients_window; /* the weights: once a node */
    fl_window *slot_window[FL_MAX_SLOTS];           /* likewise */
    float *trainable, *state, *gradients, *slot[FL_MAX_SLOTS];
    float **value;        /* per parameter: where it lies */
    int64_t *born;        /* per parameter; 0 for those that do not train */
    uint64_t *hash;       /* per parameter: at fl_session_start, for frozen ones */
    uint64_t packed_hash; /* at fl_session_start, of this rank's part */
    int n_groups;
    fl_group *group;
    fl_reduce *reduce;
    fl_engine *engine;
} fl_session;

/* Collective. Bytes resident in all ranks now, those that they share counted once a node. */
double fl_resident_bytes(fl_comm *c);

enum {
    FL_READ_AHEAD = 2
}; /* batches that a training run's loaders prepare beside the one in use */

enum { FL_PHASE_INFERENCE = -1 }; /* nothing trains: no gradients, no optimizer state */

/* The spans of a plan's buckets; caller frees. */
fl_span *fl_phase_buckets(const fl_plan *p);

/* Collective. Plans the phase and places the parameters; their values are then to be filled in
 * (every param that is `writable`), by fl_session_fill or fl_session_carry. */
fl_status fl_session_open(fl_comm *c, const fl_experiment *x, int phase, fl_session **out);
/* Collective. FL_ERR_DISAGREE if this file (NULL: none) is not the same on every rank. */
fl_status fl_same_weights(fl_comm *c, const char *path);
/* Collective. Fills from the seed, then from the file `weights` (NULL: the seed alone). strict and
 * reinit as in fl_model_load. */
fl_status fl_session_fill(fl_session *s, const char *weights, bool strict,
                          const fl_strings *reinit);
/* Collective. Fills from a file that must hold every parameter of the net: a checkpoint, or a net
 * to predict with. */
fl_status fl_session_fill_all(fl_session *s, const char *weights);
/* Collective. Takes values, optimizer state and ages over from the session before. New ones are
 * born at `step`.
 */
void fl_session_carry(fl_session *s, const fl_session *old, int64_t step);
/* Collective. Seals and hashes what is frozen, opens engine and reduction. */
fl_status fl_session_start(fl_session *s);
/* Collective. FL_ERR_DISAGREE names a frozen parameter whose bytes are no longer those of the
 * start. */
fl_status fl_session_verify(const fl_session *s);
/* Collective. NULL is allowed. */
void fl_session_close(fl_session *s);

/* Collective. Gives all ranks the running statistics of rank 0: where a batch norm has `statistics:
 * rank` they drift apart, and what is evaluated and saved is to be one net. */
void fl_session_share_state(fl_session *s);

/* One optimizer step on all trainable parameters; `step` counts from 1. Where the
 * reducer shards, each rank makes that of what it owns: */
void fl_session_update(fl_session *s, double learning_rate, double gradient_scale, int64_t step);
/* … and then gives it to the others. Collective. */
void fl_session_publish(fl_session *s);
/* Collective. Gives every node the optimizer state of all; it keeps its share alone once it is told
 * to forget. */
void fl_session_gather_slots(const fl_session *s);
void fl_session_forget_slots(const fl_session *s);
/* Collective. The L2 norm of the whole reduced gradient. */
double fl_session_gradient_norm(const fl_session *s);
/* Every trainable and state value is finite. */
bool fl_session_finite(const fl_session *s);
/* Collective, after fl_session_start. Every rank has the same values, or FL_ERR_DISAGREE names the
 * parameter. */
fl_status fl_session_same(const fl_session *s, const char *what);

#endif
