/* prepare.h: from a raw row to the floats that the net sees. */
#ifndef FROSTLINE_DATA_PREPARE_H
#define FROSTLINE_DATA_PREPARE_H

#include "data/dataset.h"
#include "frostline/rng.h"

typedef struct fl_augment { /* all zero: none */
    bool flip, resized_crop;
    int padding;               /* of the random crop */
    double scale[2], ratio[2]; /* of the resized crop: share of the area, width / height */
} fl_augment;

typedef struct fl_box { /* a part of an image */
    int top, left, h, w;
} fl_box;

bool fl_augment_any(const fl_augment *a);

/* What is drawn for one row, as a pure function of r: (seed, FL_STREAM_AUGMENT, epoch or variant,
 * sample). */
bool fl_augment_flip(const fl_rng *r);
void fl_augment_offset(const fl_rng *r, int padding, int *y, int *x); /* each 0 … 2 padding */
fl_box fl_augment_box(const fl_augment *a, const fl_rng *r, int h, int w);

enum { FL_RESIZE_STRETCH, FL_RESIZE_CROP };

typedef struct fl_prep { /* how rows are prepared */
    fl_shape input;      /* of the net */
    int h, w, c;         /* of an image, or of a row of floats; h·w·c = fl_shape_size(input) */
    int resize;
    float *mean, *std; /* (c) */
    float *table;      /* (256, c): pixel value → float; NULL if rows are floats */
    fl_augment augment;
} fl_prep;

typedef struct fl_work { /* scratch for one thread; start from {0} */
    fl_image raw;
    fl_buffer converted, resized;
    fl_resizer resizer;
} fl_work;

/* Works out the preparation of the rows of s for a net with this input, or of files of any size if
 * s is NULL. Errors are recorded in `section`. */
fl_status fl_prep_open(const fl_data_conf *conf, fl_node *section, fl_shape input,
                       const fl_source *s, fl_prep *p);
void fl_prep_close(fl_prep *p);
uint64_t fl_prep_hash(const fl_prep *p);

/* x (h, w, c) of work->raw; augmented if r is given. */
void fl_prep_row(const fl_prep *p, const fl_rng *r, fl_work *work, float *x);
void fl_work_close(fl_work *w);

/* ---- parts of fl_prep_open ---- */

fl_status fl_prep_augment(fl_node *augment, fl_augment *a); /* augment may be NULL */

#endif
