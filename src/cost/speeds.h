/* speeds.h: what was measured of a net's layers, at one or two numbers of rows. */
#ifndef FROSTLINE_COST_SPEEDS_H
#define FROSTLINE_COST_SPEEDS_H

#include "frostline/cost.h"

enum { FL_SPEEDS_ROWS = 2 };

typedef struct fl_layer_speed { /* at one number of rows */
    double fixed, forward, backward;
} fl_layer_speed;

typedef struct fl_rows_speed {
    double rows;
    fl_layer_speed *layer;     /* (layers) */
    double update, sum, other; /* of a step of the whole net */
} fl_rows_speed;

struct fl_speeds {
    uint64_t net;                      /* that was measured: its layers and their shapes */
    int ranks, nodes, threads, n_rows; /* threads: of each rank */
    double data;                       /* per row; 0: nothing is known to be read */
    double floats, bytes;        /* that were updated, by all ranks of a node together; summed */
    double *flops_dx, *flops_dw; /* (layers) per row, as measured: of the whole backward */
    fl_rows_speed at[FL_SPEEDS_ROWS]; /* ascending */
};

/* Seconds for so many rows: the line through what was measured, if that begins above 0; else in
 * proportion to the nearest. `value` picks a number of a measurement. */
double fl_speeds_line(const fl_speeds *s, double rows,
                      double (*value)(const fl_rows_speed *at, int layer), int layer);

#endif
