/* exact.h: convolutions and whole nets in double, and how far float32 or bfloat16 are from them. */
#ifndef FROSTLINE_CLI_EXACT_H
#define FROSTLINE_CLI_EXACT_H

#include "frostline/conv.h"
#include "frostline/train.h"

/* ---- exact_conv.c: straight from the definition, sums in double ---- */

/* y (oh, ow, co) = the convolution of one row x (h, w, ci) with w (kh, kw, ci, co). */
void fl_exact_forward(const fl_conv *g, const double *x, const float *w, double *y);
/* dx (h, w, ci) of one row of dy (oh, ow, co) */
void fl_exact_backward_data(const fl_conv *g, const double *dy, const float *w, double *dx);
/* dw (kh, kw, ci, co) += that of one row */
void fl_exact_backward_weights(const fl_conv *g, const double *x, const double *dy, double *dw);
/* The depthwise one: w (kh, kw, co); channel c of x makes channels c·m … of y, m = co / ci. */
void fl_exact_depthwise(const fl_conv *g, const double *x, const float *w, double *y);

/* ---- exact_net.c ---- */

/* The logits of one row x (input) by the parameters' present values, as inference makes them. A
 * layer without a definition in double (avg_pool2d, …) is FL_ERR_CONFIG and is named. */
fl_status fl_exact_net(const fl_model *m, const float *x, double *logits);

/* ---- error.c ---- */

typedef struct fl_error { /* relative to the root mean square of what is exact */
    double rms, max;
} fl_error;
fl_error fl_error_of(const float *got, const double *exact, size_t n);

/* Runs one convolution in every way that these kernels have, on `rows` rows of unit normals, and
 * reports each: a pass, the algorithm's name, its error. */
typedef void fl_error_seen(void *context, fl_pass pass, const char *algorithm, fl_error e);
void fl_error_conv(const fl_kernels *k, const fl_conv *g, int rows, fl_error_seen *seen,
                   void *context);

/* Collective. The error of the net's logits on `rows` rows of unit normals, everything static: with
 * the weights of the config, or else with those of the seed. */
fl_status fl_error_net(fl_comm *c, fl_experiment *x, int rows, fl_error *out);

#endif
