/* base.h: status codes, error messages, memory, text, files, hashes, time. Everything else stands
 * on this. */
#ifndef FROSTLINE_BASE_H
#define FROSTLINE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The kind of an error; its value is the exit code of the command. */
typedef enum fl_status {
    FL_OK = 0,
    FL_ERR_INTERNAL = 1,      /* our mistake */
    FL_ERR_CONFIG = 2,        /* usage or config */
    FL_ERR_INPUT = 3,         /* a bad input file or bad data */
    FL_ERR_NONFINITE = 4,     /* the loss became NaN or infinite */
    FL_ERR_IO = 5,            /* I/O, disk, memory */
    FL_ERR_DISAGREE = 6,      /* ranks disagree, or a frozen weight changed */
    FL_ERR_HANG = 7,          /* a rank stopped answering */
    FL_ERR_STOPPED = 75,      /* stopped on request; can be resumed */
    FL_ERR_INTERRUPTED = 130, /* interrupted twice */
} fl_status;

/* Records "error: <message>" for this thread, replacing the one before, and returns `kind`.
 * The message says what is wrong, where, and what to do; no trailing newline. */
fl_status fl_fail(fl_status kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As fl_fail, but stores `text` as it is, without the "error: " in front. Copies text. */
fl_status fl_fail_text(fl_status kind, const char *text);

/* The message last recorded by this thread; "" if there is none. Valid until the next fl_fail. */
const char *fl_message(void);

#define FL_TRY(expression)                                                                         \
    do {                                                                                           \
        fl_status fl_try_ = (expression);                                                          \
        if (fl_try_ != FL_OK) return fl_try_;                                                      \
    } while (0)

/* Ends the program with exit code 1: a broken invariant, our own mistake. */
_Noreturn void fl_panic(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Ends this process (all ranks, once fl_comm is open) with `code` after printing `message`. */
_Noreturn void fl_die(int code, const char *message);

/* fl_die calls `hook(code)` instead of exit, so that one rank's end ends all. NULL restores exit.
 */
void fl_set_die_hook(void (*hook)(int code));

#define FL_CHECK(condition, ...)                                                                   \
    do {                                                                                           \
        if (!(condition)) fl_panic(__FILE__, __LINE__, __VA_ARGS__);                               \
    } while (0)

#ifdef NDEBUG
#define FL_ASSERT(condition) ((void)0)
#else
#define FL_ASSERT(condition) FL_CHECK(condition, "%s", #condition)
#endif

#define FL_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The value below which a share q (0 … 1) of n numbers lies, interpolated; q 0.5: the median. The
 * numbers lie `stride` bytes apart, in any order. NAN if n is 0. */
double fl_quantile(int n, const double *v, size_t stride, double q);

/* ---- memory: never NULL; running out ends the program with exit code 5 ---- */

void *fl_alloc(size_t bytes);           /* zeroed; free with fl_free */
void *fl_resize(void *p, size_t bytes); /* as realloc; new bytes are not zeroed */
void *fl_alloc_pages(size_t bytes);     /* zeroed, page-aligned, huge pages if any */
void fl_free_pages(void *p, size_t bytes);
/* Gives back the memory of the whole pages within this stretch of fl_alloc_pages; they then read as
 * 0 and may be written again. */
void fl_empty_pages(void *p, size_t bytes);
void fl_free(void *p); /* NULL is allowed */
char *fl_strdup(const char *s);
char *fl_strndup(const char *s, size_t n);
char *fl_format(const char *format, ...) __attribute__((format(printf, 1, 2))); /* caller frees */

/* ---- growing text: start from {0} ---- */

typedef struct fl_text {
    char *s; /* NUL-terminated once something was added; owned; fl_free(t.s) */
    size_t len, cap;
} fl_text;

void fl_text_add(fl_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fl_text_addv(fl_text *t, const char *format, va_list args);
void fl_text_put(fl_text *t, const char *bytes, size_t n);

/* A copy in which every byte that is not part of valid UTF-8 is '?'; caller frees. */
char *fl_utf8_repair(const char *s);

/* ---- names ---- */

/* The candidate nearest to `word` by edit distance, if near enough to be what was meant; else NULL.
 */
const char *fl_nearest(const char *word, const char *const *candidates, size_t n);

/* Shell-style match of the whole name: `*`, `?`, `[1-4]`. */
bool fl_glob(const char *pattern, const char *name);

/* ---- files; messages name the path and the system's reason ---- */

fl_status fl_file_read(const char *path, char **data,
                       size_t *len); /* NUL-terminated; caller frees */
fl_status fl_file_write(const char *path, const void *data, size_t len); /* written, fsynced */
/* Writes path.tmp, fsyncs, renames to path, fsyncs the folder: there is the old file or the new
 * one. */
fl_status fl_file_replace(const char *path, const void *data, size_t len);
fl_status fl_make_dirs(const char *path);   /* mkdir -p */
fl_status fl_remove_tree(const char *path); /* rm -r; a missing path is fine */
fl_status fl_sync_dir(const char *path);    /* fsync of a folder: makes a rename in it last */
bool fl_exists(const char *path);
bool fl_is_dir(const char *path);
bool fl_same_file(const char *a, const char *b);       /* both are there, by whatever paths */
char *fl_path_join(const char *dir, const char *name); /* an absolute `name` wins; caller frees */

/* ---- hashes (XXH3, 64 bits) and time ---- */

uint64_t fl_hash(const void *data, size_t len, uint64_t seed); /* seed chains pieces */
double fl_clock(void);                                         /* seconds, monotonic */
/* The same by a counter that costs a third as much to read, for what is shorter than a microsecond:
 * the processor's, where that runs evenly. */
uint64_t fl_ticks(void);
double fl_tick(void); /* seconds of one, measured over the life of the process: convert with one
                       * reading of it what is to be compared */

#endif
