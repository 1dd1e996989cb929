/* frostline bench layers: what each layer of a net takes on this machine: frozen, as inference, and
 * learning. Ranks do the same at the same time, each its own rows. */
#include <math.h>
#include <stdio.h>

#include "cli/bench.h"

enum { MOST_ROWS = 2 };

typedef struct subject {
    fl_comm *c;
    const fl_cli *cli;
    fl_experiment *x; /* nothing of it is frozen */
    int n_rows, rows[MOST_ROWS], steps;
    fl_plan *plan; /* of the first rows */
    fl_layer_seconds *layer[MOST_ROWS];
    fl_bench_result live[MOST_ROWS];
    double data; /* seconds a row */
} subject;

/* ---- measuring ---- */

static double median_of(const fl_bench_result *r, const double *first) {
    return fl_quantile(r->n, first, sizeof *r->sample, 0.5);
}

/* The mean over the ranks, and so the same on all. Of each rank a step's parts add up to the step,
 * for the quick wait for the slow in `other`: so do their means, but not those of the slowest. */
static void share(const subject *s, void *seconds, size_t bytes) {
    double *v = seconds;
    size_t n = bytes / sizeof *v;
    fl_comm_sum_double(s->c, v, n);
    for (size_t i = 0; i < n; i++) v[i] /= fl_comm_size(s->c);
}

static fl_status measure_rows(subject *s, int i) {
    size_t layers = (size_t)s->x->model->n_layers * sizeof *s->layer[i];
    fl_bench_result *live = &s->live[i];
    s->layer[i] = fl_alloc(layers);
    FL_TRY(fl_bench_layers(s->c, s->x, s->rows[i], s->steps, s->layer[i], live));
    share(s, s->layer[i], layers);
    share(s, live->sample, (size_t)live->n * sizeof *live->sample);
    share(s, &live->sum_seconds, sizeof live->sum_seconds);
    return FL_OK;
}

static fl_status measure(subject *s) {
    fl_experiment one = *s->x;
    one.train.batch_size = (int64_t)s->rows[0] * fl_comm_size(s->c);
    one.train.accumulation = 1;
    for (int i = 0; i < s->n_rows; i++) FL_TRY(measure_rows(s, i));
    s->data = fl_bench_data(s->c, s->x, s->rows[s->n_rows - 1]);
    share(s, &s->data, sizeof s->data);
    return fl_experiment_plan(&one, 0, fl_comm_size(s->c), &s->plan);
}

/* ---- printing ---- */

static void set(json_t *o, const char *key, double value) {
    json_object_set_new(o, key, isfinite(value) ? json_real(value) : json_null());
}

