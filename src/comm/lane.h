/* lane.h: one rank of each node, and the slice of long vectors that they sum between them. */
#ifndef FROSTLINE_COMM_LANE_H
#define FROSTLINE_COMM_LANE_H

#include <mpi.h>

#include "comm/work.h"

typedef struct fl_lane fl_lane;

/* Takes `ranks` over. `at_once`: jobs that may be under way. */
fl_lane *fl_lane_open(MPI_Comm ranks, int at_once);
void fl_lane_close(fl_lane *l);
/* Sums are sent in this format from now on; `n`: floats of the vectors. Before the first job. */
void fl_lane_send_as(fl_lane *l, fl_wire wire, size_t n);
fl_span fl_lane_owned(const fl_lane *l, fl_span slice);
/* Begins a job on a slice of v, which is the same on all, and counts in `count` what it sends.
 * Returns its number, from 0. */
uint64_t fl_lane_begin(fl_lane *l, fl_task task, float *v, fl_span slice, fl_traffic *count);
void fl_lane_progress(fl_lane *l);
/* All jobs below this number are done. */
uint64_t fl_lane_ended(const fl_lane *l);

#endif
