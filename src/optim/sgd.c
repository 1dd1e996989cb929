/* Stochastic gradient descent, with momentum (Sutskever et al., ICML 2013; the form is PyTorch's):
 *
 *     g ← g + weight_decay · w
 *     v ← momentum · v + g
 *     w ← w - learning_rate · v                    or, with nesterov,
 *     w ← w - learning_rate · (g + momentum · v)
 */
#include "frostline/optim.h"

typedef struct sgd_conf {
    double learning_rate, momentum, weight_decay;
    bool nesterov;
} sgd_conf;

static const fl_field fields[] = {
    {"learning_rate", FL_FLOAT, offsetof(sgd_conf, learning_rate), "0.01", 0, 1e6, NULL,
     "Step size, before the schedule.", NULL},
    {"momentum", FL_FLOAT, offsetof(sgd_conf, momentum), "0.0", 0, 1, NULL,
     "Share of the last step that the next one keeps.", NULL},
    {"nesterov", FL_BOOL, offsetof(sgd_conf, nesterov), "false", 0, 0, NULL,
     "Take the gradient as if the momentum's step were already done.", NULL},
    {"weight_decay", FL_FLOAT, offsetof(sgd_conf, weight_decay), "0.0", 0, 1e6, NULL,
     "L2 penalty, added to the gradient.", NULL},
    {.name = NULL},
};

static double learning_rate(const void *conf) {
    return ((const sgd_conf *)conf)->learning_rate;
}

/* Both forms are w ← w - rate_g · g - rate_v · v. */
static void descend(size_t n, float *restrict w, const float *restrict gradient, float *restrict v,
                    float scale, float decay, float momentum, float rate_g, float rate_v) {
    for (size_t i = 0; i < n; i++) {
        float g = scale * gradient[i] + decay * w[i];
        v[i] = momentum * v[i] + g;
        w[i] -= rate_g * g + rate_v * v[i];
    }
}

static void update(const void *conf, const fl_update *u) {
    const sgd_conf *c = conf;
    double rate_g = c->nesterov ? u->learning_rate : 0;
    double rate_v = c->nesterov ? u->learning_rate * c->momentum : u->learning_rate;
    descend(u->n, u->weight, u->gradient, u->slot[0], (float)u->gradient_scale,
            (float)(c->weight_decay * u->weight_decay_scale), (float)c->momentum, (float)rate_g,
            (float)rate_v);
}

const fl_optim_ops fl_optim_sgd = {
    .name = "sgd",
    .help = "Stochastic gradient descent, with or without momentum.",
    .slots = 1,
    .slot_name = {"momentum_buffer"},
    .conf_size = sizeof(sgd_conf),
    .fields = fields,
    .learning_rate = learning_rate,
    .update = update,
};
