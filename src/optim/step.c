/* step: gamma^⌊epoch / step_size_epochs⌋, the epoch counted from 0. */
#include <math.h>

#include "warmup.h"

typedef struct step_conf {
    int64_t warmup_steps, step_size_epochs;
    double gamma;
} step_conf;

static const fl_field fields[] = {
    {"warmup_steps", FL_INT, offsetof(step_conf, warmup_steps), "0", 0, 1e15, NULL,
     "Steps in which the learning rate rises linearly to its full value.", NULL},
    {"step_size_epochs", FL_INT, offsetof(step_conf, step_size_epochs), NULL, 1, 1e9, NULL,
     "Epochs from one drop of the learning rate to the next.", NULL},
    {"gamma", FL_FLOAT, offsetof(step_conf, gamma), "0.1", 0, 1e3, NULL,
     "What each drop multiplies the learning rate by.", NULL},
    {.name = NULL},
};

static double factor(const void *conf, int64_t step, int64_t total_steps, int64_t steps_per_epoch) {
    const step_conf *c = conf;
    (void)total_steps;
    int64_t drops = step / steps_per_epoch / c->step_size_epochs;
    return warmup_factor(c->warmup_steps, step) * pow(c->gamma, (double)drops);
}

const fl_rate_ops fl_rate_step = {
    .name = "step",
    .help = "Drops by a factor every so many epochs.",
    .conf_size = sizeof(step_conf),
    .fields = fields,
    .factor = factor,
};
