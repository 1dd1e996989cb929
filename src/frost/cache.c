/* The table: a head, the marks, the rows. A mark is written after its row, so that a process that
 * is killed between the two leaves the row absent. */
#include <stdatomic.h>
#include <string.h>

#include "frostline/arena.h"
#include "frostline/frost.h"
#include "frostline/half.h"

typedef struct head { /* its own checksum last */
    char magic[8];
    uint64_t key;
    int64_t rows;
    uint64_t width, dtype, checksum;
} head;

struct fl_cache {
    fl_cache_conf conf;
    head *head;
    _Atomic uint64_t *mark; /* (rows) */
    char *data;             /* (rows, stride) */
    size_t size, stride;    /* bytes of an element, and from row to row */
};

static size_t element_size(fl_cache_dtype t) {
    return t == FL_CACHE_FLOAT16 ? sizeof(uint16_t) : sizeof(float);
}

static size_t marks_bytes(int64_t rows) {
    return fl_align_up((size_t)rows * sizeof(uint64_t));
}

size_t fl_cache_row_bytes(const fl_cache_conf *conf) {
    return fl_align_up(conf->width * element_size(conf->dtype));
}

size_t fl_cache_bytes(const fl_cache_conf *conf) {
    return fl_align_up(sizeof(head)) + marks_bytes(conf->rows) +
           (size_t)conf->rows * fl_cache_row_bytes(conf);
}

static head make_head(const fl_cache_conf *conf) {
    head h = {
        .magic = "FROSTCA2",
        .key = conf->key,
        .rows = conf->rows,
        .width = conf->width,
        .dtype = (uint64_t)conf->dtype,
    };
    h.checksum = fl_hash(&h, offsetof(head, checksum), 0);
    return h;
}

static uint64_t checksum(fl_cache *c, int64_t row) {
    if (!c->conf.checksums) return 1;
    uint64_t h = fl_hash(fl_cache_row(c, row), c->conf.width * c->size, (uint64_t)row);
    return h ? h : 1;
}

/* Keeps what can be trusted of an earlier table. */
static void inspect(fl_cache *c, const head *wanted) {
    bool same = memcmp(c->head, wanted, sizeof *wanted) == 0;
    for (int64_t i = 0; i < c->conf.rows; i++) {
        bool kept = same && c->mark[i] != 0 && c->mark[i] == checksum(c, i);
        if (!kept && (!same || c->mark[i] != 0)) c->mark[i] = 0;
    }
    *c->head = *wanted;
}

fl_cache *fl_cache_open(void *memory, const fl_cache_conf *conf, bool first) {
    char *at = memory;
    fl_cache *c = fl_alloc(sizeof *c);
    c->conf = *conf;
    c->head = memory;
    c->mark = (void *)(at + fl_align_up(sizeof(head)));
    c->data = at + fl_align_up(sizeof(head)) + marks_bytes(conf->rows);
    c->size = element_size(conf->dtype);
    c->stride = fl_cache_row_bytes(conf);
    head wanted = make_head(conf);
    if (first) inspect(c, &wanted);
    return c;
}

void fl_cache_close(fl_cache *c) {
    fl_free(c);
}

const fl_cache_conf *fl_cache_conf_of(const fl_cache *c) {
    return &c->conf;
}

bool fl_cache_has(const fl_cache *c, int64_t row) {
    return atomic_load_explicit(&c->mark[row], memory_order_acquire) != 0;
}

int64_t fl_cache_count(const fl_cache *c) {
    int64_t n = 0;
    for (int64_t i = 0; i < c->conf.rows; i++) n += fl_cache_has(c, i);
    return n;
}

void *fl_cache_row(fl_cache *c, int64_t row) {
    return c->data + (size_t)row * c->stride;
}

void fl_cache_put(fl_cache *c, int64_t row, size_t at, const float *v, size_t n) {
    void *to = (char *)fl_cache_row(c, row) + at * c->size;
    uint16_t *half = to;
    if (c->conf.dtype != FL_CACHE_FLOAT16)
        memcpy(to, v, n * sizeof *v);
    else
        for (size_t i = 0; i < n; i++) half[i] = fl_to_float16(v[i]);
}

void fl_cache_get(const fl_cache *c, int64_t row, size_t at, float *v, size_t n) {
    const void *from = c->data + (size_t)row * c->stride + at * c->size;
    const uint16_t *half = from;
    if (c->conf.dtype != FL_CACHE_FLOAT16)
        memcpy(v, from, n * sizeof *v);
    else
        for (size_t i = 0; i < n; i++) v[i] = fl_from_float16(half[i]);
}

void fl_cache_mark(fl_cache *c, int64_t row) {
    atomic_store_explicit(&c->mark[row], checksum(c, row), memory_order_release);
}
