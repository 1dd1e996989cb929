/* flight.h: a lane within, and a flight: some of each part of a slice, on its way. */
#ifndef FROSTLINE_COMM_FLIGHT_H
#define FROSTLINE_COMM_FLIGHT_H

#include "comm/lane.h"

enum { FL_FLIGHTS = 16, FL_TAGS = 1 << 13 };

typedef enum fl_stage { FL_SCATTERING, FL_GATHERING, FL_LANDED } fl_stage;

typedef struct fl_lane_job {
    fl_task task;
    float *v;
    fl_span slice;
    fl_traffic *count;
} fl_lane_job;

typedef struct fl_flight { /* floats at … at + piece of every part of a slice */
    fl_lane_job job;
    fl_stage stage;
    size_t at;
    int tag;
    int n_requests;
    MPI_Request *request; /* (2 ranks) */
    float *in;            /* (ranks, piece): what the others sent */
    uint16_t *coded;      /* (2 ranks, piece): the same coded, and what is sent; or NULL */
} fl_flight;

struct fl_lane {
    MPI_Comm comm;
    int ranks, me, at_once;
    size_t piece;
    fl_wire wire;
    float *rest;      /* of this rank's vector: what coding has not sent yet; or NULL */
    size_t n_rest;    /* floats */
    float **term;     /* (ranks): scratch */
    fl_lane_job *job; /* (at_once): job i is at i % at_once */
    uint64_t begun, ended;
    uint64_t next; /* the job whose flights start next, */
    size_t next_at;
    fl_flight flight[FL_FLIGHTS]; /* flight i is at i % FL_FLIGHTS */
    uint64_t started, landed;
};

/* Whole to everyone, in one message's time. */
bool fl_flight_is_short(const fl_lane *l, const fl_lane_job *j);
/* Sends and receives what comes first. */
void fl_flight_start(fl_lane *l, fl_flight *f);
/* Goes on as far as messages have come. */
void fl_flight_advance(fl_lane *l, fl_flight *f);

#endif
