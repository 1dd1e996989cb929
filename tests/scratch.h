/* scratch.h: a folder of a test program's own, and files in it. cmocka's group fixtures
 * scratch_open and scratch_close make and remove it. */
#ifndef FROSTLINE_TESTS_SCRATCH_H
#define FROSTLINE_TESTS_SCRATCH_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frostline/base.h"
#include "unit.h"

static char scratch[64];

static inline int scratch_open(void **state) {
    (void)state;
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* fsync is quick */
    snprintf(scratch, sizeof scratch, "%s/frostline-test-XXXXXX", parent);
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_close(void **state) {
    (void)state;
    return fl_remove_tree(scratch) == FL_OK ? 0 : -1;
}

/* A path in the folder, good until the eighth call after. */
static inline char *scratch_path(const char *name) {
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return path;
}

static inline char *scratch_file(const char *name, const void *bytes, size_t n) {
    char *path = scratch_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* The last message names all of these; NULL is passed over. */
static inline void assert_message(const char *a, const char *b) {
    if (a && !strstr(fl_message(), a)) fail_msg("expected '%s' in: %s", a, fl_message());
    if (b && !strstr(fl_message(), b)) fail_msg("expected '%s' in: %s", b, fl_message());
}

#endif
