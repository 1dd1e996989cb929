/* window.h: a window within. */
#ifndef FROSTLINE_COMM_WINDOW_H
#define FROSTLINE_COMM_WINDOW_H

#include <stdatomic.h>

#include "comm/courier.h"
#include "comm/lane.h"

enum { FL_LINE = 64, FL_WINDOW_OPEN = 256 };

typedef struct fl_mark { /* of one rank; written by it alone */
    _Alignas(2 * FL_LINE) _Atomic uint64_t begun;
    _Alignas(2 *
             FL_LINE) _Atomic uint64_t ended; /* apart: who waits for one disturbs not the other */
} fl_mark;

typedef struct fl_window_job { /* begun, not yet ended here */
    fl_work work;
    fl_span slice;   /* this lane's */
    uint64_t number; /* in the lane */
    fl_traffic *count;
} fl_window_job;

struct fl_window {
    fl_comm *comm;
    fl_shared *memory;
    size_t n; /* floats of each vector */
    fl_seat at;
    fl_lane *lane;       /* between nodes; NULL: there is one memory, or this rank has no slice */
    float **vector;      /* (peers) */
    float **term;        /* (peers): scratch */
    fl_mark *mark;       /* (peers) */
    fl_courier *courier; /* if there is a lane; it and this rank's own thread use all that follows
                            in turns */
    atomic_bool waits;   /* this rank waits, so the courier need not push */
    int spins;           /* rounds of waiting before others are let run */
    uint64_t begun, added, ended;       /* jobs: begun; added up within the group; complete here */
    fl_window_job open[FL_WINDOW_OPEN]; /* job i is at i % FL_WINDOW_OPEN */
};

/* For the courier: advances what is begun, unless this rank waits and so does it itself. False: all
 * is done. */
bool fl_window_push(void *window);

#endif