static json_t *layers_of(const subject *s) {
    json_t *list = json_array();
    for (int l = 0; l < s->x->model->n_layers; l++) {
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(s->x->model->layer[l].name));
        json_object_set_new(o, "type", json_string(s->x->model->layer[l].ops->name));
        set(o, "flops", s->plan->layer[l].flops);
        set(o, "flops_dx", s->plan->layer[l].flops_dx);
        set(o, "flops_dw", s->plan->layer[l].flops_dw);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *result_of(const subject *s, int i) {
    json_t *o = json_object(), *list = json_array();
    const fl_bench_result *live = &s->live[i];
    json_object_set_new(o, "rows", json_integer(s->rows[i]));
    for (int l = 0; l < s->x->model->n_layers; l++) {
        json_t *one = json_object();
        set(one, "static_seconds", s->layer[i][l].fixed);
        set(one, "forward_seconds", s->layer[i][l].forward);
        set(one, "backward_seconds", s->layer[i][l].backward);
        json_array_append_new(list, one);
    }
    json_object_set_new(o, "layers", list);
    set(o, "update_seconds", median_of(live, &live->sample->time.update));
    set(o, "other_seconds", median_of(live, &live->sample->time.other));
    set(o, "step_seconds", median_of(live, &live->sample->seconds));
    set(o, "sum_seconds", live->sum_seconds);
    return o;
}

static void print_json(const fl_bench *b, const subject *s) {
    json_t *o = fl_bench_head(b), *results = json_array();
    json_object_set_new(o, "config", json_string(s->cli->args.config));
    json_object_set_new(o, "ranks", json_integer(fl_comm_size(s->c)));
    json_object_set_new(o, "nodes", json_integer(fl_comm_nodes(s->c)));
    json_object_set_new(o, "steps", json_integer(s->steps));
    json_object_set_new(o, "trainable_parameters", json_integer((json_int_t)s->plan->n_trainable));
    json_object_set_new(o, "payload_bytes",
                        json_integer((json_int_t)fl_plan_payload_bytes(s->plan)));
    set(o, "data_seconds_per_row", s->data);
    json_object_set_new(o, "layers", layers_of(s));
    for (int i = 0; i < s->n_rows; i++) json_array_append_new(results, result_of(s, i));
    json_object_set_new(o, "results", results);
    fl_bench_print_json(o);
}

static double speed(double flops, double seconds) {
    return seconds > 0 ? flops / seconds * 1e-9 : 0;
}

static void print_layer(const subject *s, int i, int l) {
    const fl_model_layer *layer = &s->x->model->layer[l];
    const fl_plan_layer *q = &s->plan->layer[l];
    const fl_layer_seconds *t = &s->layer[i][l];
    double rows = s->rows[i];
    printf("%-24s %-18s %11.3f %11.3f %11.3f %8.1f %8.1f\n", layer->name, layer->ops->name,
           t->fixed * 1e3, t->forward * 1e3, t->backward * 1e3, speed(q->flops * rows, t->forward),
           speed((q->flops_dx + q->flops_dw) * rows, t->backward));
}

static void print_text(const fl_bench *b, const subject *s) {
    int ranks = fl_comm_size(s->c);
    fl_bench_print_head(b);
    for (int i = 0; i < s->n_rows; i++) {
        const fl_bench_result *live = &s->live[i];
        printf("# %s: %d row%s on each of %d rank%s; ms, medians of %d\n"
               "%-24s %-18s %11s %11s %11s %8s %8s\n",
               s->cli->args.config, s->rows[i], s->rows[i] > 1 ? "s" : "", ranks,
               ranks > 1 ? "s" : "", s->steps, "layer", "type", "frozen", "forward", "backward",
               "GFLOP/s", "GFLOP/s");
        for (int l = 0; l < s->x->model->n_layers; l++) print_layer(s, i, l);
        printf("update %.3f ms, sum of all gradients %.3f ms, step %.3f ms\n\n",
               median_of(live, &live->sample->time.update) * 1e3, live->sum_seconds * 1e3,
               median_of(live, &live->sample->seconds) * 1e3);
    }
    if (isfinite(s->data)) printf("a row of data: %.3f ms\n", s->data * 1e3);
}

/* ---- the command ---- */

/* "8" or "8,16", ascending. */
static fl_status parse_rows(const char *text, subject *s) {
    char comma, end;
    s->rows[0] = 8;
    s->n_rows = 1;
    if (!text) return FL_OK;
    s->n_rows = sscanf(text, "%d%c%d%c", &s->rows[0], &comma, &s->rows[1], &end);
    bool one = s->n_rows == 1, two = s->n_rows == 3 && comma == ',' && s->rows[1] > s->rows[0];
    s->n_rows = one ? 1 : 2;
    if ((one || two) && s->rows[0] > 0) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "option '--rows' cannot be '%s'; it is a number of rows of a rank, or two, the "
                   "smaller first, such as 8,16",
                   text);
}

static fl_status bench_all(subject *s, fl_bench *b) {
    FL_TRY(measure(s));
    FL_TRY(fl_bench_begin_all(s->c, b));
    if (fl_comm_rank(s->c) == 0) (b->json ? print_json : print_text)(b, s);
    return FL_OK;
}

fl_status fl_bench_layers_of(fl_comm *c, int argc, char **argv) {
    const char *steps = NULL, *rows = NULL;
    fl_bench b = {.what = "layers"};
    const fl_option options[] = {
        {"rows", &rows, NULL, NULL},
        {"steps", &steps, NULL, NULL},
        {"json", NULL, NULL, &b.json},
        {NULL, NULL, NULL, NULL},
    };
    fl_cli cli;
    fl_config *config = NULL;
    FL_TRY(fl_cli_open(c, argc, argv, options, 0, &cli));
    subject s = {.c = c, .cli = &cli, .steps = 5};
    fl_status status = fl_bench_number("steps", steps, &s.steps);
    if (status == FL_OK) status = parse_rows(rows, &s);
    if (status == FL_OK) status = fl_comm_agree(c, fl_cli_vary(&cli, "freeze={}", &config, &s.x));
    if (status == FL_OK) status = bench_all(&s, &b);
    for (int i = 0; i < MOST_ROWS; i++) fl_free(s.layer[i]), fl_free(s.live[i].sample);
    fl_plan_close(s.plan);
    fl_experiment_close(s.x);
    fl_config_close(config);
    fl_cli_close(&cli);
    return status;
}
