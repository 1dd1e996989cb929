/* frostline bench error: how far each algorithm, and a whole net, is from the same in double. */
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/exact.h"

typedef struct shape { /* one that nets are made of */
    int size, ci, co, k, stride;
} shape;

static const shape shapes[] = {
    {56, 64, 64, 3, 1},   {28, 128, 128, 3, 1}, {14, 512, 512, 3, 1}, {28, 128, 256, 3, 2},
    {28, 256, 128, 1, 1}, {28, 64, 128, 1, 2},  {32, 3, 64, 3, 1},
};

typedef struct subject { /* a net, if no config is given */
    const char *base;
    int size;
} subject;

static const subject subjects[] = {
    {"vgg16", 64}, {"squeezenet1_0", 64}, {"mobilenet_v1", 64}, {"resnet20_cifar", 32}};

typedef struct report {
    const fl_bench *b;
    json_t *list;
    fl_conv g;
} report;

static fl_conv geometry_of(const shape *s) {
    int n = (s->size - 1) / s->stride + 1, pad = s->k / 2;
    return (fl_conv){s->size, s->size, s->ci,     n,         n,   s->co,
                     s->k,    s->k,    s->stride, s->stride, pad, pad};
}

static void set_error(json_t *o, fl_error e) {
    json_object_set_new(o, "rms", json_real(e.rms));
    json_object_set_new(o, "max", json_real(e.max));
}

static void see_conv(void *context, fl_pass pass, const char *algorithm, fl_error e) {
    static const char *const names[] = {"forward", "dX", "dW"};
    const report *r = context;
    const fl_conv *g = &r->g;
    char text[64];
    snprintf(text, sizeof text, "%dx%dx%d %dx%dx%d/%d", g->h, g->w, g->ci, g->kh, g->kw, g->co,
             g->sh);
    if (!r->b->json) {
        printf("%-24s %-8s %-15s %10.2e %10.2e\n", text, names[pass], algorithm, e.rms, e.max);
        return;
    }
    json_t *o = json_object();
    json_object_set_new(o, "convolution", json_string(text));
    json_object_set_new(o, "pass", json_string(names[pass]));
    json_object_set_new(o, "algorithm", json_string(algorithm));
    set_error(o, e);
    json_array_append_new(r->list, o);
}

static void bench_convs(report *r) {
    if (!r->b->json)
        printf("# each algorithm on 2 rows of unit normals\n%-24s %-8s %-15s %10s %10s\n",
               "input kernel/stride", "pass", "algorithm", "rms", "max");
    for (size_t i = 0; i < FL_COUNT(shapes); i++) {
        r->g = geometry_of(&shapes[i]);
        fl_error_conv(r->b->kernels, &r->g, 2, see_conv, r);
    }
}

/* ---- nets ---- */

static void see_net(const report *r, const char *net, const char *precision, fl_error e) {
    if (!r->b->json) {
        printf("%-33s %-15s %10.2e %10.2e\n", net, precision, e.rms, e.max);
        return;
    }
    json_t *o = json_object();
    json_object_set_new(o, "net", json_string(net));
    json_object_set_new(o, "static_precision", json_string(precision));
    set_error(o, e);
    json_array_append_new(r->list, o);
}

static fl_status bench_config(report *r, fl_comm *c, fl_config *config, int rows,
                              const char *name) {
    fl_experiment *x = NULL;
    fl_error e;
    fl_status status = fl_experiment_open(config, &x);
    if (status == FL_OK) status = fl_error_net(c, x, rows, &e);
    if (status == FL_OK)
        see_net(r, name, x->kernels.way.precision == FL_PRECISION_BF16 ? "bf16" : "float32", e);
    fl_experiment_close(x);
    return status;
}

/* The features of a base: for the top, only softmax and a product, adds nothing to what is asked.
 */
static fl_status bench_base(report *r, fl_comm *c, const subject *s, int rows,
                            const char *precision) {
    fl_config *config;
    char *text =
        fl_format("model: {base: %s, include_top: false, input: [%d, %d, 3], layers: [flatten]}\n"
                  "data: {format: synthetic, train: {rows: 2, classes: 2}}\n"
                  "kernels: {static_precision: %s}\ntrain: {loss: mse, batch_size: %d}\n",
                  s->base, s->size, s->size, precision, rows);
    fl_status status = fl_config_parse(s->base, text, 0, NULL, &config);
    fl_free(text);
    if (status == FL_OK) status = bench_config(r, c, config, rows, s->base);
    fl_config_close(config);
    return status;
}

static fl_status bench_bases(report *r, fl_comm *c, int rows) {
    bool half = *fl_conv_bf16(r->b->kernels) != NULL;
    for (size_t i = 0; i < FL_COUNT(subjects); i++) {
        FL_TRY(bench_base(r, c, &subjects[i], rows, "float32"));
        if (half) FL_TRY(bench_base(r, c, &subjects[i], rows, "bf16"));
    }
    return FL_OK;
}

static fl_status bench_nets(report *r, fl_comm *c, const fl_arguments *a, int rows) {
    fl_config *config;
    if (!r->b->json)
        printf("# the last layer of a net on %d rows of unit normals, all layers static\n"
               "%-33s %-15s %10s %10s\n",
               rows, "net", "static part in", "rms", "max");
    if (!a->config) return bench_bases(r, c, rows);
    FL_TRY(fl_config_open(a->config, a->n_overrides, a->override, &config));
    fl_status status = bench_config(r, c, config, rows, a->config);
    fl_config_close(config);
    return status;
}

static void print_head(const fl_bench *b) {
    if (!b->json)
        printf("# frostline bench error: %s kernels; errors are those against the same in double, "
               "relative to its root mean square\n",
               b->kernels->name);
}

static void print_json(const report *r, int rows) {
    json_t *o = json_object();
    json_object_set_new(o, "bench", json_string(r->b->what));
    json_object_set_new(o, "version", json_string(FROSTLINE_VERSION));
    json_object_set_new(o, "kernels", json_string(r->b->kernels->name));
    json_object_set_new(o, "rows", json_integer(rows));
    json_object_set(o, "results", r->list);
    fl_bench_print_json(o);
}

static fl_status bench_all(fl_comm *c, fl_bench *b, const fl_arguments *a, int rows) {
    FL_TRY(fl_kernels_select(&b->kernels));
    report r = {.b = b, .list = json_array()};
    print_head(b);
    if (!a->config) bench_convs(&r);
    fl_status status = bench_nets(&r, c, a, rows);
    if (status == FL_OK && b->json) print_json(&r, rows);
    json_decref(r.list);
    return status;
}

/* A net's sums over ranks and its shared weights want a communicator: that of this rank alone. */
fl_status fl_bench_error(fl_comm *c, int argc, char **argv) {
    const char *rows_text = NULL;
    int rows = 1;
    fl_bench b = {.what = "error"};
    const fl_option options[] = {
        {"rows", &rows_text, NULL, NULL}, {"json", NULL, NULL, &b.json}, {NULL, NULL, NULL, NULL}};
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, options, 0, &a);
    if (status == FL_OK && fl_comm_size(c) > 1)
        status = fl_fail(FL_ERR_CONFIG, "'frostline bench error' runs on one rank; start it "
                                        "without mpirun");
    if (status == FL_OK) status = fl_bench_number("rows", rows_text, &rows);
    if (status == FL_OK) status = bench_all(c, &b, &a, rows);
    fl_arguments_close(&a);
    return status;
}
