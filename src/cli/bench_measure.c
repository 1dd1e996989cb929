/* Clocks, statistics and the frame of what `frostline bench` prints. */
#include <omp.h>
#include <stdlib.h>

#include "cli/bench.h"

float *fl_bench_floats(size_t n) {
    float *v = fl_alloc_pages((n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = (float)(i * 2654435761u >> 8 & 1023) / 512 - 1;
    return v;
}

void fl_bench_free(float *v, size_t n) {
    fl_free_pages(v, (n + 1) * sizeof *v);
}

double fl_bench_median(const fl_bench *b, void (*run)(const void *job), const void *job) {
    double *t = fl_alloc((size_t)b->repeat * sizeof *t);
    run(job);
    for (int i = 0; i < b->repeat; i++) {
        double start = fl_clock();
        run(job);
        t[i] = fl_clock() - start;
    }
    double median = fl_quantile(b->repeat, t, sizeof *t, 0.5);
    fl_free(t);
    return median;
}

/* ---- the peak: the best run counts, for nothing makes a machine faster than it is ---- */

typedef struct probe { /* what is bound by multiplications and additions alone */
    const fl_kernels *kernels;
    const fl_conv_algo *algo; /* NULL: OpenBLAS */
    float *a, *b, *packed, *c, *work;
} probe;

enum { SIDE = 28, CHANNELS = 256, ROWS = 4, PIXELS = SIDE * SIDE * ROWS };
static const fl_conv probe_conv = {SIDE, SIDE, CHANNELS, SIDE, SIDE, CHANNELS, 1, 1, 1, 1, 0, 0};
static const fl_epilogue plain = {.pool = 1};

static void run_probe(const probe *p) {
    if (p->algo)
        p->algo->run(&probe_conv, ROWS, p->a, p->packed, &plain, p->c, p->work);
    else
        p->kernels->gemm(false, false, PIXELS, CHANNELS, CHANNELS, p->a, CHANNELS, p->b, CHANNELS,
                         0, p->c, CHANNELS);
}

static double speed_of(const probe *p) {
    enum { LEAST = 2, MOST = 20 };
    const double flops = 2.0 * PIXELS * CHANNELS * CHANNELS, enough = 0.2; /* seconds */
    double best = 0, began = fl_clock();
    for (int i = 0; i < LEAST || (i < MOST && fl_clock() - began < enough); i++) {
        double start = fl_clock();
        run_probe(p);
        double speed = flops / (fl_clock() - start);
        if (speed > best) best = speed;
    }
    return best;
}

static double speed_of_algo(probe *p, const fl_conv_algo *algo) {
    size_t packed = algo->packed(&probe_conv), work = algo->work(&probe_conv, ROWS);
    p->algo = algo;
    p->packed = fl_bench_floats(packed);
    p->work = fl_bench_floats(work);
    algo->pack(&probe_conv, p->b, p->packed);
    double speed = speed_of(p);
    fl_bench_free(p->packed, packed);
    fl_bench_free(p->work, work);
    return speed;
}

/* A 1x1 convolution is a product too, and no algorithm can do it with fewer operations. */
static double measure_peak(const fl_kernels *k) {
    const fl_conv_algo *const *algo = k->isa ? k->isa->conv : NULL;
    size_t n = (size_t)PIXELS * CHANNELS, weights = (size_t)CHANNELS * CHANNELS;
    probe p = {.kernels = k};
    p.a = fl_bench_floats(n);
    p.b = fl_bench_floats(weights);
    p.c = fl_bench_floats(n);
    double best = speed_of(&p);
    for (; algo && *algo; algo++) {
        double speed = (*algo)->fits(&probe_conv, &plain) ? speed_of_algo(&p, *algo) : 0;
        if (speed > best) best = speed;
    }
    fl_bench_free(p.a, n);
    fl_bench_free(p.b, weights);
    fl_bench_free(p.c, n);
    return best;
}

fl_status fl_bench_begin(fl_bench *b) {
    FL_TRY(fl_kernels_select(&b->kernels));
    b->threads = omp_get_max_threads();
    b->peak = measure_peak(b->kernels);
    return FL_OK;
}

fl_status fl_bench_begin_all(fl_comm *c, fl_bench *b) {
    fl_comm_barrier(c);
    FL_TRY(fl_comm_agree(c, fl_bench_begin(b)));
    fl_comm_sum_double(c, &b->peak, 1);
    b->peak /= fl_comm_size(c);
    return FL_OK;
}

fl_status fl_bench_number(const char *name, const char *text, int *value) {
    char *end = NULL;
    long n = text ? strtol(text, &end, 10) : *value;
    if (n >= 1 && n <= 1000000 && !(end && (*end || end == text))) {
        *value = (int)n;
        return FL_OK;
    }
    return fl_fail(FL_ERR_CONFIG,
                   "option '--%s' cannot be '%s'; it is a whole number from 1 to 1000000", name,
                   text);
}

void fl_bench_print_head(const fl_bench *b) {
    printf("# frostline bench %s: %s kernels, %d thread%s; %s\n", b->what, b->kernels->name,
           b->threads, b->threads > 1 ? "s" : "", fl_blas_version());
    printf("# peak: %.1f GFLOP/s, the best of the products that were tried in this run\n",
           b->peak * 1e-9);
}

json_t *fl_bench_head(const fl_bench *b) {
    json_t *o = json_object();
    json_object_set_new(o, "bench", json_string(b->what));
    json_object_set_new(o, "version", json_string(FROSTLINE_VERSION));
    json_object_set_new(o, "kernels", json_string(b->kernels->name));
    json_object_set_new(o, "blas", json_string(fl_blas_version()));
    json_object_set_new(o, "threads", json_integer(b->threads));
    json_object_set_new(o, "peak_gflops", json_real(b->peak * 1e-9));
    return o;
}

void fl_bench_set_speed(const fl_bench *b, json_t *result, double seconds, double flops) {
    json_object_set_new(result, "seconds", json_real(seconds));
    json_object_set_new(result, "gflops", json_real(flops / seconds * 1e-9));
    json_object_set_new(result, "share_of_peak", json_real(flops / seconds / b->peak));
}

void fl_bench_print_json(json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(6));
    puts(text);
    fl_free(text);
    json_decref(object);
}
