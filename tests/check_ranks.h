/* check() for programs that run on several ranks: an assertion that fails on one of them ends all,
 * since the others would wait for it in their next collective for ever. */
#ifndef CHECK_RANKS_H
#define CHECK_RANKS_H

#include <string.h>

#include "frostline/comm.h"
#include "unit.h"

static fl_comm *comm; /* open while the tests run */
static int rank, n_ranks;

static inline void check_at(bool ok, const char *text, const char *file, int line) {
    if (ok) return;
    fprintf(stderr, "%s:%d: rank %d: not so: %s\n", file, line, rank, text);
    if (n_ranks > 1) fl_comm_abort(comm, 1);
    _fail(file, line);
}
#define check(condition) check_at(condition, #condition, __FILE__, __LINE__)

/* Whether the bytes are the same on every rank. */
static inline bool same_everywhere(const void *p, size_t bytes) {
    uint64_t all[64], mine = fl_hash(p, bytes, 0);
    fl_comm_gather(comm, &mine, sizeof mine, all);
    for (int r = 1; r < n_ranks; r++)
        if (all[r] != all[0]) return false;
    return true;
}

/* Whether the last error's message has this in it. */
static inline bool says(const char *part) {
    if (strstr(fl_message(), part)) return true;
    fprintf(stderr, "'%s' is not in:\n%s\n", part, fl_message());
    return false;
}

/* Opens the ranks, runs the tests on all of them; the program's exit code. */
#define run_on_all_ranks(tests)                                                                    \
    (open_ranks(), close_ranks(cmocka_run_group_tests(tests, NULL, NULL)))

static inline void open_ranks(void) {
    if (fl_comm_open(&comm) != FL_OK) fl_die(1, fl_message());
    rank = fl_comm_rank(comm);
    n_ranks = fl_comm_size(comm);
}

static inline int close_ranks(int failed) {
    fl_comm_close(comm);
    return failed != 0;
}

#endif
