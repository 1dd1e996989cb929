/* dataset.h: what a format is. It opens the rows that a config names and delivers them raw, one at
 * a time; order, selection, preparation and batches are the same for all formats and none of their
 * business. */
#ifndef FROSTLINE_DATA_DATASET_H
#define FROSTLINE_DATA_DATASET_H

#include "data/image.h"
#include "frostline/data.h"

typedef struct fl_source fl_source; /* the rows of one set, as its format found them */

typedef struct fl_source_conf {
    fl_node *node;    /* the value of `train` or `validation` */
    const char *role; /* "train" or "validation" */
    fl_shape input;   /* of the net */
    uint64_t seed;
    const fl_source
        *train; /* the training set, opened before; NULL for itself and if there is none */
} fl_source_conf;

struct fl_dataset_ops {
    const char *name;
    bool ids_from_train; /* which classes there are is told by the training set, not by the file:
                            it is opened for a validation set alone, too */
    /* Fills in *s (rows, shape, …). Config errors are recorded at conf->node, bad files are
     * FL_ERR_INPUT. What it has allocated when it fails is freed by close. */
    fl_status (*open)(const fl_source_conf *conf, fl_source *s);
    /* Row i as pixels or values. Thread-safe: all scratch is in *image. */
    fl_status (*read)(const fl_source *s, int64_t i, fl_image *image);
    void (*close)(fl_source *s); /* frees s->state, which may be NULL */
};

struct fl_source {
    const fl_dataset_ops *ops;
    int users; /* sets that share it */
    int64_t rows;
    bool pixels;    /* rows are 8-bit images; else floats */
    fl_shape shape; /* of a row; n = 0: images of various sizes */
    fl_target target;
    int32_t *label;    /* (rows), or NULL */
    float *vector;     /* (rows, outputs), or NULL */
    int classes;       /* or outputs */
    char **class_name; /* (classes), or NULL */
    uint64_t hash;     /* of format, file names, sizes, labels */
    uint64_t stamp;    /* of paths and times of the files: fl_dataset_stamp */
    size_t bytes;      /* of memory, beside state's files that are mapped */
    void *state;       /* the format's own */
};

fl_status fl_source_open(const fl_dataset_ops *ops, const fl_source_conf *conf, fl_source **out);
void fl_source_close(fl_source *s); /* once for each user */

extern const fl_dataset_ops *const fl_dataset_formats[];

/* ---- for the formats ---- */

/* The text of a scalar, or an error at it that says it should be `what`. */
fl_status fl_source_path(const fl_node *n, const char *what, const char **path);

/* Takes rows class ids from wide and counts the classes; `path` for messages. */
fl_status fl_source_set_labels(fl_source *s, const char *path, const int64_t *wide, int64_t rows);

/* Mixes the last part of a path, then `n` bytes, into s->hash. Of over 64 MiB only the first and
 * the last 32 count. */
void fl_source_hash(fl_source *s, const char *path, const void *bytes, size_t n);

/* Mixes the absolute path and the time of change of a file or folder, if it exists, into s->stamp.
 * Those that the config names are stamped before the format opens them. */
void fl_source_stamp(fl_source *s, const char *path);

/* A whole file, plain or gzip-compressed, told apart by content; caller frees out->s. */
fl_status fl_data_read_file(const char *path, fl_text *out);

#endif
