/* arena.h: carve one block into many. With base NULL it only counts, so that the same code first
 * measures and then places. */
#ifndef FROSTLINE_ARENA_H
#define FROSTLINE_ARENA_H

#include "frostline/base.h"

typedef struct fl_arena {
    char *base;       /* NULL while counting */
    size_t used, cap; /* bytes */
} fl_arena;

enum { FL_ALIGN = 64 }; /* a cache line, and an AVX-512 vector */

static inline size_t fl_align_up(size_t n) {
    return (n + FL_ALIGN - 1) / FL_ALIGN * FL_ALIGN;
}

/* The next `bytes`, aligned to FL_ALIGN; NULL while counting. Running past cap is our mistake. */
static inline void *fl_arena_take(fl_arena *a, size_t bytes) {
    size_t at = a->used;
    a->used += fl_align_up(bytes);
    if (!a->base) return NULL;
    FL_CHECK(a->used <= a->cap, "arena of %zu bytes is full", a->cap);
    return a->base + at;
}

#endif
