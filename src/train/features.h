/* features.h: the kept features of a session's data sets; internal to this room. */
#ifndef FROSTLINE_TRAIN_FEATURES_H
#define FROSTLINE_TRAIN_FEATURES_H

#include "frostline/data.h"
#include "train/session.h"

typedef struct fl_features { /* of one set; all zero: none are kept */
    fl_shared *shared;
    fl_cache *cache;
    int64_t rows;
    bool needs_input; /* a live layer reads the net's input itself */
} fl_features;

/* How `data.cache_features` is carried out for these sets. */
typedef enum fl_feature_place {
    FL_FEATURES_OFF,
    FL_FEATURES_MEMORY,
    FL_FEATURES_DISK
} fl_feature_place;

/* Collective. Decides where the features of all sets together are kept; says why not, where that
 * was left to `auto`. FL_ERR_CONFIG if what was asked for cannot be. `bytes` of all sets on one
 * node. */
fl_status fl_features_decide(const fl_session *s, size_t bytes, fl_feature_place *out);

/* Left to `auto`: where there is no room, the run goes on without. */
bool fl_features_optional(const fl_experiment *x);

/* Bytes that the features of a set take on each node; 0 for no set. */
size_t fl_features_bytes(const fl_session *s, const fl_dataset *set);

/* Collective. Opens the table of a set (NULL: nothing happens) named "training" or "validation". */
fl_status fl_features_open(const fl_session *s, fl_feature_place place, const fl_dataset *set,
                           const char *name, fl_features *out);
void fl_features_close(fl_features *f); /* collective */

/* Collective. Before the rows of `loader` go through the engine: it takes from f what is there, and
 * the loader leaves out inputs that nobody will read. */
void fl_features_use(const fl_features *f, fl_engine *engine, fl_loader *loader);

#endif
