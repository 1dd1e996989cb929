/* cosine (Loshchilov & Hutter, ICLR 2017, without restarts): with p the share of the steps after
 * the warm-up that is behind us, min_factor + (1 - min_factor) · (1 + cos πp) / 2. */
#include <math.h>

#include "warmup.h"

typedef struct cosine_conf {
    int64_t warmup_steps;
    double min_factor;
} cosine_conf;

static const fl_field fields[] = {
    {"warmup_steps", FL_INT, offsetof(cosine_conf, warmup_steps), "0", 0, 1e15, NULL,
     "Steps in which the learning rate rises linearly to its full value.", NULL},
    {"min_factor", FL_FLOAT, offsetof(cosine_conf, min_factor), "0.0", 0, 1, NULL,
     "Share of the learning rate that is left at the end.", NULL},
    {.name = NULL},
};

static double factor(const void *conf, int64_t step, int64_t total_steps, int64_t steps_per_epoch) {
    const cosine_conf *c = conf;
    (void)steps_per_epoch;
    double p = warmup_progress(c->warmup_steps, step, total_steps);
    double fall = c->min_factor + (1 - c->min_factor) * (1 + cos(M_PI * p)) / 2;
    return warmup_factor(c->warmup_steps, step) * fall;
}

const fl_rate_ops fl_rate_cosine = {
    .name = "cosine",
    .help = "Falls along half a cosine until the last step.",
    .conf_size = sizeof(cosine_conf),
    .fields = fields,
    .factor = factor,
};
