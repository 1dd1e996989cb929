/* set.h: the inside of fl_dataset: chosen rows of a source, with their labels and their
 * preparation. */
#ifndef FROSTLINE_DATA_SET_H
#define FROSTLINE_DATA_SET_H

#include "data/prepare.h"

struct fl_dataset {
    fl_source *source; /* may be shared by both sets */
    fl_prep prep;
    bool shuffle;
    int64_t variants; /* augmented inputs of a row; FL_NONE: a new one each epoch */
    int64_t rows;
    int64_t *row;      /* (rows): in the source */
    int32_t *label;    /* (rows): after renumbering; or NULL */
    int classes;       /* after the choice; or outputs */
    char **class_name; /* (classes), each may be NULL */
};

/* Raw row i of the set, into work->raw. */
fl_status fl_dataset_read(const fl_dataset *d, int64_t i, fl_work *work);

/* ---- which rows (choose.c) ---- */

/* The rows of the classes that `conf` keeps, renumbered; `like` decides which classes there are.
 * Errors are recorded in section. */
fl_status fl_set_choose(fl_dataset *d, const fl_data_conf *conf, const fl_node *section,
                        const fl_source *like);

/* Of two sets with the same rows, leaves validation the last floor(share · n) of a permutation from
 * the seed, and train the others. False if that is all or nothing. */
bool fl_set_split(fl_dataset *train, fl_dataset *validation, double share, uint64_t seed);

/* Leaves the first `limit` of a permutation from the seed, so that the classes stay mixed. */
void fl_set_limit(fl_dataset *d, int64_t limit, uint64_t seed);

void fl_set_close(fl_dataset *d);

#endif
