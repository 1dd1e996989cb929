/* plan.h: everything that is decided before step 0: where each parameter lies, what runs and in
 * which order, in what memory, and what is reduced in which bucket. What the plan prints is what
 * the engine runs. */
#ifndef FROSTLINE_PLAN_H
#define FROSTLINE_PLAN_H

#include "frostline/freeze.h"
#include "frostline/frost.h"

/* ---- the config's section `kernels` ---- */

/* Names of all that may run a convolution, in the order of the choices; the last two are the plain
 * ways of a table (fl_kernels.plain). */
#define FL_CONV_CHOICES "auto|winograd4|winograd7|implicit|gemm|direct|im2col|loops"
#define FL_CONV_ALGORITHMS                                                                         \
    "auto", "winograd4", "winograd7", "implicit", "gemm", "direct", "im2col", "loops"

enum { FL_PRECISION_FLOAT32, FL_PRECISION_BF16 };
#define FL_PRECISION_CHOICES "float32|bf16"

typedef struct fl_kernels_way { /* indices of choices; -1: not said */
    int pass[FL_PASSES], precision;
} fl_kernels_way;

typedef struct fl_kernels_conf {
    fl_kernels_way way; /* of all convolutions */
    fl_node *rules;     /* [{layers: [globs], conv: …}] */
} fl_kernels_conf;
extern const fl_field fl_kernels_fields[];

/* What the section asks of each layer (out, one per layer of the model), with these kernels. An
 * algorithm that they lack or that does not fit the layer, a pattern that means no convolution, and
 * bf16 where the machine has none are errors, recorded at their place; a message names what fits.
 */
fl_status fl_kernels_settle(const fl_kernels_conf *conf, const fl_node *section, const fl_model *m,
                            const fl_kernels *k, fl_conv_setting *out);

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

typedef struct fl_memory { /* bytes that a training run holds, per rank unless said otherwise */
    size_t trainable, optimizer; /* per node, whose ranks share them and update a part each */
    size_t gradients, state;     /* of the parameters; running statistics */
    size_t activations;          /* one arena: outputs, their gradients, what is saved, scratch */
    size_t batches;              /* what the loaders read ahead */
    size_t data;                 /* samples held in memory; 0 before the data are known */
    size_t reducer;              /* scratch of the reduction */
    size_t program;              /* of each process beside the above: FL_PROGRAM_BYTES */
    size_t program_shared;       /* per node: of program and libraries, which ranks share */
    size_t frozen_shared;        /* per node: frozen weights that a step reads as they are */
    size_t frozen_on_disk; /* per node: frozen weights that are all packed (fl_plan_packs_all) */
    size_t packed_shared;  /* per node: frozen weights as the static part's kernels want them */
} fl_memory;

typedef struct fl_feature_plan { /* what crosses the frost line, as it is to be kept on each node */
    const char *place;  /* "memory", "disk", "off"; "auto": decided when the run starts; NULL: not
                           worked out */
    const char *reason; /* why it is off, or NULL */
    const char *dtype;
    int64_t rows, variants, validation_rows; /* rows 0: unknown */
    size_t row_bytes;                        /* of one input of one row */
    size_t bytes;                            /* of the tables of both sets */
} fl_feature_plan;

typedef struct fl_bytes {   /* moved by the sum of gradients and the publication of weights: */
    double mpi, node, link; /* handed to MPI; between ranks of a node; on the link */
    double sent;            /* of those on the link, what is no header */
} fl_bytes;

typedef struct fl_traffic_plan { /* of one step */
    int nodes;                   /* that the ranks are spread over; 0: not worked out */
    const char *reducer;
    fl_bytes *bucket;             /* (n_buckets): by all ranks together */
    fl_bytes all, all_unfrozen;   /* likewise all buckets; with nothing frozen */
    fl_bytes rank, rank_unfrozen; /* the same by the rank that moves most, each by itself */
} fl_traffic_plan;

typedef struct fl_cost { /* seconds of one step, as the cost model has it (cost.h) */
    bool known;
    char network[64]; /* between nodes; "": there is but one */
    double data;      /* reading and preparing rows, where no core is idle */
    double fixed;     /* the static part */
    double ahead;     /* of it, beside the gradients of the step before */
    double forward, backward, update, other;
    double reduce;         /* the sums and publications, were nothing else done */
    double reduce_exposed; /* of it, what nothing else hides */
    double step;
    double cached_step; /* once all features are kept: nothing static, nothing read; 0: they are
                           not to be */
    double *ready;      /* (n_buckets): since backward began */
} fl_cost;

