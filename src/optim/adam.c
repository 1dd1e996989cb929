/* Adam (Kingma & Ba, ICLR 2015); weight decay as an L2 penalty, as in PyTorch's Adam:
 *
 *     g ← g + weight_decay · w
 *     m ← beta_1 · m + (1 - beta_1) · g
 *     v ← beta_2 · v + (1 - beta_2) · g²
 *     w ← w - learning_rate · m̂ / (√v̂ + epsilon)
 *     with m̂ = m / (1 - beta_1^t), v̂ = v / (1 - beta_2^t)
 */
#include "moments.h"

static const fl_field fields[] = {
    {"learning_rate", FL_FLOAT, offsetof(adam_conf, learning_rate), "0.001", 0, 1e6, NULL,
     "Step size, before the schedule.", NULL},
    {"beta_1", FL_FLOAT, offsetof(adam_conf, beta_1), "0.9", 0, 0.9999999, NULL,
     "How much of the gradient's running mean is kept each step.", NULL},
    {"beta_2", FL_FLOAT, offsetof(adam_conf, beta_2), "0.999", 0, 0.9999999, NULL,
     "How much of the squared gradient's running mean is kept each step.", NULL},
    {"epsilon", FL_FLOAT, offsetof(adam_conf, epsilon), "1.0e-7", 1e-30, 1, NULL,
     "Added to the root of the mean square, so that nothing is divided by zero.", NULL},
    {"weight_decay", FL_FLOAT, offsetof(adam_conf, weight_decay), "0.0", 0, 1e6, NULL,
     "L2 penalty, added to the gradient.", NULL},
    {.name = NULL},
};

static void update(const void *conf, const fl_update *u) {
    const adam_conf *c = conf;
    fl_adam_step s = adam_step_of(c, u);
    s.l2 = (float)(c->weight_decay * u->weight_decay_scale);
    adam_move(&s, u);
}

const fl_optim_ops fl_optim_adam = {
    .name = "adam",
    .help = "Adam: each weight's step is scaled by its gradient's running mean square.",
    .slots = 2,
    .slot_name = {"exp_avg", "exp_avg_sq"},
    .conf_size = sizeof(adam_conf),
    .fields = fields,
    .learning_rate = adam_learning_rate,
    .update = update,
};
