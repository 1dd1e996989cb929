/* linear: with p the share of the steps after the warm-up that is behind us, 1 - p · (1 -
 * end_factor). */
#include "warmup.h"

typedef struct linear_conf {
    int64_t warmup_steps;
    double end_factor;
} linear_conf;

static const fl_field fields[] = {
    {"warmup_steps", FL_INT, offsetof(linear_conf, warmup_steps), "0", 0, 1e15, NULL,
     "Steps in which the learning rate rises linearly to its full value.", NULL},
    {"end_factor", FL_FLOAT, offsetof(linear_conf, end_factor), "0.0", 0, 1, NULL,
     "Share of the learning rate that is left at the end.", NULL},
    {.name = NULL},
};

static double factor(const void *conf, int64_t step, int64_t total_steps, int64_t steps_per_epoch) {
    const linear_conf *c = conf;
    (void)steps_per_epoch;
    double p = warmup_progress(c->warmup_steps, step, total_steps);
    return warmup_factor(c->warmup_steps, step) * (1 - p * (1 - c->end_factor));
}

const fl_rate_ops fl_rate_linear = {
    .name = "linear",
    .help = "Falls along a line until the last step.",
    .conf_size = sizeof(linear_conf),
    .fields = fields,
    .factor = factor,
};
