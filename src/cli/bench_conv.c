/* frostline bench conv: each convolution of a net with each algorithm that fits. */
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/bench_net.h"

static const char vgg16[] = "model: {base: vgg16, include_top: false, "
                            "layers: [{flatten: {}}, {dense: {units: 2}}]}\n"
                            "data: {format: synthetic, train: {rows: 8, classes: 2}}\n";

typedef struct job { /* one convolution, one way to run it */
    const fl_bench_conv_case *c;
    const fl_kernels *kernels;
    const fl_conv_algo *algo; /* NULL: */
    bool depthwise;           /* the set's depthwise; false: the plain way */
    int rows;
    fl_epilogue e;
    float *x, *w, *y, *packed, *work;
} job;

/* The plain way: im2col and OpenBLAS, or the loops of the reference. Its pooling is a layer's. */
static void run_plain(const job *j) {
    const fl_conv *g = &j->c->g;
    if (j->c->depthwise)
        j->kernels->depthwise_forward(g, j->rows, j->x, j->w, j->y);
    else
        j->kernels->conv_forward(g, j->rows, j->x, j->w, j->y, j->work);
    fl_epilogue_apply(&j->e, (size_t)j->rows * g->oh * g->ow, (size_t)g->co, j->y);
}

static void run(const void *p) {
    const job *j = p;
    const fl_conv *g = &j->c->g;
    if (j->algo)
        j->algo->run(g, j->rows, j->x, j->packed, &j->e, j->y, j->work);
    else if (j->depthwise)
        j->kernels->isa->depthwise->forward(g, j->rows, j->x, j->w, &j->e, j->y);
    else
        run_plain(j);
}

static double flops_of(const fl_bench_conv_case *c, int rows) {
    const fl_conv *g = &c->g;
    double taps = (double)g->kh * g->kw * (c->depthwise ? 1 : g->ci);
    return 2.0 * rows * g->oh * g->ow * g->co * taps;
}

static const char *name_of(const job *j) {
    if (j->algo) return j->algo->name;
    if (j->depthwise) return "depthwise";
    return j->c->depthwise ? "loops" : j->kernels->plain;
}

static bool is_chosen(const job *j) {
    return strcmp(j->c->algorithm, name_of(j)) == 0;
}

static json_t *triple(int a, int b, int c) {
    json_t *list = json_array();
    json_array_append_new(list, json_integer(a));
    json_array_append_new(list, json_integer(b));
    if (c) json_array_append_new(list, json_integer(c));
    return list;
}

static json_t *result_of(const fl_bench *b, const job *j, double seconds, size_t packed) {
    json_t *r = json_object();
    const fl_conv *g = &j->c->g;
    json_object_set_new(r, "layer", json_string(j->c->layer));
    json_object_set_new(r, "layers", json_integer(j->c->layers));
    json_object_set_new(r, "input", triple(g->h, g->w, g->ci));
    json_object_set_new(r, "output", triple(g->oh, g->ow, g->co));
    json_object_set_new(r, "kernel_size", triple(g->kh, g->kw, 0));
    json_object_set_new(r, "strides", triple(g->sh, g->sw, 0));
    json_object_set_new(r, "depthwise", json_boolean(j->c->depthwise));
    json_object_set_new(r, "pool", json_integer(j->c->e.pool));
    json_object_set_new(r, "algorithm", json_string(name_of(j)));
    json_object_set_new(r, "chosen", json_boolean(is_chosen(j)));
    json_object_set_new(r, "packed_bytes", json_integer((json_int_t)(packed * sizeof(float))));
    fl_bench_set_speed(b, r, seconds, flops_of(j->c, j->rows));
    return r;
}

static void print_result(const fl_bench *b, const job *j, double seconds, size_t packed) {
    const fl_conv *g = &j->c->g;
    double speed = flops_of(j->c, j->rows) / seconds;
    char input[40], kernel[40], size[32];
    snprintf(input, sizeof input, "%dx%dx%d", g->h, g->w, g->ci);
    snprintf(kernel, sizeof kernel, "%dx%dx%d/%d%s", g->kh, g->kw, g->co, g->sh,
             j->c->e.pool > 1 ? " pool" : "");
    printf("%-18.18s %2d  %-12s %-15s %-14s %s %9.2f %9.1f %7.2f %10s\n", j->c->layer, j->c->layers,
           input, kernel, name_of(j), is_chosen(j) ? "*" : " ", seconds * 1e3, speed * 1e-9,
           speed / b->peak, fl_human_bytes((double)(packed * sizeof(float)), size));
}

static void measure(const fl_bench *b, json_t *results, const job *j, size_t packed) {
    double seconds = fl_bench_median(b, run, j);
    if (b->json)
        json_array_append_new(results, result_of(b, j, seconds, packed));
    else
        print_result(b, j, seconds, packed);
}

static void bench_algo(const fl_bench *b, json_t *results, job *j, const fl_conv_algo *a) {
    size_t packed = a->packed(&j->c->g), work = a->work(&j->c->g, j->rows);
    j->algo = a;
    j->packed = fl_bench_floats(packed);
    j->work = fl_bench_floats(work);
    a->pack(&j->c->g, j->w, j->packed);
    measure(b, results, j, packed);
    fl_bench_free(j->packed, packed);
    fl_bench_free(j->work, work);
    j->algo = NULL;
}

