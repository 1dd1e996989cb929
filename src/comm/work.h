/* work.h: what is done with a span of a window, and how it is cut; no MPI. */
#ifndef FROSTLINE_COMM_WORK_H
#define FROSTLINE_COMM_WORK_H

#include "frostline/comm.h"

typedef enum fl_task {
    FL_TASK_SUM,     /* the sum, for all */
    FL_TASK_SCATTER, /* the sum, for the owner of each part */
    FL_TASK_GATHER,  /* each owner's part, for all */
} fl_task;

typedef struct fl_work {
    bool adds, spreads; /* within the node, before and after */
    bool crosses;       /* goes through the lane, */
    fl_task task;       /* there */
} fl_work;
extern const fl_work fl_works[]; /* by fl_window_work */

/* Part k of n of a span. Parts meet at cache lines, lest two ranks write to the same one. */
fl_span fl_part_of(fl_span s, int k, int n);
/* Floats of each of so many parts that one flight takes. */
size_t fl_piece_of(int parts);
/* Whether so many ranks sum a slice by halves (halving.c): direct exchange takes two messages' time
 * but n - 1 messages, halves 2 log2 n of both. */
bool fl_crew_halves(int ranks);
/* Up to so many ranks exchange directly; a variable, for tests with few ranks lower it. */
extern int fl_direct_crew;
/* Floats of the longest message: what Open MPI sends over TCP at once (64 KiB, with a header).
 * Before more it asks the receiver, whose answer then waits behind all that it is itself sending on
 * that connection: the two directions take turns, and half of the wire is idle. */
enum { FL_LONGEST_MESSAGE = 15 << 10 };
/* How many messages n floats are. */
static inline size_t fl_messages_of(size_t n) {
    return (n + FL_LONGEST_MESSAGE - 1) / FL_LONGEST_MESSAGE;
}
/* So few floats of a sum go whole to everyone, where exchange is direct. */
enum { FL_SHORT = 1024 };

#endif
