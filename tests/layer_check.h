/* layer_check.h: one example of one layer, set up with random data and run in guarded memory. */
#ifndef FROSTLINE_TESTS_LAYER_CHECK_H
#define FROSTLINE_TESTS_LAYER_CHECK_H

#include "unit.h"

#include "frostline/config.h"
#include "frostline/layer.h"

enum { TRIAL_ROWS = 3, TRIAL_INPUTS = 3 };
enum { WANT_DIN = 1, WANT_GRAD = 1 << TRIAL_INPUTS, WANT_ALL = ~0u };

typedef struct trial {
    const fl_layer_ops *ops;
    const fl_layer_example *example;
    fl_config *config;
    void *conf;
    fl_layer_plan plan; /* for TRIAL_ROWS rows */
    float *in[TRIAL_INPUTS], *param[FL_MAX_PARAMS], *dout;
    int64_t sample[TRIAL_ROWS];
    const fl_kernels *kernels;
    bool training;
    unsigned wanted;    /* WANT_DIN << i, WANT_GRAD << i */
    bool fresh;         /* din holds nothing: NaN until it is written */
    fl_activation then; /* done along */
    int64_t global_rows;
    void (*sum)(void *context, double *v, size_t n);
    void *context;
} trial;

/* Parses and plans; false, with `why` filled, if either refuses. Close it in both cases. */
bool trial_open(trial *t, const fl_layer_ops *ops, const fl_layer_example *e, char why[256]);
void trial_close(trial *t);
/* Fails the test where trial_open would return false. */
void trial_must_open(trial *t, const char *layer, const fl_layer_example *e);

size_t trial_in_size(const trial *t, int i);    /* floats of one row */
size_t trial_param_size(const trial *t, int i); /* floats */
size_t trial_out_size(const trial *t);
bool trial_trains(const trial *t, int i); /* parameter i exists and is no buffer */

typedef struct outcome {
    float *out;                   /* (rows, out) */
    float *din[TRIAL_INPUTS];     /* what backward added; NULL where not wanted */
    float *grad[FL_MAX_PARAMS];   /* likewise */
    float *buffer[FL_MAX_PARAMS]; /* running statistics afterwards; NULL unless training */
} outcome;

/* Forward over rows first … first + rows - 1, then backward. Output, work and saved begin as NaN,
 * what backward may not read is NaN by then, and din and grad hold something already. A write
 * beside a buffer ends the test. */
void trial_run(const trial *t, int first, int rows, outcome *o);
void outcome_close(outcome *o);

/* Forward alone, all rows: ⟨out, dout⟩. */
double trial_loss(const trial *t);
/* Forward alone into out (TRIAL_ROWS, out), without anything saved, as in inference. */
void trial_infer(const trial *t, float *out);

double random_uniform(void); /* [0, 1), another one each time */
double random_normal(void);

/* Fails unless |a - b| ≤ tolerance · (1 + the largest |b|) everywhere, and neither is NaN. */
void assert_same(const trial *t, const char *what, const float *a, const float *b, size_t n,
                 double tolerance);

#endif
