/* frostline bench gemm: the matrix products of OpenBLAS, and those of dense layers of few rows. */
#include <stdio.h>

#include "cli/bench.h"

typedef enum operation { PRODUCT, FORWARD, BACKWARD_DATA, BACKWARD_WEIGHTS } operation;
static const char *const operation_names[] = {"product", "forward", "dX", "dW"};

typedef struct shape { /* PRODUCT: a (m, k) b (k, n); else m rows of a dense layer from k to n */
    operation operation;
    int m, n, k;
} shape;

typedef struct job {
    shape s;
    const fl_kernels *kernels;
    const fl_dense *dense;      /* NULL: by OpenBLAS */
    float *rows, *weights, *to; /* (m, k), (n, k) or (k, n), (m, n) */
} job;

static void run_blas(const job *j) {
    const shape *s = &j->s;
    int m = s->m, n = s->n, k = s->k;
    switch (s->operation) {
    case PRODUCT:
        j->kernels->gemm(false, false, m, n, k, j->rows, k, j->weights, n, 0, j->to, n);
        break;
    case FORWARD:
        j->kernels->gemm(false, true, m, n, k, j->rows, k, j->weights, k, 0, j->to, n);
        break;
    case BACKWARD_DATA:
        j->kernels->gemm(false, false, m, k, n, j->to, n, j->weights, k, 1, j->rows, k);
        break;
    case BACKWARD_WEIGHTS:
        j->kernels->gemm(true, false, n, k, m, j->to, n, j->rows, k, 1, j->weights, k);
        break;
    }
}

static void run_dense(const job *j) {
    const fl_epilogue plain = {.pool = 1};
    const shape *s = &j->s;
    if (s->operation == FORWARD)
        j->dense->forward(s->m, s->k, s->n, j->rows, j->weights, &plain, j->to);
    else if (s->operation == BACKWARD_DATA)
        j->dense->backward_data(s->m, s->k, s->n, j->to, j->weights, j->rows);
    else
        j->dense->backward_weights(s->m, s->k, s->n, j->rows, j->to, j->weights, true);
}

static void run(const void *p) {
    const job *j = p;
    (j->dense ? run_dense : run_blas)(j);
}

static const fl_dense *few_rows(const fl_kernels *k, int rows) {
    const fl_dense *d = k->isa ? k->isa->dense : NULL;
    return d && rows <= d->rows ? d : NULL;
}

/* Bytes that must move if each factor is read once, and the result written (or added to). */
static double bytes_of(const shape *s) {
    double x = (double)s->m * s->k, w = (double)s->n * s->k, y = (double)s->m * s->n;
    if (s->operation == BACKWARD_DATA) x *= 2;
    if (s->operation == BACKWARD_WEIGHTS) w *= 2;
    return sizeof(float) * (x + w + y);
}

static json_t *result_of(const fl_bench *b, const job *j, bool chosen, double seconds) {
    json_t *r = json_object();
    const shape *s = &j->s;
    json_object_set_new(r, "operation", json_string(operation_names[s->operation]));
    json_object_set_new(r, "m", json_integer(s->m));
    json_object_set_new(r, "n", json_integer(s->n));
    json_object_set_new(r, "k", json_integer(s->k));
    json_object_set_new(r, "algorithm", json_string(j->dense ? "dense" : "gemm"));
    json_object_set_new(r, "chosen", json_boolean(chosen));
    json_object_set_new(r, "gigabytes_per_second", json_real(bytes_of(s) / seconds * 1e-9));
    fl_bench_set_speed(b, r, seconds, 2.0 * s->m * s->n * s->k);
    return r;
}

static void print_result(const fl_bench *b, const job *j, bool chosen, double seconds) {
    const shape *s = &j->s;
    double speed = 2.0 * s->m * s->n * s->k / seconds;
    printf("%-9s %6d %6d %6d  %-7s %s %10.3f %10.1f %8.2f %8.1f\n", operation_names[s->operation],
           s->m, s->n, s->k, j->dense ? "dense" : "gemm", chosen ? "*" : " ", seconds * 1e3,
           speed * 1e-9, speed / b->peak, bytes_of(s) / seconds * 1e-9);
}

