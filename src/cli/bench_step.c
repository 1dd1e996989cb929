/* frostline bench step: what a training step takes, and where. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"

typedef struct part { /* of a step: where its seconds stand in a sample */
    const char *name;
    size_t at;
} part;

static const part parts[] = {
    {"step", offsetof(fl_bench_sample, seconds)},
    {"static", offsetof(fl_bench_sample, time.fixed)},
    {"forward", offsetof(fl_bench_sample, time.forward)},
    {"backward", offsetof(fl_bench_sample, time.backward)},
    {"reduce_exposed", offsetof(fl_bench_sample, time.reduce_exposed)},
    {"update", offsetof(fl_bench_sample, time.update)},
    {"other", offsetof(fl_bench_sample, time.other)},
};

typedef struct subject { /* what is measured */
    const fl_experiment *x;
    const char *config;
    int ranks, warmup, steps;
    double flops;     /* of one step, all ranks */
    char *algorithms; /* of the forward pass; owned */
} subject;

static double quantile(const fl_bench_result *r, const part *p, double q) {
    const double *first = (const double *)((const char *)r->sample + p->at);
    return fl_quantile(r->n, first, sizeof *r->sample, q);
}

/* ---- what the plan says of the step ---- */

static double flops_of(const fl_plan *p) {
    double flops = 0;
    for (int l = 0; l < p->model->n_layers; l++)
        flops += p->layer[l].flops + p->layer[l].flops_dx + p->layer[l].flops_dw;
    return flops * (double)p->conf.batch_size;
}

/* "winograd4 9, implicit 4": which ones, and how many layers each has. */
static char *algorithms_of(const fl_plan *p) {
    fl_text t = {0};
    fl_text_add(&t, "%s", "");
    for (int l = 0; l < p->model->n_layers; l++) {
        const char *name = fl_plan_algorithm(p, l, FL_PASS_FORWARD);
        int before = 0, after = 0;
        for (int i = 0; i < p->model->n_layers; i++)
            *(i < l ? &before : &after) +=
                strcmp(fl_plan_algorithm(p, i, FL_PASS_FORWARD), name) == 0;
        if (*name && strcmp(name, "fused") != 0 && before == 0)
            fl_text_add(&t, "%s%s %d", t.len ? ", " : "", name, after);
    }
    return t.s;
}

static fl_status describe(subject *s) {
    fl_plan *p;
    FL_TRY(fl_experiment_plan(s->x, 0, s->ranks, &p));
    s->flops = flops_of(p);
    s->algorithms = algorithms_of(p);
    fl_plan_close(p);
    return FL_OK;
}

/* ---- printing ---- */

static json_t *quantiles(const fl_bench_result *r, const part *p) {
    json_t *o = json_object();
    json_object_set_new(o, "median", json_real(quantile(r, p, 0.5)));
    json_object_set_new(o, "p10", json_real(quantile(r, p, 0.1)));
    json_object_set_new(o, "p90", json_real(quantile(r, p, 0.9)));
    return o;
}

static void print_json(const fl_bench *b, const subject *s, const fl_bench_result *r) {
    json_t *o = fl_bench_head(b), *time = json_object(), *memory = json_object();
    double median = quantile(r, &parts[0], 0.5), rows = (double)s->x->train.batch_size;
    json_object_set_new(o, "config", json_string(s->config));
    json_object_set_new(o, "ranks", json_integer(s->ranks));
    json_object_set_new(o, "batch_size", json_integer(s->x->train.batch_size));
    json_object_set_new(o, "warmup", json_integer(s->warmup));
    json_object_set_new(o, "steps", json_integer(s->steps));
    json_object_set_new(o, "step_seconds", quantiles(r, &parts[0]));
    json_object_set_new(o, "samples_per_second", json_real(rows / median));
    for (size_t i = 1; i < FL_COUNT(parts); i++)
        json_object_set_new(time, parts[i].name, quantiles(r, &parts[i]));
    json_object_set_new(o, "time", time);
    json_object_set_new(o, "gflops", json_real(s->flops / median * 1e-9));
    json_object_set_new(o, "share_of_peak", json_real(s->flops / median / (b->peak * s->ranks)));
    json_object_set_new(o, "algorithms", json_string(s->algorithms));
    json_object_set_new(memory, "peak_rss_bytes", json_integer((json_int_t)r->peak_rss_bytes));
    json_object_set_new(memory, "pss_bytes_all_ranks", json_integer((json_int_t)r->pss_bytes));
    json_object_set_new(o, "memory", memory);
    json_object_set_new(o, "loss", isfinite(r->loss) ? json_real(r->loss) : json_null());
    fl_bench_print_json(o);
}

