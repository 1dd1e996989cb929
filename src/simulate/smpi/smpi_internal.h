/* smpi_internal.h: a simulated rank. These files, and some of src/comm, are compiled against SMPI's
 * <mpi.h>; all ranks are threads of one process, which take turns. */
#ifndef FROSTLINE_SMPI_INTERNAL_H
#define FROSTLINE_SMPI_INTERNAL_H

#include "comm/comm_internal.h"
#include "comm/lane.h"
#include "frostline/simulate.h"

/* Lets simulated time pass for this rank: before the next message that it sends or waits for. Each
 * sleep is an event, and a flight of many parts would be as many. */
void fl_take_time(double seconds);
/* How much room what travels wants at most in one piece, what adding and copying take, and between
 * how many it travels. */
void fl_payload_prepare(size_t bytes, double bytes_per_second, int ranks);

typedef struct fl_actor {
    const fl_script *script;
    fl_comm comm;       /* as much of it as tree.c asks for */
    fl_lane *gradients; /* NULL: one rank */
    fl_lane *weights;   /* what sharded publishes through; or NULL */
    float *v, *work;    /* both are fl_payload's */
    uint64_t *ticket;   /* (buckets) */
    fl_traffic moved;
    int alarm;
    double exposed; /* seconds */
} fl_actor;

/* Computes for so long, while what is under way in the lane (NULL: nothing) is pushed on. */
void fl_compute(fl_lane *l, int alarm, double seconds);
/* A process that does nothing but serve as a rank's alarm, until that closes it. */
void fl_alarm_serve(int rank);
void fl_alarm_close(int alarm);

/* Returns when `number` is done. As the real wait, it reacts to each message as it comes. */
void fl_lane_wait(fl_lane *l, uint64_t number);

size_t fl_actor_room(const fl_script *s); /* bytes, for fl_payload_prepare */
/* Borrows `ranks`; `alarm`: who serves this rank's, of all processes. */
void fl_actor_open(const fl_script *s, MPI_Comm ranks, int alarm, fl_actor *out);
void fl_actor_close(fl_actor *a);
void fl_actor_step(fl_actor *a);
/* What the formulas say that a step moves on this rank. */
fl_traffic fl_actor_foretell(const fl_actor *a);

#endif
