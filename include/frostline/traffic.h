/* traffic.h: the bytes that ranks move, and what they must be: formulas for any number of ranks and
 * nodes, none of which need be there. */
#ifndef FROSTLINE_TRAFFIC_H
#define FROSTLINE_TRAFFIC_H

#include "frostline/base.h"
#include "frostline/tensor.h"

typedef struct fl_traffic { /* by one rank; bytes without headers of any kind */
    uint64_t mpi_bytes;  /* handed to MPI: what is sent, or the vector of a collective of MPI's */
    uint64_t sent_bytes; /* of them, those for ranks of other nodes, */
    uint64_t messages;   /* and in how many messages. Of MPI's own all-reduce: as recursive
                          * doubling sends them, which Open MPI does with short vectors */
    uint64_t node_bytes; /* read from, or written to, what neighbours hold in shared memory */
} fl_traffic;

void fl_traffic_add(fl_traffic *to, const fl_traffic *more, uint64_t times);
/* The link bytes to be expected of a rank that sends this much, and receives as much, over TCP on
 * Ethernet with packets of 1500 bytes. */
uint64_t fl_traffic_on_link(const fl_traffic *t);

/* ---- foretelling ---- */

typedef enum fl_wire { FL_WIRE_FLOAT32, FL_WIRE_BFLOAT16, FL_WIRE_FLOAT16 } fl_wire;

typedef struct fl_seat { /* where one rank stands among all */
    int rank, size;
    const int *node_of; /* (size): one number a node; borrowed; NULL: all are on one */
    int peers, me;      /* ranks that share this one's memory, and which of them it is */
    int slices;         /* that a long vector is cut into: the fewest peers that a rank has */
    int crew, station;  /* ranks that have the same slice, and which of them this is */
    bool common;        /* peers see one vector, not each other's */
    fl_wire wire;       /* format of sums between those that have the same slice */
} fl_seat;

/* Ranks in order on nodes that have equally many, or the first of them one more; nodes: 1 … ranks.
 * Fills node_of (ranks). */
void fl_seat_spread(int ranks, int nodes, int *node_of);
/* Where a rank stands on these; node_of as filled in. */
fl_seat fl_seat_on(int rank, int ranks, int nodes, const int *node_of);
bool fl_seat_is_whole(const fl_seat *at); /* all ranks share one memory */

/* What can be done with a span of a window (comm.h). */
typedef enum fl_window_work {
    FL_WINDOW_SUM,
    FL_WINDOW_SLICE,
    FL_WINDOW_SCATTER,
    FL_WINDOW_GATHER,
    FL_WINDOW_SPREAD
} fl_window_work;

/* What it moves on the rank that stands there. */
fl_traffic fl_foretell(const fl_seat *at, fl_window_work work, fl_span s);
/* What fl_comm_sum_fixed of n floats moves there. */
fl_traffic fl_foretell_fixed(const fl_seat *at, size_t n);

#endif
