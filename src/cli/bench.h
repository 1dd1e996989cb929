/* bench.h: what the measurements of `frostline bench` share. */
#ifndef FROSTLINE_CLI_BENCH_H
#define FROSTLINE_CLI_BENCH_H

#include <jansson.h>

#include "cli/cli.h"
#include "frostline/conv.h"

typedef struct fl_bench { /* under what a measurement runs */
    const char *what;     /* "conv", … */
    bool json;
    int repeat;
    const fl_kernels *kernels;
    int threads;
    double peak; /* FLOP/s of one rank, as measured */
} fl_bench;

/* The kernels in force, their threads, and the peak: the best of some products by OpenBLAS
 * and by these kernels. */
fl_status fl_bench_begin(fl_bench *b);
/* Collective. The same by all ranks at once, for they share what the machine has: the mean peak. */
fl_status fl_bench_begin_all(fl_comm *c, fl_bench *b);
/* The median of b->repeat runs in seconds, after one that is not counted. */
double fl_bench_median(const fl_bench *b, void (*run)(const void *job), const void *job);

/* What "--name TEXT" means; TEXT NULL leaves *value. FL_ERR_CONFIG unless it is from 1 to 1e6. */
fl_status fl_bench_number(const char *name, const char *text, int *value);

/* n numbers, none of the slow ones, on pages of their own. */
float *fl_bench_floats(size_t n);
void fl_bench_free(float *v, size_t n);

/* The first lines of a table, each behind "# "; the same as members of a JSON object. */
void fl_bench_print_head(const fl_bench *b);
json_t *fl_bench_head(const fl_bench *b);
/* Seconds of some operations, as members of a result: seconds, gflops, share_of_peak. */
void fl_bench_set_speed(const fl_bench *b, json_t *result, double seconds, double flops);
/* Prints an object with its results on one line, and frees it. */
void fl_bench_print_json(json_t *object);

/* ---- the measurements; argv[0] is "bench conv", … ---- */

fl_status fl_bench_conv(fl_comm *c, int argc, char **argv);
fl_status fl_bench_gemm(fl_comm *c, int argc, char **argv);
fl_status fl_bench_error(fl_comm *c, int argc, char **argv);     /* collective */
fl_status fl_bench_allreduce(fl_comm *c, int argc, char **argv); /* collective */
fl_status fl_bench_steps(fl_comm *c, int argc, char **argv);     /* collective */
fl_status fl_bench_layers_of(fl_comm *c, int argc, char **argv); /* collective */
fl_status fl_bench_network(fl_comm *c, int argc, char **argv);   /* collective */

#endif
