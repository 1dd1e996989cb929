/* frostline bench allreduce: sums over the ranks, by MPI's own all-reduce, by a window, and by each
 * reducer: from the gradients of all ranks to weights that all see, but for the update between. The
 * columns are those of nccl-tests: algbw is size / time; busbw is algbw * 2 (np-1)/np, what each
 * rank would send and receive in an optimal all-reduce, and so does not depend on their number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"

typedef struct subject { /* what is measured */
    fl_comm *c;
    bool json;
    int repeat;
    double least, most; /* bytes */
    int factor;
    float *plain;       /* what MPI sums: memory of this rank's own */
    fl_window *window;  /* what the others sum */
    fl_window *weights; /* what the reducers publish */
    size_t n;           /* floats of each */
} subject;

typedef struct way way;
struct way { /* to sum the first n floats */
    const char *name;
    void (*sum)(const subject *s, const way *w);
    fl_reduce *reduce; /* of those by a reducer */
    size_t n;
};

enum { MAX_WAYS = 16 };

/* ---- one sum ---- */

static void sum_by_mpi(const subject *s, const way *w) {
    fl_comm_sum(s->c, s->plain, w->n);
}

static void sum_in_window(const subject *s, const way *w) {
    fl_window_wait(s->window, fl_window_sum_begin(s->window, (fl_span){0, w->n}));
}

static void sum_by_reducer(const subject *s, const way *w) {
    fl_reduce_begin(w->reduce, 0);
    fl_reduce_end(w->reduce);
    fl_reduce_publish(w->reduce, s->weights);
}

/* Small whole numbers: any order of additions gives the same sum. */
static float number(int rank, size_t i) {
    return (float)((int)(i % 1021) + rank);
}

/* As sum_by_reducer, with an update between: the weights become the gradient. */
static void sum_and_update(const subject *s, const way *w) {
    fl_reduce_begin(w->reduce, 0);
    fl_reduce_end(w->reduce);
    fl_span own = fl_reduce_owned(w->reduce)[0];
    memcpy(fl_window_floats(s->weights) + own.off, fl_window_floats(s->window) + own.off,
           own.len * sizeof(float));
    fl_reduce_publish(w->reduce, s->weights);
}

/* How many elements are not the sum, on any rank. */
static double count_wrong(const subject *s, const way *w) {
    int ranks = fl_comm_size(s->c), rank = fl_comm_rank(s->c);
    float *v = w->sum == sum_by_mpi ? s->plain : fl_window_floats(s->window);
    const float *result = w->reduce ? fl_window_floats(s->weights) : v;
    double wrong = 0;
    for (size_t i = 0; i < w->n; i++) v[i] = number(rank, i);
    fl_comm_barrier(s->c);
    (w->reduce ? sum_and_update : w->sum)(s, w);
    for (size_t i = 0; i < w->n; i++)
        wrong += result[i] != (float)ranks * number(0, i) + (float)(ranks * (ranks - 1) / 2);
    fl_comm_sum_double(s->c, &wrong, 1);
    memset(v, 0, w->n * sizeof *v); /* so that no number grows while the clock runs */
    return wrong;
}

/* ---- time ---- */

/* Seconds of one of `times` in a row, on the slowest rank. */
static double time_of(const subject *s, const way *w, int times) {
    fl_comm_barrier(s->c);
    double start = fl_clock();
    for (int i = 0; i < times; i++) w->sum(s, w);
    double seconds = (fl_clock() - start) / times;
    fl_comm_max_double(s->c, &seconds, 1);
    return seconds;
}

/* As many in a row as take long enough for the clock; the same number on every rank. */
static int times_for(double seconds) {
    enum { MOST = 2000 };
    double times = 1e-3 / seconds;
    return times < 1 ? 1 : times > MOST ? MOST : (int)times;
}

/* Medians for all ways, which take turns: what disturbs the machine disturbs all alike. */
static void measure(const subject *s, int n, const way *w, double *seconds) {
    int times[MAX_WAYS];
    double *t = fl_alloc((size_t)(n * s->repeat) * sizeof *t);
    for (int k = 0; k < n; k++) times[k] = times_for(time_of(s, &w[k], 3));
    for (int i = 0; i < s->repeat; i++)
        for (int k = 0; k < n; k++) t[k * s->repeat + i] = time_of(s, &w[k], times[k]);
    for (int k = 0; k < n; k++)
        seconds[k] = fl_quantile(s->repeat, t + k * s->repeat, sizeof *t, 0.5);
    fl_free(t);
}