static void print_part(const fl_bench_result *r, const part *p) {
    double median = quantile(r, p, 0.5);
    printf("%-14s %11.5f %11.5f %11.5f %7.1f %%\n", p->name, median, quantile(r, p, 0.1),
           quantile(r, p, 0.9), 100 * median / quantile(r, &parts[0], 0.5));
}

static void print_text(const fl_bench *b, const subject *s, const fl_bench_result *r) {
    double median = quantile(r, &parts[0], 0.5), speed = s->flops / median;
    char rss[32], pss[32];
    fl_bench_print_head(b);
    printf("# %s: batch_size %lld on %d rank%s, synthetic rows, %d steps after %d not counted\n"
           "%-14s %11s %11s %11s %9s\n",
           s->config, (long long)s->x->train.batch_size, s->ranks, s->ranks > 1 ? "s" : "",
           s->steps, s->warmup, "part", "median s", "p10 s", "p90 s", "share");
    for (size_t i = 0; i < FL_COUNT(parts); i++) print_part(r, &parts[i]);
    printf("\n%.2f samples/s; %.1f GFLOP/s, %.2f of the peak of all ranks\n",
           (double)s->x->train.batch_size / median, speed * 1e-9, speed / (b->peak * s->ranks));
    if (*s->algorithms) printf("forward, layers by algorithm: %s\n", s->algorithms);
    printf("memory: at most %s resident in a rank; %s in all ranks, shared pages once\n",
           fl_human_bytes(r->peak_rss_bytes, rss), fl_human_bytes(r->pss_bytes, pss));
}

/* ---- the command ---- */

static fl_status bench_all(fl_comm *c, fl_bench *b, subject *s) {
    fl_bench_conf conf = {.warmup = s->warmup, .steps = s->steps};
    fl_bench_result r = {0};
    fl_status status = fl_bench_step(c, s->x, &conf, &r);
    if (status == FL_OK) status = fl_bench_begin_all(c, b);
    if (status == FL_OK) status = fl_comm_agree(c, describe(s));
    if (status == FL_OK && fl_comm_rank(c) == 0) (b->json ? print_json : print_text)(b, s, &r);
    fl_free(s->algorithms);
    fl_free(r.sample);
    return status;
}

fl_status fl_bench_steps(fl_comm *c, int argc, char **argv) {
    const char *steps = NULL, *warmup = NULL;
    fl_bench b = {.what = "step"};
    const fl_option options[] = {
        {"steps", &steps, NULL, NULL},
        {"warmup", &warmup, NULL, NULL},
        {"json", NULL, NULL, &b.json},
        {NULL, NULL, NULL, NULL},
    };
    fl_cli cli;
    FL_TRY(fl_cli_open(c, argc, argv, options, 0, &cli));
    subject s = {.x = cli.x, .config = cli.args.config, .ranks = fl_comm_size(c)};
    s.steps = 10, s.warmup = 2;
    fl_status status = fl_bench_number("steps", steps, &s.steps);
    if (status == FL_OK) status = fl_bench_number("warmup", warmup, &s.warmup);
    if (status == FL_OK) status = bench_all(c, &b, &s);
    fl_cli_close(&cli);
    return status;
}
