/* optim.h: optimizers and learning-rate schedules. One file in src/optim and a line in
 * optimizers.def or schedules.def. */
#ifndef FROSTLINE_OPTIM_H
#define FROSTLINE_OPTIM_H

#include "frostline/each.h"
#include "frostline/field.h"
#include "frostline/tensor.h"

enum { FL_MAX_SLOTS = 2 };

typedef struct fl_update { /* one stretch of parameters that are treated alike */
    const fl_each *each;   /* what moves them */
    double learning_rate;  /* scheduled and scaled by the rules */
    double
        weight_decay_scale; /* multiplies the optimizer's weight_decay: 0 for what must not decay */
    int64_t t;              /* 1 at the first update of these parameters */
    size_t n;
    float *weight;             /* (n) */
    const float *gradient;     /* (n) */
    double gradient_scale;     /* multiply the gradient by this first: global-norm clipping */
    float *slot[FL_MAX_SLOTS]; /* (n) each: the optimizer's state, zero at t = 1 */
} fl_update;

typedef struct fl_optim_ops {
    const char *name, *help;
    int slots;
    const char *slot_name[FL_MAX_SLOTS]; /* "exp_avg", "exp_avg_sq": PyTorch's names */
    size_t conf_size;
    const fl_field *fields;
    double (*learning_rate)(const void *conf);
    void (*update)(const void *conf, const fl_update *u);
} fl_optim_ops;
const fl_optim_ops *fl_optim_find(const char *name);
const fl_optim_ops *const *fl_optims_all(void);

typedef struct fl_rate_ops { /* the factor on the learning rate */
    const char *name, *help;
    size_t conf_size;
    const fl_field *fields;
    double (*factor)(const void *conf, int64_t step, int64_t total_steps,
                     int64_t steps_per_epoch); /* step from 0 */
} fl_rate_ops;
const fl_rate_ops *fl_rate_find(const char *name);
const fl_rate_ops *const *fl_rates_all(void);

/* The config's `optimizer` and `lr_scheduler` sections. */
typedef struct fl_optim_conf {
    const fl_optim_ops *ops;
    void *conf; /* owned; fl_optim_conf_close */
    const fl_rate_ops *rate;
    void *rate_conf;
    fl_node *rules; /* [{layers: [globs], learning_rate_scale, weight_decay_scale}] */
} fl_optim_conf;
fl_status fl_optim_parse(fl_node *optimizer, fl_node *lr_scheduler, fl_optim_conf *out);
void fl_optim_conf_close(fl_optim_conf *c);

/* The rules resolved against layer names (a pattern without a match is an error at its place):
 * scales[i], decay[i] of layer i with name names[i]. The last rule that matches wins. */
fl_status fl_optim_rules(const fl_optim_conf *c, int n, const char *const *names, double *scales,
                         double *decay);

#endif
