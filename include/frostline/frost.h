/* frost.h: what crosses the frost line, kept: a row of features per sample, so that the static part
 * of the net runs once per sample and not once per epoch. */
#ifndef FROSTLINE_FROST_H
#define FROSTLINE_FROST_H

#include "frostline/base.h"

/* A table of rows in memory that several processes may share. Each row carries a mark: 0 while it
 * is absent, else its checksum (or 1 where the memory cannot be damaged between runs). */
typedef struct fl_cache fl_cache;

/* Bytes of memory for `rows` rows of `width` floats. */
size_t fl_cache_bytes(int64_t rows, size_t width);

/* A table in `memory` (fl_cache_bytes, borrowed, zeroed or left by an earlier table). `key` says
 * what the features are features of: a table with another key, size or a damaged head is emptied.
 * With `checksums` every row that is there is checked, and a damaged one becomes absent. Only one
 * process may pass `first`, before the others open. */
fl_cache *fl_cache_open(void *memory, int64_t rows, size_t width, uint64_t key, bool checksums,
                        bool first);
void fl_cache_close(fl_cache *c); /* NULL is allowed; the memory stays */

bool fl_cache_has(const fl_cache *c, int64_t row);
int64_t fl_cache_count(const fl_cache *c); /* rows that are there */
/* The place of a row's features: `width` floats, to be filled before fl_cache_mark. */
float *fl_cache_row(fl_cache *c, int64_t row);
void fl_cache_mark(fl_cache *c, int64_t row);

#endif
