/* Each optimizer's formula: against a plain transcription in double precision, and against PyTorch.
 */
#include "optim_bench.h"

#include <string.h>

typedef struct options {
    double rate, beta_1, beta_2, epsilon, decay, momentum;
    bool decoupled, nesterov;
} options;

static double plain_adam(const options *o, int64_t t, double g, double w, double *m, double *v) {
    if (o->decoupled) w -= o->rate * o->decay * w;
    if (!o->decoupled) g += o->decay * w;
    *m = o->beta_1 * *m + (1 - o->beta_1) * g;
    *v = o->beta_2 * *v + (1 - o->beta_2) * g * g;
    double m_hat = *m / (1 - pow(o->beta_1, (double)t)),
           v_hat = *v / (1 - pow(o->beta_2, (double)t));
    return w - o->rate * m_hat / (sqrt(v_hat) + o->epsilon);
}

static double plain_sgd(const options *o, int64_t t, double g, double w, double *v,
                        double *unused) {
    (void)t, (void)unused;
    g += o->decay * w;
    *v = o->momentum * *v + g;
    return w - o->rate * (o->nesterov ? g + o->momentum * *v : *v);
}

static const struct formula {
    const char *name, *text;
    options options;
    double (*step)(const options *, int64_t, double, double, double *, double *);
} formulas[] = {
    {"adam", "", {0.001, 0.9, 0.999, 1e-7, 0, 0, false, false}, plain_adam},
    {"adam",
     "learning_rate: 0.01, beta_1: 0.8, beta_2: 0.95, epsilon: 0.001, weight_decay: 0.1,",
     {0.01, 0.8, 0.95, 1e-3, 0.1, 0, false, false},
     plain_adam},
    {"adamw", "", {0.001, 0.9, 0.999, 1e-7, 0.01, 0, true, false}, plain_adam},
    {"sgd", "", {.rate = 0.01}, plain_sgd},
    {"sgd",
     "learning_rate: 0.02, momentum: 0.9, weight_decay: 0.01,",
     {.rate = 0.02, .momentum = 0.9, .decay = 0.01},
     plain_sgd},
    {"sgd",
     "learning_rate: 0.02, momentum: 0.9, nesterov: true, weight_decay: 0.01,",
     {.rate = 0.02, .momentum = 0.9, .decay = 0.01, .nesterov = true},
     plain_sgd},
};

static void equals_its_transcription(void **state) {
    (void)state;
    for (size_t k = 0; k < FL_COUNT(formulas); k++) {
        const struct formula *f = &formulas[k];
        bench *b = bench_open(f->name, f->text);
        steps(b, 1, 50);
        for (int i = 0; i < N; i++) {
            double w = (double)((float)(i - 18) / 10), first = 0, second = 0;
            for (int64_t t = 1; t <= 50; t++)
                w = f->step(&f->options, t, (double)(float)gradient_at(t, i), w, &first, &second);
            assert_true(fabs(w - (double)b->weight[i]) < 1e-6);
        }
        bench_close(b);
    }
}

/* Five steps of PyTorch 2.13 in double precision, from these weights with gradient_at. */
static const float torch_start[4] = {0.5F, -1.25F, 2.0F, -0.03125F};
static const struct golden {
    const char *name, *options;
    double weight[4];
} goldens[] = {
    {"adam", "learning_rate: 0.01,", {0.469674086, -1.261345556, 2.014824143, 0.000989042}},
    {"adam",
     "learning_rate: 0.01, beta_1: 0.8, beta_2: 0.95, epsilon: 0.001, weight_decay: 0.1,",
     {0.471300207, -1.252485498, 2.005378361, -0.001848634}},
    {"adamw",
     "learning_rate: 0.02, weight_decay: 0.3,",
     {0.425596871, -1.234910596, 1.970340693, 0.033061339}},
    {"sgd", "learning_rate: 0.1,", {0.482383835, -1.155527517, 2.119703566, -0.027762026}},
    {"sgd",
     "learning_rate: 0.1, momentum: 0.9, weight_decay: 0.01,",
     {0.039828876, -1.237971487, 2.422673770, 0.018104416}},
    {"sgd",
     "learning_rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.01,",
     {0.068328768, -1.137410824, 2.488792003, 0.016551587}},
};

static void equals_pytorch(void **state) {
    (void)state;
    for (size_t k = 0; k < FL_COUNT(goldens); k++) {
        bench *b = bench_open(goldens[k].name, goldens[k].options);
        memcpy(b->weight, torch_start, sizeof torch_start);
        steps(b, 1, 5);
        for (int i = 0; i < 4; i++)
            assert_true(fabs((double)b->weight[i] - goldens[k].weight[i]) < 1e-6);
        bench_close(b);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_transcription),
        cmocka_unit_test(equals_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
