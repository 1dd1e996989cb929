/* data.h: samples, their order, their preparation, and batches. Knows nothing of ranks beyond two
 * ints. A format is one file in src/data and one line in datasets.def. */
#ifndef FROSTLINE_DATA_H
#define FROSTLINE_DATA_H

#include "frostline/field.h"
#include "frostline/tensor.h"

typedef enum fl_cache_features {
    FL_CACHE_AUTO,
    FL_CACHE_OFF,
    FL_CACHE_MEMORY,
    FL_CACHE_DISK
} fl_cache_features;

typedef struct fl_data_conf {
    int format; /* index into the registry */
    fl_node *train, *validation;
    int64_t image_size[2]; /* H, W; FL_NONE: the model's input */
    fl_node *normalize;    /* scale | imagenet | none | {mean: [], std: []} */
    fl_node *augment;      /* {horizontal_flip, random_crop: {padding}, random_resized_crop: {scale,
                              ratio}} */
    int resize;            /* how an image of another size gets to image_size: see fl_data_fields */
    fl_strings
        class_names; /* of all classes, before `classes` chooses; empty: as the format knows */
    fl_ints classes; /* keep these, renumbered in this order; empty: all */
    int64_t limit;   /* rows of the training set; FL_NONE: all */
    bool shuffle;
    int cache_features;     /* fl_cache_features */
    int64_t cache_variants; /* augmented inputs of a sample; FL_NONE: a new one each epoch */
    int cache_dtype;        /* float32 | float16 */
    int on_bad_image;       /* error | skip */
} fl_data_conf;
extern const fl_field fl_data_fields[];

typedef struct fl_dataset fl_dataset; /* rows of one set, prepared for a net's input */

typedef enum fl_target { FL_TARGET_CLASS, FL_TARGET_VECTOR, FL_TARGET_NONE } fl_target;

typedef struct fl_data {
    fl_dataset *train,
        *validation; /* either may be NULL where it was not asked for or not configured */
} fl_data;

enum { FL_DATA_TRAIN = 1, FL_DATA_VALIDATION = 2 };

/* Opens the sets named by `which` (a mask) and checks all that can be checked without decoding
 * images: paths, sizes, labels, counts. `input` is the net's. `seed` decides a validation split.
 * Errors in the config are recorded at their place in `section`; bad files are FL_ERR_INPUT. Not
 * collective: every rank opens its own. */
fl_status fl_data_open(const fl_data_conf *conf, fl_node *section, fl_shape input, uint64_t seed,
                       int which, fl_data **out);
void fl_data_close(fl_data *d);
size_t fl_data_bytes(const fl_data *d); /* of memory that its sets hold; NULL is allowed */

int64_t fl_dataset_rows(const fl_dataset *d);
fl_target fl_dataset_target(const fl_dataset *d);
/* How many different inputs the rows bring in all epochs together: one each, or when training with
 * augmentation `cache_variants` each; 0 if there is no end to them. */
int64_t fl_dataset_inputs(const fl_dataset *d, bool training);
/* Whether inputs of this section come again, so that their features can: fl_dataset_inputs is not
 * 0. */
bool fl_data_inputs_return(const fl_data_conf *c);
int fl_dataset_classes(const fl_dataset *d); /* classes, or length of a target vector */
const char *fl_dataset_class_name(const fl_dataset *d, int c); /* NULL if it has no name */
uint64_t fl_dataset_hash(const fl_dataset *d); /* of the list of samples, labels, preparation */
/* Of the paths and times of its files: changes whenever a file of the set was touched; differs
 * between nodes. */
uint64_t fl_dataset_stamp(const fl_dataset *d);

int fl_dataset_label(const fl_dataset *d, int64_t row); /* class id, or -1 if rows have none */
/* Writes the pixels of a row, before any preparation, as a PNG file. FL_ERR_CONFIG if rows are no
 * images. */
fl_status fl_dataset_write_picture(const fl_dataset *d, int64_t row, const char *path);

/* Decodes rows lo … hi-1 and sets bad[i - lo] = 1 for each that cannot be; returns how many. For
 * `on_bad_image: skip`, so that all ranks then drop the same rows: bad has one byte per row of the
 * set. */
int64_t fl_dataset_check(fl_dataset *d, int64_t lo, int64_t hi, uint8_t *bad);
void fl_dataset_drop(fl_dataset *d, const uint8_t *bad);

/* Prepares one image file as the validation rows of a config are, for a net with this input: x has
 * fl_shape_size(input) floats. */
fl_status fl_data_read_image(const fl_data_conf *conf, fl_node *section, fl_shape input,
                             const char *path, float *x);

typedef struct fl_batch { /* one part's rows of a global micro-batch; owned by the loader, until its
                             next call */
    int64_t step_rows; /* rows of the whole step, over all ranks and micro-batches: the loss divides
                          by it */
    int64_t global_rows;   /* rows of this micro-batch over all ranks */
    int nth;               /* of this rank's parts that it belongs to, from 0 */
    int64_t first;         /* position of its first row in the micro-batch */
    int rows;              /* may be 0 */
    bool last;             /* the last micro-batch of its step and part */
    int64_t step;          /* within the epoch, from 0 */
    const float *x;        /* (rows, input), or NULL: fl_loader_skip_inputs */
    const int32_t *label;  /* (rows), or NULL */
    const float *target;   /* (rows, outputs), or NULL */
    const int64_t *sample; /* (rows): ids in the set */
    const int64_t *input;  /* (rows): which of fl_dataset_inputs x is; where these have no end, the
                              sample */
    fl_status status;      /* a row that could not be read: rows is then 0 and message says which */
    const char *message;   /* for fl_fail_text */
} fl_batch;

typedef struct fl_loader_conf {
    int rank, size;
    int64_t batch_size;   /* global */
    int64_t accumulation; /* micro-batches per step */
    bool training; /* shuffled (if the config says so) and augmented; else in order and plain */
    uint64_t seed;
    int prefetch; /* batches prepared ahead on a thread; 0: none, in the caller */
    int parts;    /* of the `size` parts of a micro-batch, those from `rank` on; 0: 1 */
} fl_loader_conf;

typedef struct fl_loader fl_loader;

/* Row r of global batch b is sample order[b * batch_size + r], order a function of (seed, epoch).
 * Each micro-batch is cut into `size` contiguous parts whose lengths differ by at most one. The
 * last, smaller batch is served too. A step brings all micro-batches of the first part, then those
 * of the next. */
fl_status fl_loader_open(const fl_dataset *d, const fl_loader_conf *conf, fl_loader **out);
void fl_loader_close(fl_loader *l);
int64_t fl_loader_steps(const fl_loader *l); /* steps of one epoch */
int fl_loader_max_rows(const fl_loader *l);  /* most rows that a batch brings to this rank */
/* From the next start on, batches bring no x (it is NULL) and no row is read: for epochs whose
 * features are kept. */
void fl_loader_skip_inputs(fl_loader *l, bool skip);
void fl_loader_start(fl_loader *l, int64_t epoch, int64_t first_step);
const fl_batch *fl_loader_next(fl_loader *l); /* NULL at the end of the epoch */

typedef struct fl_dataset_ops fl_dataset_ops; /* src/data/dataset.h */
const char *const *fl_datasets_all(void);     /* names of the formats; NULL-terminated */

#endif
