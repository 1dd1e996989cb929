/* An optimizer as a config names it, with a few parameters and gradients to work on. */
#ifndef OPTIM_BENCH_H
#define OPTIM_BENCH_H

#include "unit.h"

#include <math.h>

#include "frostline/config.h"
#include "frostline/optim.h"

enum { N = 37 }; /* no multiple of a vector's length */

typedef struct bench {
    fl_config *config;
    fl_optim_conf o;
    float weight[N], slot[FL_MAX_SLOTS][N];
} bench;

/* `options` as in YAML, with a comma behind each; the weights are (i - 18) / 10, the state is 0. */
static inline bench *bench_open(const char *name, const char *options) {
    bench *b = fl_alloc(sizeof *b);
    char *text = fl_format("optimizer: {%s type: %s}", options, name);
    assert_int_equal(fl_config_parse("a.yaml", text, 0, NULL, &b->config), FL_OK);
    fl_free(text);
    fl_status status = fl_optim_parse(fl_config_section(b->config, "optimizer"),
                                      fl_config_section(b->config, "lr_scheduler"), &b->o);
    if (status != FL_OK) fl_config_check(b->config);
    if (status != FL_OK) fail_msg("%s", fl_message());
    for (int i = 0; i < N; i++) b->weight[i] = (float)(i - 18) / 10;
    return b;
}

static inline void bench_close(bench *b) {
    fl_optim_conf_close(&b->o);
    fl_config_close(b->config);
    fl_free(b);
}

static inline fl_update update_of(bench *b, int64_t t, const float *gradient) {
    return (fl_update){
        .each = &fl_each_reference,
        .learning_rate = b->o.ops->learning_rate(b->o.conf),
        .weight_decay_scale = 1,
        .t = t,
        .n = N,
        .weight = b->weight,
        .gradient = gradient,
        .gradient_scale = 1,
        .slot = {b->slot[0], b->slot[1]},
    };
}

static inline double gradient_at(int64_t t, int i) {
    return sin((double)t + i) * (i % 4 == 3 ? 0.1 : 1);
}

static inline const float *gradients_at(int64_t t) {
    static float g[N];
    for (int i = 0; i < N; i++) g[i] = (float)gradient_at(t, i);
    return g;
}

static inline void steps(bench *b, int64_t from, int64_t to) {
    for (int64_t t = from; t <= to; t++) {
        fl_update u = update_of(b, t, gradients_at(t));
        b->o.ops->update(b->o.conf, &u);
    }
}

#endif