/* What no sum in memory can beat by much: each rank copies a vector, all at once. */
static double time_of_copy(const subject *s) {
    double t[16];
    int n = s->repeat < (int)FL_COUNT(t) ? s->repeat : (int)FL_COUNT(t);
    for (int i = 0; i < n; i++) {
        fl_comm_barrier(s->c);
        double start = fl_clock();
        memcpy(s->plain, fl_window_floats(s->window), s->n * sizeof(float));
        t[i] = fl_clock() - start;
        fl_comm_max_double(s->c, &t[i], 1);
    }
    return fl_quantile(n, t, sizeof *t, 0.5);
}

/* ---- printing ---- */

static double bus_factor(const subject *s) {
    double ranks = fl_comm_size(s->c);
    return 2 * (ranks - 1) / ranks;
}

static json_t *result_of(const subject *s, const way *w, double seconds, double wrong) {
    json_t *r = json_object();
    double bytes = (double)(w->n * sizeof(float)), speed = bytes / seconds * 1e-9;
    json_object_set_new(r, "bytes", json_integer((json_int_t)bytes));
    json_object_set_new(r, "count", json_integer((json_int_t)w->n));
    json_object_set_new(r, "by", json_string(w->name));
    json_object_set_new(r, "seconds", json_real(seconds));
    json_object_set_new(r, "algorithm_gigabytes_per_second", json_real(speed));
    json_object_set_new(r, "bus_gigabytes_per_second", json_real(speed * bus_factor(s)));
    json_object_set_new(r, "wrong", json_integer((json_int_t)wrong));
    return r;
}

static void print_result(const subject *s, const way *w, double seconds, double wrong) {
    double bytes = (double)(w->n * sizeof(float)), speed = bytes / seconds * 1e-9;
    printf("%12.0f %12zu  %-9s %12.2f %9.3f %9.3f %8.0f\n", bytes, w->n, w->name, seconds * 1e6,
           speed, speed * bus_factor(s), wrong);
}

static void print_head(const subject *s, double copy) {
    int ranks = fl_comm_size(s->c), nodes = fl_comm_nodes(s->c);
    printf("# frostline bench allreduce: %d rank%s on %d node%s, float32, in place; %s\n"
           "# time: median of %d on the slowest rank; each rank copies %.0f MB in %.2f ms while "
           "the others do\n"
           "%12s %12s  %-9s %12s %9s %9s %8s\n"
           "%12s %12s  %-9s %12s %9s %9s %8s\n",
           ranks, ranks > 1 ? "s" : "", nodes, nodes > 1 ? "s" : "", fl_comm_version(), s->repeat,
           (double)(s->n * sizeof(float)) * 1e-6, copy * 1e3, "size", "count", "by", "time",
           "algbw", "busbw", "wrong", "B", "floats", "", "us", "GB/s", "GB/s", "");
}

static json_t *head_of(const subject *s, double copy) {
    json_t *o = json_object();
    json_object_set_new(o, "bench", json_string("allreduce"));
    json_object_set_new(o, "version", json_string(FROSTLINE_VERSION));
    json_object_set_new(o, "mpi", json_string(fl_comm_version()));
    json_object_set_new(o, "ranks", json_integer(fl_comm_size(s->c)));
    json_object_set_new(o, "nodes", json_integer(fl_comm_nodes(s->c)));
    json_object_set_new(o, "repeat", json_integer(s->repeat));
    json_object_set_new(o, "copy_seconds", json_real(copy));
    json_object_set_new(o, "copy_bytes", json_integer((json_int_t)(s->n * sizeof(float))));
    return o;
}

/* ---- the command ---- */

static fl_status open_ways(const subject *s, size_t n, int *n_ways, way *w) {
    const fl_span whole = {0, n};
    w[0] = (way){.name = "MPI", .sum = sum_by_mpi, .n = n};
    w[1] = (way){.name = "window", .sum = sum_in_window, .n = n};
    *n_ways = 2;
    for (int i = 0; fl_reducers_all()[i] && *n_ways < MAX_WAYS; i++) {
        if (fl_reducers_all()[i]->choose) continue; /* one of the others */
        way *next = &w[*n_ways];
        *next = (way){.name = fl_reducers_all()[i]->name, .sum = sum_by_reducer, .n = n};
        FL_TRY(fl_reduce_open(s->c, &(fl_reduce_conf){.reducer = i}, 1, &whole, s->window,
                              &next->reduce));
        ++*n_ways;
    }
    return FL_OK;
}