static void measure(const fl_bench *b, json_t *results, const job *j) {
    bool chosen = j->dense == (j->s.operation == PRODUCT ? NULL : few_rows(b->kernels, j->s.m));
    double seconds = fl_bench_median(b, run, j);
    if (b->json)
        json_array_append_new(results, result_of(b, j, chosen, seconds));
    else
        print_result(b, j, chosen, seconds);
}

static void bench_shape(const fl_bench *b, json_t *results, const shape *s) {
    size_t m = (size_t)s->m, n = (size_t)s->n, k = (size_t)s->k;
    job j = {.s = *s, .kernels = b->kernels};
    j.rows = fl_bench_floats(m * k);
    j.weights = fl_bench_floats(n * k);
    j.to = fl_bench_floats(m * n);
    measure(b, results, &j);
    j.dense = s->operation == PRODUCT || !b->kernels->isa ? NULL : b->kernels->isa->dense;
    if (j.dense) measure(b, results, &j);
    fl_bench_free(j.rows, m * k);
    fl_bench_free(j.weights, n * k);
    fl_bench_free(j.to, m * n);
}

static void bench_dense(const fl_bench *b, json_t *results, int rows, int in, int out) {
    for (operation o = FORWARD; o <= BACKWARD_WEIGHTS; o++)
        bench_shape(b, results, &(shape){o, rows, out, in});
}

static void print_head(const fl_bench *b) {
    fl_bench_print_head(b);
    printf(
        "# medians of %d runs; m rows, n outputs, k inputs; *: what a layer would use; GB/s: each "
        "factor counted once\n"
        "%-9s %6s %6s %6s  %-7s   %10s %10s %8s %8s\n",
        b->repeat, "operation", "m", "n", "k", "by", "ms", "GFLOP/s", "of peak", "GB/s");
}

static fl_status bench_all(fl_bench *b, int rows) {
    static const int sizes[] = {128, 256, 512, 1024};
    FL_TRY(fl_bench_begin(b));
    json_t *results = json_array();
    if (!b->json) print_head(b);
    for (size_t i = 0; i < FL_COUNT(sizes); i++)
        bench_shape(b, results, &(shape){PRODUCT, sizes[i], sizes[i], sizes[i]});
    bench_shape(b, results, &(shape){PRODUCT, 784, 512, 4608}); /* an im2col of VGG16's block4 */
    bench_dense(b, results, rows, 25088, 256); /* heads: on VGG16, on pooled features, */
    bench_dense(b, results, rows, 512, 256);
    bench_dense(b, results, rows, 4096, 1000); /* and the end of VGG16's own */
    if (b->json) {
        json_t *o = fl_bench_head(b);
        json_object_set_new(o, "rows", json_integer(rows));
        json_object_set_new(o, "repeat", json_integer(b->repeat));
        json_object_set(o, "results", results);
        fl_bench_print_json(o);
    }
    json_decref(results);
    return FL_OK;
}

static fl_status check(const fl_arguments *a) {
    if (!a->config) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "'frostline bench gemm' takes no CONFIG and no '%s'; its shapes are its own",
                   a->config);
}

fl_status fl_bench_gemm(fl_comm *c, int argc, char **argv) {
    (void)c;
    const char *rows_text = NULL, *repeat = NULL;
    int rows = 8;
    fl_bench b = {.what = "gemm", .repeat = 5};
    const fl_option options[] = {
        {"rows", &rows_text, NULL, NULL},
        {"repeat", &repeat, NULL, NULL},
        {"json", NULL, NULL, &b.json},
        {NULL, NULL, NULL, NULL},
    };
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, options, 0, &a);
    if (status == FL_OK) status = check(&a);
    fl_arguments_close(&a);
    if (status == FL_OK) status = fl_bench_number("rows", rows_text, &rows);
    if (status == FL_OK) status = fl_bench_number("repeat", repeat, &b.repeat);
    return status == FL_OK ? bench_all(&b, rows) : status;
}