/* Measured: an idle rank under Open MPI 4.1 and OpenBLAS, and what the ranks of a node share of it.
 */
enum { FL_PROGRAM_BYTES = 5500000, FL_PROGRAM_SHARED_BYTES = 5500000 };

typedef struct fl_plan_conf {
    int np;             /* ranks */
    int64_t batch_size; /* global */
    int64_t accumulation;
    int parts; /* that a micro-batch is cut into, each a call of its own; 0: one a rank */
    int calls; /* the most of them that a rank has; 0: 1 */
    size_t bucket_bytes;
    int optimizer_slots;         /* floats of state per trainable parameter */
    const fl_kernels *kernels;   /* that will run it; NULL: the reference */
    const fl_conv_setting *conv; /* per layer, as fl_kernels_settle left them; borrowed; NULL: all
                                    as the plan likes */
    size_t part_bytes; /* of what one static layer reads and leaves for the rows of a part; 0: as
                          suits the caches of today's machines */
    size_t kept_bytes; /* of packed weights that stay in the cache from part to part; 0: likewise */
    int batches;       /* that the loaders of a rank hold, of `rows` rows each */
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
    size_t feature_width;     /* floats per row that cross the frost line; 0: nothing is static */
    bool live_reads_input;    /* a live layer takes the net's input itself */
    fl_feature_plan features; /* the run's own: fl_experiment_features */
    fl_traffic_plan traffic;  /* likewise: fl_experiment_traffic */
    fl_cost cost;             /* likewise: fl_cost_of */
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
size_t fl_plan_memory_per_node(const fl_plan *p); /* what its ranks share, features included */
uint64_t fl_plan_hash(
    const fl_plan *p); /* freeze mask, places, buckets: equal on all ranks, or nothing starts */
/* "fc1.weight @0+64 …" one line per parameter and bucket: what fl_plan_hash hashes; caller frees.
 */
char *fl_plan_text(const fl_plan *p);

/* Name of what runs a pass of a layer: "winograd4", … for a convolution, "dense" or "gemm", …;
 * "fused" where the layer before does its work; "" for the layer's own way, or if the pass is not
 * run. */
const char *fl_plan_algorithm(const fl_plan *p, int layer, fl_pass pass);

/* ---- running it ---- */

/* Floats of the static part's packed weights, and packing them from the parameters' values as they
 * are now: part `part` of `parts`, which are about equal. */
size_t fl_plan_packed_floats(const fl_plan *p);
/* Whether all that is frozen is packed, so that no step reads it where it lies. */
bool fl_plan_packs_all(const fl_plan *p);
void fl_plan_pack(const fl_plan *p, float *packed, int part, int parts);

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

/* From now on the static part of a row (b->input of `features`) is run once and then taken from
 * there; NULL: always run. To be called first before step 0, for it allocates. Rows that are there
 * need no b->x, unless a live layer reads the net's input. */
void fl_engine_use_features(fl_engine *e, fl_cache *features);
/* Rows whose static part was taken from the features, and rows in all, since the last call. */
void fl_engine_take_hits(fl_engine *e, int64_t *hits, int64_t *rows);

/* Static part, then live part. Training: batch statistics, dropout. Returns the logits (rows,
 * outputs), valid until the next call. Every rank calls, also with 0 rows. */
const float *fl_engine_forward(fl_engine *e, const fl_batch *b, bool training, int64_t epoch);
/* The static part of the batch that fl_engine_forward is to be called with next, and then does not
 * run again: it waits for no update. After the backward of the batch before, whose outputs go. */
void fl_engine_run_ahead(fl_engine *e, const fl_batch *b);
/* The gradient of the loss in the logits, to be filled before fl_engine_backward: (rows, outputs).
 */
float *fl_engine_logits_gradient(fl_engine *e);
/* Adds to the gradients, or after a `last` call (the last micro-batch of a step) begins them anew;
 * calls `ready` for each bucket if `last`. */
void fl_engine_backward(fl_engine *e, bool last);
/* Seconds spent in the static part, in live forward and in backward since the last call; then set
 * to 0. */
void fl_engine_take_times(fl_engine *e, double *fixed, double *forward, double *backward);

#endif
