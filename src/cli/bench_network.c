/* frostline bench network: latency and rate between nodes, as sums of gradients meet them, and what
 * computing loses to them. */
#include <stdio.h>

#include "cli/bench.h"
#include "frostline/cost.h"

typedef struct subject {
    fl_comm *c;
    fl_window *w;
    size_t n; /* floats */
    int repeat;
    double latency, rate, slowdown;
} subject;

/* Payload that a node sends in a sum of n floats. */
static double sent(const subject *s, size_t n) {
    fl_traffic t = fl_foretell(fl_window_seat(s->w), FL_WINDOW_SLICE, (fl_span){0, n});
    double all = (double)t.sent_bytes;
    fl_comm_sum_double(s->c, &all, 1);
    return all / fl_comm_nodes(s->c);
}

static double time_of_sum(const subject *s, size_t n) {
    fl_comm_barrier(s->c);
    double start = fl_clock();
    fl_window_wait(s->w, fl_window_slice_begin(s->w, (fl_span){0, n}));
    double seconds = fl_clock() - start;
    fl_comm_max_double(s->c, &seconds, 1);
    return seconds;
}

static double median_of_sums(const subject *s, size_t n, int times) {
    double *t = fl_alloc((size_t)times * sizeof *t);
    time_of_sum(s, n);
    for (int i = 0; i < times; i++) t[i] = time_of_sum(s, n);
    double median = fl_quantile(times, t, sizeof *t, 0.5);
    fl_free(t);
    return median;
}

/* ---- computing beside it ---- */

enum { SIDE = 256 };

typedef struct product {
    const fl_kernels *kernels;
    float *a, *b, *c;
} product;

static double time_of_products(const subject *s, const product *p, int times, bool beside) {
    uint64_t ticket = 0;
    fl_comm_barrier(s->c);
    double start = fl_clock();
    if (beside) ticket = fl_window_slice_begin(s->w, (fl_span){0, s->n});
    for (int i = 0; i < times; i++)
        p->kernels->gemm(false, false, SIDE, SIDE, SIDE, p->a, SIDE, p->b, SIDE, 0, p->c, SIDE);
    double seconds = fl_clock() - start;
    if (beside) fl_window_wait(s->w, ticket);
    fl_comm_max_double(s->c, &seconds, 1);
    return seconds;
}

/* As many products as take longer than the sum, so that all of it falls beside them. */
static double measure_slowdown(const subject *s, const product *p, double sum) {
    enum { TRY = 20 };
    double lost[16], one = time_of_products(s, p, TRY, false) / TRY;
    int n = s->repeat < (int)FL_COUNT(lost) ? s->repeat : (int)FL_COUNT(lost),
        times = (int)(1.5 * sum / one) + 1;
    for (int i = 0; i < n; i++) {
        double alone = time_of_products(s, p, times, false);
        lost[i] = time_of_products(s, p, times, true) - alone;
    }
    double median = fl_quantile(n, lost, sizeof *lost, 0.5);
    return median > 0 ? median : 0;
}

static void measure_all(subject *s, const product *p) {
    enum { SHORT = 16, MANY = 101 };
    int nodes = fl_comm_nodes(s->c), ranks = fl_comm_size(s->c);
    double few = median_of_sums(s, SHORT, MANY), many = median_of_sums(s, s->n, s->repeat);
    double bytes = sent(s, s->n);
    s->latency = few / fl_network_turns(nodes, SHORT);
    s->rate = bytes / (many - few);
    s->slowdown = measure_slowdown(s, p, many) / (bytes * nodes / ranks);
}

static fl_status measure(subject *s) {
    size_t all = (size_t)SIDE * SIDE;
    product p = {0};
    FL_TRY(fl_comm_agree(s->c, fl_kernels_select(&p.kernels)));
    p.a = fl_bench_floats(all), p.b = fl_bench_floats(all), p.c = fl_bench_floats(all);
    measure_all(s, &p);
    fl_bench_free(p.a, all);
    fl_bench_free(p.b, all);
    fl_bench_free(p.c, all);
    return FL_OK;
}

/* ---- the command ---- */

static void print(const subject *s, bool json) {
    int ranks = fl_comm_size(s->c), nodes = fl_comm_nodes(s->c);
    json_t *o = json_object();
    if (!json)
        printf(
            "# frostline bench network: %d ranks on %d nodes; %s\n"
            "latency %.1f us, %.1f MB/s of payload both ways, %.3f ns of computing lost a byte\n",
            ranks, nodes, fl_comm_version(), s->latency * 1e6, s->rate * 1e-6, s->slowdown * 1e9);
    json_object_set_new(o, "bench", json_string("network"));
    json_object_set_new(o, "version", json_string(FROSTLINE_VERSION));
    json_object_set_new(o, "ranks", json_integer(ranks));
    json_object_set_new(o, "nodes", json_integer(nodes));
    json_object_set_new(o, "latency_seconds", json_real(s->latency));
    json_object_set_new(o, "bytes_per_second", json_real(s->rate));
    json_object_set_new(o, "slowdown_seconds_per_byte", json_real(s->slowdown));
    if (json)
        fl_bench_print_json(o);
    else
        json_decref(o);
}

fl_status fl_bench_network(fl_comm *c, int argc, char **argv) {
    const char *repeat = NULL;
    bool json = false;
    subject s = {.c = c, .repeat = 5, .n = (size_t)4 << 20};
    const fl_option options[] = {
        {"repeat", &repeat, NULL, NULL}, {"json", NULL, NULL, &json}, {NULL, NULL, NULL, NULL}};
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, options, 0, &a);
    if (status == FL_OK && a.config)
        status = fl_fail(FL_ERR_CONFIG, "'frostline %s' takes no CONFIG", argv[0]);
    if (status == FL_OK) status = fl_bench_number("repeat", repeat, &s.repeat);
    fl_arguments_close(&a);
    if (status == FL_OK && fl_comm_nodes(c) < 2)
        status = fl_fail(FL_ERR_CONFIG,
                         "'frostline bench network' measures between nodes, and here is but one; "
                         "start it with mpirun on ranks of several (--hostfile, srun)");
    FL_TRY(status);
    fl_threads_choose(c, &(fl_reduce_conf){.reproducible = FL_REPRODUCIBLE_OFF});
    FL_TRY(fl_window_open(c, s.n, &s.w));
    status = measure(&s);
    if (status == FL_OK && fl_comm_rank(c) == 0) print(&s, json);
    fl_window_close(s.w);
    return status;
}
