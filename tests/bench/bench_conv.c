/* bench_conv: every algorithm on the convolutions of known nets, one thread, against the matrix
 * product of OpenBLAS measured between the runs.
 *
 *   bench_conv [-b ROWS] [-r REPEATS] [-l LAYER] [-a ALGORITHM]
 *
 * Names may be globs. Times are of the thread's own processor clock, so that a busy machine
 * disturbs less; GFLOP/s count the operations of the definition. */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "frostline/conv.h"

typedef struct layer {
    const char *name;
    int size, ci, co, k, stride, pool;
} layer;

static const layer layers[] = {
    {"vgg1_1", 224, 3, 64, 3, 1, 1},       {"vgg1_2", 224, 64, 64, 3, 1, 2},
    {"vgg2_1", 112, 64, 128, 3, 1, 1},     {"vgg2_2", 112, 128, 128, 3, 1, 2},
    {"vgg3_1", 56, 128, 256, 3, 1, 1},     {"vgg3_2", 56, 256, 256, 3, 1, 1},
    {"vgg4_1", 28, 256, 512, 3, 1, 1},     {"vgg4_2", 28, 512, 512, 3, 1, 1},
    {"vgg5", 14, 512, 512, 3, 1, 1},       {"resnet20_1", 32, 16, 16, 3, 1, 1},
    {"resnet20_3", 8, 64, 64, 3, 1, 1},    {"fire4", 54, 32, 128, 3, 1, 1},
    {"fire_1x1", 54, 128, 32, 1, 1, 1},    {"squeeze1", 224, 3, 96, 7, 2, 1},
    {"mobile_1x1", 14, 512, 512, 1, 1, 1}, {"down_3x3", 28, 128, 256, 3, 2, 1},
};

static int rows = 4, repeats = 7;
static const char *only_layer = "*", *only_algorithm = "*";

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double median(const double *v, int n) {
    return fl_quantile(n, v, sizeof *v, 0.5);
}

static float *filled(size_t n) {
    float *v = fl_alloc_pages((n + 1) * sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = (float)(i * 2654435761u >> 8 & 1023) / 512 - 1;
    return v;
}

/* GFLOP/s of one OpenBLAS sgemm. */
static double blas_speed(void) {
    enum { N = 768 };
    static float *v;
    if (!v) v = filled(3 * N * N);
    double t = seconds();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, N, N, N, 1, v, N, v + N * N, N, 0,
                v + 2 * N * N, N);
    return 2e-9 * N * N * N / (seconds() - t);
}

typedef struct job { /* one algorithm on one layer */
    fl_conv g;
    fl_epilogue e;
    const fl_conv_algo *forward; /* NULL: */
    const fl_conv_dw_algo *weights;
    float *x, *w, *y, *packed, *work;
} job;

static void once(const job *j) {
    if (j->forward)
        j->forward->run(&j->g, rows, j->x, j->packed, &j->e, j->y, j->work);
    else
        j->weights->run(&j->g, rows, j->x, j->y, j->w, j->work);
}

static void measure(const char *what, const char *name, const job *j, double pack) {
    double t[99], p[99];
    double flops = 2.0 * rows * j->g.oh * j->g.ow * j->g.co * j->g.ci * j->g.kh * j->g.kw;
    once(j);
    for (int i = 0; i < repeats; i++) {
        p[i] = blas_speed();
        t[i] = seconds();
        once(j);
        t[i] = seconds() - t[i];
    }
    double ms = median(t, repeats) * 1e3, speed = flops / ms * 1e-6;
    printf("%-11s %-8s %-11s %8.2f ms %7.1f GFLOP/s %5.2f of sgemm's %5.1f   pack %6.2f ms\n", what,
           j->forward ? "forward" : "weights", name, ms, speed, speed / median(p, repeats),
           median(p, repeats), pack * 1e3);
}

static void forward(const layer *l, job *j, const fl_conv_algo *a) {
    size_t packed = a->packed(&j->g), work = a->work(&j->g, rows);
    j->forward = a;
    j->packed = fl_alloc_pages((packed + 1) * sizeof(float));
    j->work = fl_alloc_pages((work + 1) * sizeof(float));
    a->pack(&j->g, j->w, j->packed);
    double t = seconds();
    a->pack(&j->g, j->w, j->packed);
    measure(l->name, a->name, j, seconds() - t);
    fl_free_pages(j->packed, (packed + 1) * sizeof(float));
    fl_free_pages(j->work, (work + 1) * sizeof(float));
}

static void weights(const layer *l, job *j, const fl_conv_dw_algo *a) {
    size_t work = a->work(&j->g, rows);
    j->forward = NULL, j->weights = a;
    j->work = fl_alloc_pages((work + 1) * sizeof(float));
    measure(l->name, a->name, j, 0);
    fl_free_pages(j->work, (work + 1) * sizeof(float));
}

static void bench(const fl_isa *isa, const layer *l) {
    int n = (l->size - 1) / l->stride + 1, pad = l->k / 2;
    job j = {
        .g = {l->size, l->size, l->ci, n, n, l->co, l->k, l->k, l->stride, l->stride, pad, pad},
        .e = {.activation = FL_CONV_RELU, .pool = l->pool}};
    size_t nx = (size_t)rows * l->size * l->size * l->ci, ny = (size_t)rows * n * n * l->co;
    size_t nw = (size_t)l->k * l->k * l->ci * l->co;
    float *bias = filled(l->co);
    j.x = filled(nx), j.y = filled(ny), j.w = filled(nw), j.e.bias = bias;
    for (const fl_conv_algo *const *a = isa->conv; *a; a++)
        if ((*a)->fits(&j.g, &j.e) && fl_glob(only_algorithm, (*a)->name)) forward(l, &j, *a);
    for (const fl_conv_dw_algo *const *a = isa->conv_dw; *a; a++)
        if ((*a)->fits(&j.g) && fl_glob(only_algorithm, (*a)->name)) weights(l, &j, *a);
    fl_free_pages(j.x, (nx + 1) * sizeof(float)), fl_free_pages(j.y, (ny + 1) * sizeof(float));
    fl_free_pages(j.w, (nw + 1) * sizeof(float)), fl_free_pages(bias, (l->co + 1) * sizeof(float));
}

int main(int argc, char **argv) {
    const fl_isa *isa;
    for (int o; (o = getopt(argc, argv, "b:r:l:a:")) != -1;) switch (o) {
        case 'b': rows = atoi(optarg); break;
        case 'r': repeats = atoi(optarg); break;
        case 'l': only_layer = optarg; break;
        case 'a': only_algorithm = optarg; break;
        default: return 2;
        }
    if (rows < 1 || repeats < 1 || repeats > 99 || fl_isa_select(&isa) != FL_OK) return 2;
    fl_blas_set_threads(1);
    printf("%s kernels, %d rows, median of %d; %s\n", isa->name, rows, repeats, fl_blas_version());
    for (size_t i = 0; i < FL_COUNT(layers); i++)
        if (fl_glob(only_layer, layers[i].name)) bench(isa, &layers[i]);
    return 0;
}