static void bench_algos(const fl_bench *b, json_t *results, job *j,
                        const fl_conv_algo *const *list) {
    for (; *list; list++)
        if ((*list)->fits(&j->c->g, &j->e)) bench_algo(b, results, j, *list);
}

static void bench_plain(const fl_bench *b, json_t *results, job *j) {
    size_t work = j->c->depthwise ? 0 : b->kernels->conv_work(&j->c->g, j->rows);
    j->work = fl_bench_floats(work);
    measure(b, results, j, 0);
    fl_bench_free(j->work, work);
}

static void bench_ways(const fl_bench *b, json_t *results, job *j) {
    const fl_conv *g = &j->c->g;
    const fl_isa *isa = b->kernels->isa;
    if (!j->c->depthwise && isa) bench_algos(b, results, j, isa->conv);
    if (!j->c->depthwise) bench_algos(b, results, j, fl_conv_bf16(b->kernels));
    j->depthwise = j->c->depthwise && isa && isa->depthwise && isa->depthwise->fits(g, &j->e);
    if (j->depthwise) measure(b, results, j, 0);
    j->depthwise = false;
    bench_plain(b, results, j);
}

static void bench_case(const fl_bench *b, json_t *results, const fl_bench_conv_case *c, int rows) {
    const fl_conv *g = &c->g;
    size_t nx = (size_t)rows * g->h * g->w * g->ci, ny = (size_t)rows * g->oh * g->ow * g->co,
           nw = (size_t)g->kh * g->kw * g->co * (c->depthwise ? 1 : g->ci), nb = (size_t)g->co;
    float *bias = fl_bench_floats(nb);
    job j = {.c = c, .kernels = b->kernels, .rows = rows, .e = c->e};
    j.e.bias = bias;
    j.x = fl_bench_floats(nx);
    j.w = fl_bench_floats(nw);
    j.y = fl_bench_floats(ny);
    bench_ways(b, results, &j);
    fl_bench_free(j.x, nx);
    fl_bench_free(j.w, nw);
    fl_bench_free(j.y, ny);
    fl_bench_free(bias, nb);
}

static void print_head(const fl_bench *b, const char *net, int rows) {
    fl_bench_print_head(b);
    printf(
        "# the convolutions of %s, forward, %d rows at a time, bias, activation and pooling "
        "fused; medians of %d runs\n"
        "# *: the plan's choice; im2col, loops: without an algorithm; operations are those of the "
        "definition, so that\n"
        "# Winograd's algorithms, which do with fewer, may pass the peak\n"
        "%-18s %2s  %-12s %-15s %-14s   %9s %9s %7s %10s\n",
        net, rows, b->repeat, "layer", "of", "input", "kernel/stride", "algorithm", "ms", "GFLOP/s",
        "of peak", "packed");
}

static fl_status bench_net(fl_bench *b, const char *net, const fl_plan *p, int rows) {
    int n;
    FL_TRY(fl_bench_begin(b));
    json_t *results = json_array();
    fl_bench_conv_case *cases = fl_bench_conv_cases(p, &n);
    if (!b->json) print_head(b, net, rows);
    for (int i = 0; i < n; i++) bench_case(b, results, &cases[i], rows);
    if (b->json) {
        json_t *o = fl_bench_head(b);
        json_object_set_new(o, "net", json_string(net));
        json_object_set_new(o, "rows", json_integer(rows));
        json_object_set_new(o, "repeat", json_integer(b->repeat));
        json_object_set(o, "results", results);
        fl_bench_print_json(o);
    }
    json_decref(results);
    fl_free(cases);
    return FL_OK;
}

static fl_status open_net(int argc, char **argv, const fl_option *options, fl_cli *cli) {
    fl_arguments *a = &cli->args;
    FL_TRY(fl_arguments_parse(argc, argv, options, 0, a));
    FL_TRY(a->config ? fl_config_open(a->config, a->n_overrides, a->override, &cli->config)
                     : fl_config_parse("vgg16", vgg16, 0, NULL, &cli->config));
    return fl_experiment_open(cli->config, &cli->x);
}

fl_status fl_bench_conv(fl_comm *c, int argc, char **argv) {
    (void)c;
    const char *rows_text = NULL, *repeat = NULL;
    int rows = 8;
    fl_bench b = {.what = "conv", .repeat = 5};
    const fl_option options[] = {
        {"rows", &rows_text, NULL, NULL},
        {"repeat", &repeat, NULL, NULL},
        {"json", NULL, NULL, &b.json},
        {NULL, NULL, NULL, NULL},
    };
    fl_cli cli = {0};
    fl_plan *p = NULL;
    fl_status status = open_net(argc, argv, options, &cli);
    if (status == FL_OK) status = fl_bench_number("rows", rows_text, &rows);
    if (status == FL_OK) status = fl_bench_number("repeat", repeat, &b.repeat);
    if (status == FL_OK) status = fl_bench_plan(cli.x, rows, &p);
    if (status == FL_OK) status = bench_net(&b, fl_config_path(cli.config), p, rows);
    fl_plan_close(p);
    fl_cli_close(&cli);
    return status;
}
