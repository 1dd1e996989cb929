/* checkpoint_unit.h: a folder of checkpoints for each test, and questions about it. */
#ifndef FROSTLINE_TESTS_CHECKPOINT_UNIT_H
#define FROSTLINE_TESTS_CHECKPOINT_UNIT_H

#include <sys/stat.h>
#include <unistd.h>

#include "frostline/checkpoint.h"
#include "scratch.h"

/* ---- checkpoints of two files, whose content says the step ---- */

static char *dir; /* a fresh folder for each test */

static inline int fresh(void **state) {
    static int n;
    (void)state;
    char name[16];
    snprintf(name, sizeof name, "run%d", n++);
    fl_free(dir);
    dir = fl_path_join(scratch, name);
    return 0;
}

static inline int stale(void **state) {
    (void)state;
    fl_free(dir);
    dir = NULL;
    return 0;
}

static inline fl_status write_text(const char *path, void *context) {
    return fl_file_write(path, context, strlen(context));
}

/* Not synced, and empty: fine for who writes it. */
static inline fl_status write_nothing(const char *path, void *context) {
    (void)context;
    FILE *f = fopen(path, "w");
    return f && fclose(f) == 0 ? FL_OK : FL_ERR_IO;
}

static inline fl_status save(int64_t step, const char *text) {
    fl_checkpoint_file files[] = {{"model.safetensors", write_text, (char *)text},
                                  {"state.json", write_nothing, NULL}};
    return fl_checkpoint_save(dir, step, 2, files);
}

static inline void saved(int64_t step) {
    char text[48];
    snprintf(text, sizeof text, "model of step %lld", (long long)step);
    assert_int_equal(save(step, text), FL_OK);
}

/* A path in dir, good until the eighth call after. */
static inline char *in_dir(const char *name) {
    char *joined = fl_path_join(strrchr(dir, '/') + 1, name), *path = scratch_path(joined);
    fl_free(joined);
    return path;
}

static inline void assert_there(const char *name) {
    if (!fl_exists(in_dir(name))) fail_msg("'%s' is missing", name);
}

static inline void assert_gone(const char *name) {
    struct stat st;
    if (lstat(in_dir(name), &st) == 0) fail_msg("'%s' is still there", name);
}

static inline void assert_content(const char *name, const char *want) {
    char *text;
    assert_int_equal(fl_file_read(in_dir(name), &text, NULL), FL_OK);
    assert_string_equal(text, want);
    fl_free(text);
}

static inline void assert_link(const char *name, const char *want) {
    char target[64] = "";
    assert_true(readlink(in_dir(name), target, sizeof target - 1) > 0);
    assert_string_equal(target, want); /* relative: a run's folder can be moved */
}

static inline void put_bytes(const char *name, const void *bytes, size_t n) {
    char *joined = fl_path_join(strrchr(dir, '/') + 1, name);
    scratch_file(joined, bytes, n);
    fl_free(joined);
}

static inline void put(const char *name, const char *text) {
    put_bytes(name, text, strlen(text));
}

/* ---- standard error, caught in a file ---- */

static int real_stderr;

static inline void catch_warnings(void) {
    fflush(stderr);
    real_stderr = dup(STDERR_FILENO);
    assert_non_null(freopen(scratch_path("stderr"), "w", stderr));
}

static inline char *caught_warnings(void) {
    char *text;
    fflush(stderr);
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    assert_int_equal(fl_file_read(scratch_path("stderr"), &text, NULL), FL_OK);
    return text;
}

/* The newest whole checkpoint is step `want` (-1: none), and the warnings name `warned` (NULL:
 * there are none). */
static inline void assert_newest(fl_status status, int64_t want, const char *warned) {
    char *folder = dir;
    int64_t step = 99;
    catch_warnings();
    fl_status have = fl_checkpoint_newest(dir, &folder, &step);
    char *warnings = caught_warnings();
    if (warned ? !strstr(warnings, warned) : warnings[0])
        fail_msg("expected a warning '%s' in: %s", warned ? warned : "", warnings);
    fl_free(warnings);
    assert_int_equal(have, status);
    assert_int_equal(step, want);
    if (want < 0) return assert_null(folder);
    assert_int_equal(fl_checkpoint_verify(folder), FL_OK);
    char name[32];
    snprintf(name, sizeof name, "step-%lld", (long long)want);
    assert_string_equal(folder, in_dir(name));
    fl_free(folder);
}

#define CHECKPOINT_TEST(name) cmocka_unit_test_setup_teardown(name, fresh, stale)

#endif
