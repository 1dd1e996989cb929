/* schedule.h: the order in which layers run, and where in the arena everything they touch lies. */
#ifndef FROSTLINE_PLAN_SCHEDULE_H
#define FROSTLINE_PLAN_SCHEDULE_H

#include "frostline/plan.h"

#define FL_NOWHERE SIZE_MAX

typedef struct fl_layer_memory { /* bytes from the arena's start, or FL_NOWHERE */
    size_t out, dout, saved, forward_work, backward_work;
    int zeroed_by; /* the layer whose backward is the first to add to dout and so clears it before
                    */
} fl_layer_memory;

struct fl_schedule {
    int n, n_static; /* layers that run; order[0 … n_static) are static, the others live */
    int *order;      /* forward; backward is the live part reversed */
    fl_layer_memory *at;
    size_t arena_bytes;
};

/* Orders the layers and places their memory for p->rows rows. FL_ERR_IO if a size overflows. */
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
