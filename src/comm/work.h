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
/* So few floats of a sum go whole to everyone. */
enum { FL_SHORT = 1024 };

#endif
