/* schedule.h: the order in which layers run, and where in the arena everything they touch lies. */
#ifndef FROSTLINE_PLAN_SCHEDULE_H
#define FROSTLINE_PLAN_SCHEDULE_H

#include "plan/fuse.h"

#define FL_NOWHERE SIZE_MAX

typedef struct fl_layer_memory { /* bytes from the arena's start, or FL_NOWHERE */
    size_t out, dout, saved, forward_work, backward_work;
    int zeroed_by; /* the layer whose backward is the first to add to dout and so clears it before
                    */
} fl_layer_memory;

typedef struct fl_segment { /* static layers that a few rows at a time go through */
    int first, end;         /* in order */
    int rows;               /* at most, at a time */
} fl_segment;

struct fl_schedule {
    int n, n_static;     /* layers that run; order[0 … n_static) are static, the others live */
    int *order;          /* forward; backward is the live part reversed */
    fl_segment *segment; /* of the static part */
    int n_segments;
    int *segment_of; /* static layer → its segment; -1: live */
    bool *whole;     /* layer → its output is kept for all rows of a call */
    fl_layer_memory *at;
    fl_chain *chain;         /* static layers that run as one, in place of their head */
    int n_chains, *chain_of; /* layer → its chain, if it is the head of one, or -1 */
    fl_conv_choice *conv;    /* per layer: what runs a convolution that is in no chain */
    int *handed; /* live layer → the one whose activation it takes back along with its own work, or
                    -1 */
    int *behind;          /* live layer → the relu behind it that it does along, or -1 */
    size_t packed_floats; /* of the chains' weights */
    size_t arena_bytes;
};

/* The layer whose output the run of layer l (of order) leaves. */
int fl_schedule_output(const struct fl_schedule *s, int l);
/* The rows that layer l would like to be given at a time, were it the only static one. */
int fl_segment_rows(const fl_plan *p, int l);
/* Cuts the ordered static part into segments, and marks what is kept whole. */
void fl_schedule_cut(const fl_plan *p, struct fl_schedule *s);
/* Most rows that one call brings to layer l. */
int fl_schedule_rows(const fl_plan *p, int l);

/* Max pooling picks some of its input's values, so the derivative of an activation right before it
 * may as well be applied to what was picked: the layer whose activation live layer l goes back
 * through in this way, or -1. That layer's output is then not needed again. */
int fl_activation_before(const fl_plan *p, int l);

/* The layer behind live layer l that is a relu and nobody else reads: l does it along, so that only
 * its output is there; or -1. */
int fl_activation_behind(const fl_plan *p, int l);

/* Orders the layers and places their memory for p->rows rows; out is p's own schedule. FL_ERR_IO
 * if a size overflows. */
fl_status fl_schedule_open(const fl_plan *p, struct fl_schedule **out);
void fl_schedule_close(struct fl_schedule *s);

/* Whether a training step calls the layer as `training`. A static or frozen one behaves as in
 * inference; a dropout that is merely named by a freeze rule, and lies above something that trains,
 * still drops, as in Keras: only parameters freeze. */
static inline bool fl_layer_trains(const fl_model_layer *layer) {
    return !layer->is_static && (layer->n_params == 0 || layer->trainable);
}

/* A block of memory that is in use from tick `from` to tick `to`, both included. */
typedef struct fl_block {
    size_t bytes, at;
    int from, to;
    size_t *where; /* receives at */
} fl_block;

/* Gives every block an address so that blocks in use at the same tick never overlap; returns the
 * bytes that all need together. Largest first, each at the lowest gap that takes it (as in
 * Pisarchyk & Lee 2020). */
size_t fl_blocks_place(fl_block *blocks, int n);

/* Where parameters lie, and what is reduced together; plan.c calls them in this order. */
void fl_plan_place(fl_plan *p);
void fl_plan_cut_buckets(fl_plan *p);

#endif
