/* plan.h: everything that is decided before step 0: where each parameter lies, what runs and in
 * which order, in what memory, and what is reduced in which bucket. What the plan prints is what
 * the engine runs. */
#ifndef FROSTLINE_PLAN_H
#define FROSTLINE_PLAN_H

#include "frostline/freeze.h"
#include "frostline/frost.h"

typedef enum fl_region {                      /* where a parameter lies */
                         FL_REGION_TRAINABLE, /* weights that learn, in the order in which backward
                                                 finishes them */
                         FL_REGION_FROZEN,    /* read-only, one copy a node; also buffers of layers
                                                 that do not train */
                         FL_REGION_STATE, /* buffers that training updates: running statistics */
} fl_region;

typedef struct fl_place {
    fl_region region;
    fl_span span; /* in floats, in its region; for trainable ones also in gradients and optimizer
                     state */
} fl_place;

typedef struct fl_bucket {
    fl_span span; /* in the trainable region */
    int ready;    /* complete once backward has passed this layer */
    int n_layers;
    int *layer; /* whose parameters it holds, in their order in the bucket */
} fl_bucket;

typedef struct fl_plan_layer {
    bool is_static;  /* runs as inference, below the frost line */
    bool frost_line; /* static, and read by a live layer: this is what can be cached */
    fl_need need;
    size_t payload_bytes;             /* reduced for it each step */
    double flops, flops_dx, flops_dw; /* per row, as this plan runs them: 0 if not run */
} fl_plan_layer;

typedef struct fl_memory {                         /* bytes, per rank unless said otherwise */
    size_t trainable, gradients, optimizer, state; /* parameters and what belongs to them */
    size_t activations;   /* one arena: outputs, their gradients, what is saved, scratch */
    size_t frozen_shared; /* per node */
    size_t packed_shared; /* per node: frozen weights as the static part's kernels want them */
    size_t reducer;       /* scratch of the reduction */
} fl_memory;

typedef struct fl_plan_conf {
    int np;             /* ranks */
    int64_t batch_size; /* global */
    int64_t accumulation;
    size_t bucket_bytes;
    int optimizer_slots;       /* floats of state per trainable parameter */
    const fl_kernels *kernels; /* that will run it; NULL: the plain ones, nothing is fused */
    size_t reducer_floats; /* scratch of the reducer, per float of the largest bucket or so; may be
                              0 */
} fl_plan_conf;

typedef struct fl_plan {
    const fl_model *model; /* borrowed; must outlive the plan */
    fl_plan_conf conf;
    int rows;                              /* most rows that one call brings to one rank */
    fl_plan_layer *layer;                  /* one per layer of the model */
    fl_place *place;                       /* one per parameter of the model */
    size_t n_trainable, n_frozen, n_state; /* floats of the three regions */
    size_t n_unfrozen;                     /* floats that would be trainable with nothing frozen */
    int n_buckets;
    fl_bucket *bucket;
    size_t feature_width;  /* floats per row that cross the frost line; 0: nothing is static */
    bool live_reads_input; /* a live layer takes the net's input itself */
    fl_memory memory;
    struct fl_schedule *schedule; /* the engine's own: calls and addresses */
} fl_plan;

/* Pure: no communication. Plans for the model as fl_freeze_apply left it. FL_ERR_IO if the sizes
 * overflow. */
fl_status fl_plan_open(const fl_model *m, const fl_plan_conf *conf, fl_plan **out);
void fl_plan_close(fl_plan *p);

size_t fl_plan_payload_bytes(const fl_plan *p); /* one step */
size_t fl_plan_unfrozen_payload_bytes(const fl_plan *p);
/* What a bandwidth-optimal all-reduce sends from each rank: 2 (np-1)/np of the payload (Patarasuk &
 * Yuan 2009). */
size_t fl_plan_wire_bytes(const fl_plan *p, size_t payload);
size_t fl_plan_memory_per_rank(const fl_plan *p);
uint64_t fl_plan_hash(
    const fl_plan *p); /* freeze mask, places, buckets: equal on all ranks, or nothing starts */
/* "fc1.weight @0+64 …" one line per parameter and bucket: what fl_plan_hash hashes; caller frees.
 */
char *fl_plan_text(const fl_plan *p);

/* Name of what runs a layer: "winograd4", … for a convolution; "" for the layer's own way; "fused"
 * where the layer before does its work. Static layers only. */
const char *fl_plan_algorithm(const fl_plan *p, int layer);

/* ---- running it ---- */

/* Floats of the static part's packed weights, and packing them from the parameters' values as they
 * are now. */
size_t fl_plan_packed_floats(const fl_plan *p);
void fl_plan_pack(const fl_plan *p, float *packed);

typedef struct fl_batch fl_batch;

typedef struct fl_engine fl_engine; /* a plan with its memory */

typedef struct fl_engine_conf {
    const fl_kernels *kernels;
    const float *packed;                             /* fl_plan_pack; borrowed */
    float *gradients;                                /* the trainable region's twin; borrowed */
    void (*sum)(void *context, double *v, size_t n); /* over all ranks */
    void (*ready)(void *context, int bucket); /* a bucket's gradient is complete; may be NULL */
    void *context;
    uint64_t seed;
} fl_engine_conf;

/* Allocates the plan's arena; the parameters' values must be placed. After this nothing allocates.
 */
fl_status fl_engine_open(const fl_plan *p, const fl_engine_conf *conf, fl_engine **out);
void fl_engine_close(fl_engine *e);

/* From now on the static part of a row (a sample of `features`) is run once and then taken from
 * there; NULL: always run. To be called first before step 0, for it allocates. Rows that are there
 * need no b->x, unless a live layer reads the net's input. */
void fl_engine_use_features(fl_engine *e, fl_cache *features);
/* Rows whose static part was taken from the features, and rows in all, since the last call. */
void fl_engine_take_hits(fl_engine *e, int64_t *hits, int64_t *rows);

/* Static part, then live part. Training: batch statistics, dropout. Returns the logits (rows,
 * outputs), valid until the next call. Every rank calls, also with 0 rows. */
const float *fl_engine_forward(fl_engine *e, const fl_batch *b, bool training, int64_t epoch);
/* The gradient of the loss in the logits, to be filled before fl_engine_backward: (rows, outputs).
 */
float *fl_engine_logits_gradient(fl_engine *e);
/* Adds to the gradients; calls `ready` for each bucket if `last` (the last micro-batch of a step).
 */
void fl_engine_backward(fl_engine *e, bool last);
/* Seconds spent in the static part, in live forward and in backward since the last call; then set
 * to 0. */
void fl_engine_take_times(fl_engine *e, double *fixed, double *forward, double *backward);

#endif
