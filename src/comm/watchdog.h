/* watchdog.h: how far this rank is, noted by its main thread and watched by another. */
#ifndef FROSTLINE_COMM_WATCHDOG_H
#define FROSTLINE_COMM_WATCHDOG_H

#include <stdatomic.h>

#include "frostline/comm.h"

typedef struct fl_watchdog fl_watchdog;

typedef struct fl_progress {     /* written by the main thread alone */
    _Atomic uint64_t moves;      /* into a collective, and out of it: odd inside */
    _Atomic uint64_t changes;    /* of wait and phase without a move */
    _Atomic(const char *) wait;  /* what is waited for, or NULL */
    _Atomic(const char *) phase; /* what this rank does, or NULL */
    _Atomic int64_t step;
} fl_progress;

/* Collective. NULL where the ranks have no way to speak beside MPI. */
fl_watchdog *fl_watchdog_open(fl_comm *c, double seconds);
void fl_watchdog_close(fl_watchdog *w); /* collective; NULL is allowed */

/* Ends this process at once with `code`, and sees to it that Open MPI's launcher ends too: by
 * itself within `grace` seconds, or by force. */
_Noreturn void fl_leave(int code, double grace);

/* FL_WAITING(c, "a sum"); as a declaration: until the block is left, this rank is in a collective
 * that all ranks make. What is within another one counts as part of it. */
typedef struct fl_waiting {
    fl_progress *progress;
    const char *before;
} fl_waiting;

static inline fl_waiting fl_waiting_begin(fl_progress *p, const char *what) {
    fl_waiting w = {p, atomic_load_explicit(&p->wait, memory_order_relaxed)};
    if (w.before) return w;
    atomic_store_explicit(&p->wait, what, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->moves, 1, memory_order_release);
    return w;
}
static inline void fl_waiting_end(const fl_waiting *w) {
    if (w->before) return;
    atomic_store_explicit(&w->progress->wait, NULL, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->progress->moves, 1, memory_order_release);
}
#define FL_WAITING(comm, what)                                                                     \
    __attribute__((cleanup(fl_waiting_end), unused)) fl_waiting fl_waiting_ =                      \
        fl_waiting_begin(&(comm)->progress, what)

#endif