static fl_status bench_size(const subject *s, size_t n, json_t *results) {
    way w[MAX_WAYS];
    int n_ways;
    double seconds[MAX_WAYS], wrong[MAX_WAYS];
    fl_status status = open_ways(s, n, &n_ways, w);
    for (int k = 0; k < n_ways && status == FL_OK; k++) wrong[k] = count_wrong(s, &w[k]);
    if (status == FL_OK) measure(s, n_ways, w, seconds);
    for (int k = 0; k < n_ways; k++) {
        bool print = status == FL_OK && fl_comm_rank(s->c) == 0;
        if (print && s->json)
            json_array_append_new(results, result_of(s, &w[k], seconds[k], wrong[k]));
        else if (print)
            print_result(s, &w[k], seconds[k], wrong[k]);
        fl_reduce_close(w[k].reduce);
    }
    return status;
}

static fl_status bench_sizes(const subject *s) {
    json_t *results = json_array();
    double copy = time_of_copy(s);
    fl_status status = FL_OK;
    if (!s->json && fl_comm_rank(s->c) == 0) print_head(s, copy);
    for (double bytes = s->least; bytes <= s->most && status == FL_OK; bytes *= s->factor)
        status = bench_size(s, (size_t)(bytes / sizeof(float)), results);
    if (s->json && fl_comm_rank(s->c) == 0 && status == FL_OK) {
        json_t *o = head_of(s, copy);
        json_object_set(o, "results", results);
        fl_bench_print_json(o);
    }
    json_decref(results);
    return status;
}

static fl_status bench_all(subject *s) {
    s->n = (size_t)(s->most / sizeof(float));
    FL_TRY(fl_window_open(s->c, s->n, &s->window));
    fl_status status = fl_window_open_common(s->c, s->n, &s->weights);
    s->plain = fl_bench_floats(s->n);
    if (status == FL_OK) status = bench_sizes(s);
    fl_bench_free(s->plain, s->n);
    fl_window_close(s->weights);
    fl_window_close(s->window);
    return status;
}

/* "64", "4K", "25M", "1G": bytes, in powers of 1024. */
static fl_status parse_bytes(const char *name, const char *text, double *value) {
    static const char units[] = "KMG";
    char *end = NULL;
    double n = text ? strtod(text, &end) : *value;
    const char *unit = text && *end ? strchr(units, *end) : NULL;
    for (const char *u = units; unit && u <= unit; u++) n *= 1024;
    bool sound = !text || (end > text && (unit ? !end[1] : !*end));
    if (!sound || !(n >= sizeof(float)) || n > 0x1p33)
        return fl_fail(FL_ERR_CONFIG,
                       "option '--%s' cannot be '%s'; it is a number of bytes from 4 to 8G, such "
                       "as 64, 4K or 25M",
                       name, text);
    *value = n;
    return FL_OK;
}

fl_status fl_bench_allreduce(fl_comm *c, int argc, char **argv) {
    const char *least = NULL, *most = NULL, *factor = NULL, *repeat = NULL;
    subject s = {.c = c, .repeat = 11, .least = 8, .most = 128 << 20, .factor = 4};
    const fl_option options[] = {
        {"min", &least, NULL, NULL},     {"max", &most, NULL, NULL},
        {"factor", &factor, NULL, NULL}, {"repeat", &repeat, NULL, NULL},
        {"json", NULL, NULL, &s.json},   {NULL, NULL, NULL, NULL},
    };
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, options, 0, &a);
    if (status == FL_OK && a.config)
        status = fl_fail(FL_ERR_CONFIG, "'frostline %s' takes no CONFIG", argv[0]);
    if (status == FL_OK) status = parse_bytes("min", least, &s.least);
    if (status == FL_OK) status = parse_bytes("max", most, &s.most);
    if (status == FL_OK) status = fl_bench_number("factor", factor, &s.factor);
    if (status == FL_OK) status = fl_bench_number("repeat", repeat, &s.repeat);
    if (status == FL_OK && s.factor < 2)
        status = fl_fail(FL_ERR_CONFIG, "option '--factor' is 2 or more, for the sizes to grow");
    if (status == FL_OK && s.least > s.most)
        status = fl_fail(FL_ERR_CONFIG, "option '--min' is larger than '--max'");
    fl_arguments_close(&a);
    return status == FL_OK ? bench_all(&s) : status;
}
