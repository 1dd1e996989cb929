/* Memory by liveness: blocks that are never in use at the same tick may share bytes. */
#include <stdlib.h>

#include "frostline/arena.h"
#include "plan/schedule.h"

static int larger_first(const void *a, const void *b) {
    const fl_block *x = *(fl_block *const *)a, *y = *(fl_block *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y);
}

static int lower_first(const void *a, const void *b) {
    const fl_block *x = *(fl_block *const *)a, *y = *(fl_block *const *)b;
    return (x->at > y->at) - (x->at < y->at);
}

static bool meet(const fl_block *a, const fl_block *b) {
    return a->from <= b->to && b->from <= a->to;
}

/* The lowest address at which `b` overlaps none of the placed blocks that it meets in time. */
static size_t lowest_gap(const fl_block *b, fl_block *const *placed, int n, fl_block **rivals) {
    int count = 0;
    for (int i = 0; i < n; i++)
        if (meet(b, placed[i])) rivals[count++] = placed[i];
    qsort(rivals, (size_t)count, sizeof *rivals, lower_first);
    size_t at = 0;
    for (int i = 0; i < count && rivals[i]->at < at + b->bytes; i++) {
        size_t end = rivals[i]->at + rivals[i]->bytes;
        if (end > at) at = end;
    }
    return at;
}

size_t fl_blocks_place(fl_block *blocks, int n) {
    fl_block **order = fl_alloc((size_t)(2 * n) * sizeof *order);
    for (int i = 0; i < n; i++) {
        order[i] = &blocks[i];
        blocks[i].bytes = fl_align_up(blocks[i].bytes);
    }
    qsort(order, (size_t)n, sizeof *order, larger_first);
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        fl_block *b = order[i];
        b->at = lowest_gap(b, order, i, order + n);
        if (b->where) *b->where = b->at;
        if (b->at + b->bytes > total) total = b->at + b->bytes;
    }
    fl_free(order);
    return total;
}
