/* frost.h: what crosses the frost line, kept: a row of features per input, so that the static part
 * of the net runs once per input and not once per epoch. */
#ifndef FROSTLINE_FROST_H
#define FROSTLINE_FROST_H

#include "frostline/base.h"

typedef enum fl_cache_dtype { FL_CACHE_FLOAT32, FL_CACHE_FLOAT16 } fl_cache_dtype;

typedef struct fl_cache_conf {
    int64_t rows;
    size_t width; /* floats a row */
    fl_cache_dtype dtype;
    uint64_t key;   /* what the features are features of */
    bool checksums; /* the memory may be damaged between runs: it is a file */
} fl_cache_conf;

/* A table of rows in memory that several processes may share. Each row carries a mark: 0 while it
 * is absent, else its checksum (or 1 without checksums). */
typedef struct fl_cache fl_cache;

size_t fl_cache_row_bytes(const fl_cache_conf *conf); /* of one row */
size_t fl_cache_bytes(const fl_cache_conf *conf);     /* of memory for the table */

/* A table in `memory` (fl_cache_bytes, borrowed, zeroed or left by an earlier table). One with
 * another conf or a damaged head is emptied. With `checksums` every row that is there is checked,
 * and a damaged one becomes absent. Only one process may pass `first`, before the others open. */
fl_cache *fl_cache_open(void *memory, const fl_cache_conf *conf, bool first);
void fl_cache_close(fl_cache *c); /* NULL is allowed; the memory stays */

const fl_cache_conf *fl_cache_conf_of(const fl_cache *c);
bool fl_cache_has(const fl_cache *c, int64_t row);
int64_t fl_cache_count(const fl_cache *c); /* rows that are there */

/* n of a row's floats, from `at` on. A float16 keeps the nearest value that it has: three digits,
 * and finite values at most 65504 in magnitude. A row is whole, for all processes, once it is
 * marked. */
void fl_cache_put(fl_cache *c, int64_t row, size_t at, const float *v, size_t n);
void fl_cache_get(const fl_cache *c, int64_t row, size_t at, float *v, size_t n);
void fl_cache_mark(fl_cache *c, int64_t row);
/* A row as it lies there, fl_cache_row_bytes: to be copied to or from a table with the same conf.
 */
void *fl_cache_row(fl_cache *c, int64_t row);

#endif
