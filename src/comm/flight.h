/* flight.h: a lane within, and a flight: some of each part of a slice, on its way, directly or by
 * halves. */
#ifndef FROSTLINE_COMM_FLIGHT_H
#define FROSTLINE_COMM_FLIGHT_H

#include "comm/lane.h"

enum { FL_FLIGHTS = 16, FL_HALVED_FLIGHTS = 4, FL_TAGS = 1 << 13 };

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
    MPI_Request *request; /* as many as may be under way at once */
    float *in;            /* (ranks, piece): what the others sent; or all parts, packed */
    /* if lanes are halved: */
    size_t *start; /* (ranks + 1): of each part, in what is packed */
    float *work;   /* (ranks / 2, piece): what the partner sent */
    int distance;  /* to the partner, in ranks */
    /* if they are coded: */
    uint16_t *coded; /* (2 ranks, piece): as in, and what is sent */
} fl_flight;

struct fl_lane {
    MPI_Comm comm;
    int ranks, me, at_once;
    bool halves; /* jobs that are not coded */
    int most;    /* flights under way */
    size_t piece;
    fl_wire wire;
    float *rest;      /* of this rank's vector: what coding has not sent yet; or NULL */
    size_t n_rest;    /* floats */
    float **term;     /* (ranks): scratch */
    fl_lane_job *job; /* (at_once): job i is at i % at_once */
    uint64_t begun, ended;
    uint64_t next; /* the job whose flights start next, */
    size_t next_at;
    fl_flight flight[FL_FLIGHTS]; /* flight i is at i % most */
    uint64_t started, landed;
};

/* Whole to everyone, in one message's time. */
bool fl_flight_is_short(const fl_lane *l, const fl_lane_job *j);
/* Sends and receives what comes first. */
void fl_flight_start(fl_lane *l, fl_flight *f);
/* Goes on as far as messages have come. */
void fl_flight_advance(fl_lane *l, fl_flight *f);

/* ---- for both kinds ---- */

bool fl_flight_is_halved(const fl_lane *l, const fl_lane_job *j);
/* What rank k sums in a flight. */
fl_span fl_flight_share(const fl_lane *l, const fl_flight *f, int k);
/* Of n floats those that are not coded, or `coded`. */
void fl_flight_send(fl_lane *l, fl_flight *f, const float *v, const uint16_t *coded, size_t n,
                    int to);
void fl_flight_receive(fl_lane *l, fl_flight *f, float *v, uint16_t *coded, size_t n, int from);

/* ---- by halves (halving.c) ---- */

void fl_halving_start(fl_lane *l, fl_flight *f);
void fl_halving_next(fl_lane *l, fl_flight *f); /* this stage's messages are there */

#endif
