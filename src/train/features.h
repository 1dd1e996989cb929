/* features.h: the kept features of a session's data sets; internal to this room. */
#ifndef FROSTLINE_TRAIN_FEATURES_H
#define FROSTLINE_TRAIN_FEATURES_H

#include "frostline/data.h"
#include "train/session.h"

typedef struct fl_features { /* of one set; all zero: none are kept */
    fl_comm *comm;
    fl_shared *shared;
    fl_cache *cache;
    bool needs_input; /* a live layer reads the net's input itself */
} fl_features;

/* Collective. Opens tables for the sets of `data`, where `data.cache_features` wants them and they
 * fit; what is open and still holds for s stays. FL_ERR_CONFIG if what was asked for
 * cannot be, FL_ERR_IO if there is no room; left to `auto`, the run then goes on without. */
fl_status fl_features_keep(fl_session *s, const fl_data *data, fl_features *training,
                           fl_features *validation);
void fl_features_close(fl_features *f); /* collective */

/* Collective. Before the rows of `loader` go through the engine: rows that other nodes hold are
 * fetched, the engine takes from f what is there, and the loader leaves out inputs that nobody will
 * read. */
void fl_features_use(const fl_features *f, fl_engine *engine, fl_loader *loader);

/* Collective, exchange.c. Afterwards each node's table holds the rows that any had. */
void fl_features_exchange(const fl_features *f);

#endif
