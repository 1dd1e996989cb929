/* constant: factor 1 once warm. */
#include "warmup.h"

typedef struct constant_conf {
    int64_t warmup_steps;
} constant_conf;

static const fl_field fields[] = {
    {"warmup_steps", FL_INT, offsetof(constant_conf, warmup_steps), "0", 0, 1e15, NULL,
     "Steps in which the learning rate rises linearly to its full value.", NULL},
    {.name = NULL},
};

static double factor(const void *conf, int64_t step, int64_t total_steps, int64_t steps_per_epoch) {
    (void)total_steps, (void)steps_per_epoch;
    return warmup_factor(((const constant_conf *)conf)->warmup_steps, step);
}

const fl_rate_ops fl_rate_constant = {
    .name = "constant",
    .help = "The same learning rate from the warm-up to the end.",
    .conf_size = sizeof(constant_conf),
    .fields = fields,
    .factor = factor,
};
