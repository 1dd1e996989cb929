/* The table: a head, the marks, the rows. A mark is written after its row, so that a process that
 * is killed between the two leaves the row absent. */
#include <stdatomic.h>
#include <string.h>

#include "frostline/arena.h"
#include "frostline/frost.h"

typedef struct head { /* its own checksum last */
    char magic[8];
    uint64_t key;
    int64_t rows;
    uint64_t width, checksum;
} head;

struct fl_cache {
    head *head;
    _Atomic uint64_t *mark; /* (rows) */
    float *data;            /* (rows, stride) */
    int64_t rows;
    size_t width, stride; /* floats */
    bool checksums;
};

static size_t stride_of(size_t width) {
    return fl_align_up(width * sizeof(float)) / sizeof(float);
}

static size_t marks_bytes(int64_t rows) {
    return fl_align_up((size_t)rows * sizeof(uint64_t));
}

size_t fl_cache_bytes(int64_t rows, size_t width) {
    return fl_align_up(sizeof(head)) + marks_bytes(rows) +
           (size_t)rows * stride_of(width) * sizeof(float);
}

static head make_head(int64_t rows, size_t width, uint64_t key) {
    head h = {.magic = "FROSTCA1", .key = key, .rows = rows, .width = width};
    h.checksum = fl_hash(&h, offsetof(head, checksum), 0);
    return h;
}

static uint64_t checksum(const fl_cache *c, int64_t row) {
    if (!c->checksums) return 1;
    uint64_t h =
        fl_hash(c->data + (size_t)row * c->stride, c->width * sizeof(float), (uint64_t)row);
    return h ? h : 1;
}

/* Keeps what can be trusted of an earlier table. */
static void inspect(fl_cache *c, const head *wanted) {
    bool same = memcmp(c->head, wanted, sizeof *wanted) == 0;
    for (int64_t i = 0; i < c->rows; i++) {
        bool kept = same && c->mark[i] != 0 && c->mark[i] == checksum(c, i);
        if (!kept && (!same || c->mark[i] != 0)) c->mark[i] = 0;
    }
    *c->head = *wanted;
}

fl_cache *fl_cache_open(void *memory, int64_t rows, size_t width, uint64_t key, bool checksums,
                        bool first) {
    char *at = memory;
    fl_cache *c = fl_alloc(sizeof *c);
    c->head = memory;
    c->mark = (void *)(at + fl_align_up(sizeof(head)));
    c->data = (void *)(at + fl_align_up(sizeof(head)) + marks_bytes(rows));
    c->rows = rows;
    c->width = width;
    c->stride = stride_of(width);
    c->checksums = checksums;
    head wanted = make_head(rows, width, key);
    if (first) inspect(c, &wanted);
    return c;
}

void fl_cache_close(fl_cache *c) {
    fl_free(c);
}

bool fl_cache_has(const fl_cache *c, int64_t row) {
    return atomic_load_explicit(&c->mark[row], memory_order_acquire) != 0;
}

int64_t fl_cache_count(const fl_cache *c) {
    int64_t n = 0;
    for (int64_t i = 0; i < c->rows; i++) n += fl_cache_has(c, i);
    return n;
}

float *fl_cache_row(fl_cache *c, int64_t row) {
    return c->data + (size_t)row * c->stride;
}

void fl_cache_mark(fl_cache *c, int64_t row) {
    atomic_store_explicit(&c->mark[row], checksum(c, row), memory_order_release);
}
