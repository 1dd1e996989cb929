/* Memory that is never NULL. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "frostline/base.h"

static _Noreturn void out_of_memory(size_t bytes) {
    char text[96];
    snprintf(text, sizeof text, "error: out of memory: %zu bytes could not be had", bytes);
    fl_die(FL_ERR_IO, text);
}

void *fl_alloc(size_t bytes) {
    void *p = calloc(bytes ? bytes : 1, 1);
    if (!p) out_of_memory(bytes);
    return p;
}

void *fl_resize(void *p, size_t bytes) {
    p = realloc(p, bytes ? bytes : 1);
    if (!p) out_of_memory(bytes);
    return p;
}

void fl_free(void *p) {
    free(p);
}

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page + (bytes ? 0 : page);
}

void *fl_alloc_pages(size_t bytes) {
    size_t size = whole_pages(bytes);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) out_of_memory(bytes);
    /* Only advice: a system without huge pages answers with small ones. */
    if (size >= (size_t)4 << 20) madvise(p, size, MADV_HUGEPAGE);
    return p;
}

void fl_free_pages(void *p, size_t bytes) {
    if (p) munmap(p, whole_pages(bytes));
}

void fl_empty_pages(void *p, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *end = (char *)p + bytes, *first = (char *)p + (page - (uintptr_t)p % page) % page;
    char *last = end - (uintptr_t)end % page;
    if (first >= last) return;
    size_t n = (size_t)(last - first);
    madvise(first, n, MADV_NOHUGEPAGE);      /* lest one at the border bring most of it back */
    if (madvise(first, n, MADV_REMOVE) != 0) /* memory that processes share; else: */
        madvise(first, n, MADV_DONTNEED);
}

char *fl_strdup(const char *s) {
    return fl_strndup(s, strlen(s));
}

char *fl_strndup(const char *s, size_t n) {
    char *copy = fl_alloc(n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *fl_format(const char *format, ...) {
    fl_text t = {0};
    va_list args;
    va_start(args, format);
    fl_text_addv(&t, format, args);
    va_end(args);
    return t.s;
}
