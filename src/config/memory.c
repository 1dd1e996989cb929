/* The memory of a config: blocks that only grow, freed all at once. */
#include <string.h>

#include "config/tree.h"

enum { BLOCK_BYTES = 16 << 10 };

struct fl_block {
    fl_block *next;
    size_t used, size;
    _Alignas(16) char data[];
};

static fl_block *block_for(fl_config *c, size_t bytes) {
    fl_block *b = c->blocks;
    if (b && b->size - b->used >= bytes) return b;
    size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    fl_block *fresh = fl_alloc(sizeof *fresh + size);
    fresh->size = size;
    fresh->next = b;
    c->blocks = fresh;
    return fresh;
}

void *fl_config_alloc(fl_config *c, size_t bytes) {
    bytes = (bytes + 15) / 16 * 16;
    fl_block *b = block_for(c, bytes);
    void *p = b->data + b->used;
    b->used += bytes;
    return p;
}

char *fl_config_keep(fl_config *c, const char *bytes, size_t n) {
    char *copy = fl_config_alloc(c, n + 1);
    memcpy(copy, bytes, n);
    return copy;
}

fl_source *fl_source_new(fl_config *c, const char *name, const char *text, size_t len, int order) {
    fl_source *s = fl_config_alloc(c, sizeof *s);
    s->name = fl_config_keep(c, name, strlen(name));
    s->text = text;
    s->len = len;
    s->order = order;
    return s;
}

fl_config *fl_config_new(const char *name, const char *text, size_t len) {
    fl_config *c = fl_alloc(sizeof *c);
    c->read = fl_config_keep(c, text, len);
    size_t mark = strncmp(c->read, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    c->file = fl_source_new(c, name, c->read + mark, len - mark, 0);
    return c;
}

void fl_config_close(fl_config *c) {
    if (!c) return;
    for (fl_block *b = c->blocks, *next; b; b = next) {
        next = b->next;
        fl_free(b);
    }
    fl_free(c->diags);
    fl_free(c);
}
