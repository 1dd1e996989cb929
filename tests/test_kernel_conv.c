/* Convolutions: the reference against a definition written another way, every other table against
 * the reference. */
#include "kernel_check.h"

enum { GEOMETRIES = 60, GUARD = 16 };

typedef struct kind { /* conv or depthwise, so that one set of tests serves both */
    bool depthwise;
} kind;

static size_t x_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->h * g->w * g->ci;
}
static size_t y_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->oh * g->ow * g->co;
}
static size_t w_size(kind k, const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->co * (k.depthwise ? 1 : g->ci);
}

static float *work_for(const fl_kernels *t, kind k, const fl_conv *g, int rows, size_t *n) {
    *n = k.depthwise ? 0 : t->conv_work(g, rows);
    float *work = fl_alloc((*n + GUARD) * sizeof *work);
    for (size_t i = 0; i < *n + GUARD; i++) work[i] = i < *n ? NAN : 12345;
    return work;
}

static void assert_guard(float *work, size_t n) {
    for (int i = 0; i < GUARD; i++) assert_true(work[n + i] == 12345);
    fl_free(work);
}

static void forward(const fl_kernels *t, kind k, const fl_conv *g, int rows, const float *x,
                    const float *w, float *y) {
    size_t n;
    float *work = work_for(t, k, g, rows, &n);
    if (k.depthwise)
        t->depthwise_forward(g, rows, x, w, y);
    else
        t->conv_forward(g, rows, x, w, y, work);
    assert_guard(work, n);
}

static void backward_data(const fl_kernels *t, kind k, const fl_conv *g, int rows, const float *dy,
                          const float *w, float *dx) {
    size_t n;
    float *work = work_for(t, k, g, rows, &n);
    if (k.depthwise)
        t->depthwise_backward_data(g, rows, dy, w, dx);
    else
        t->conv_backward_data(g, rows, dy, w, dx, work);
    assert_guard(work, n);
}

static void backward_weights(const fl_kernels *t, kind k, const fl_conv *g, int rows,
                             const float *x, const float *dy, float *dw) {
    size_t n;
    float *work = work_for(t, k, g, rows, &n);
    if (k.depthwise)
        t->depthwise_backward_weights(g, rows, x, dy, dw);
    else
        t->conv_backward_weights(g, rows, x, dy, dw, work);
    assert_guard(work, n);
}

static fl_conv random_geometry(kind k) {
    fl_conv g = {.h = pick(1, 9),
                 .w = pick(1, 9),
                 .ci = pick(1, 4),
                 .kh = pick(1, 4),
                 .kw = pick(1, 4),
                 .sh = pick(1, 3),
                 .sw = pick(1, 3),
                 .top = pick(0, 4),
                 .left = pick(0, 4)};
    if (pick(0, 3) == 0) g.kh = g.kw = g.sh = g.sw = 1, g.top = g.left = 0;
    bool plain = g.kh == 1 && g.kw == 1 && g.sh == 1 && g.sw == 1 && g.top == 0 && g.left == 0;
    int below = plain ? 0 : pick(0, 4), right = plain ? 0 : pick(0, 4);
    if (g.h + g.top + below < g.kh) below = g.kh - g.h - g.top;
    if (g.w + g.left + right < g.kw) right = g.kw - g.w - g.left;
    g.oh = (g.h + g.top + below - g.kh) / g.sh + 1;
    g.ow = (g.w + g.left + right - g.kw) / g.sw + 1;
    g.co = k.depthwise ? g.ci * pick(1, 3) : pick(1, 5);
    return g;
}

/* By scattering: every pixel, times every weight, is added where it belongs. */
static void define_forward(kind k, const fl_conv *g, int rows, const float *x, const float *w,
                           float *y) {
    int m = k.depthwise ? g->co / g->ci : g->co;
    memset(y, 0, y_size(g, rows) * sizeof *y);
    for (size_t i = 0; i < x_size(g, rows); i++) {
        int c = (int)(i % g->ci), ix = (int)(i / g->ci % g->w), iy = (int)(i / g->ci / g->w % g->h);
        size_t n = i / g->ci / g->w / g->h;
        for (int q = 0; q < g->kh * g->kw * m; q++) {
            int o = q % m, ty = iy + g->top - q / m / g->kw, tx = ix + g->left - q / m % g->kw;
            if (ty < 0 || tx < 0 || ty % g->sh || tx % g->sw) continue;
            if (ty / g->sh >= g->oh || tx / g->sw >= g->ow) continue;
            size_t at = ((n * g->oh + ty / g->sh) * g->ow + tx / g->sw) * g->co;
            if (k.depthwise)
                y[at + c * m + o] += x[i] * w[(q / m) * g->co + c * m + o];
            else
                y[at + o] += x[i] * w[((q / m) * g->ci + c) * g->co + o];
        }
    }
}

static void check_adjoints(const fl_kernels *t, kind k, const fl_conv *g, int rows, const float *x,
                           const float *w, const float *y) {
    float *dy = noise(y_size(g, rows)), *dx = fl_alloc((x_size(g, rows) + 1) * sizeof *dx);
    float *dw = fl_alloc(w_size(k, g) * sizeof *dw);
    backward_data(t, k, g, rows, dy, w, dx);
    backward_weights(t, k, g, rows, x, dy, dw);
    double want = dot(y, dy, y_size(g, rows)), size = 1 + fabs(want);
    assert_true(fabs(dot(x, dx, x_size(g, rows)) - want) < 2e-4 * size);
    assert_true(fabs(dot(w, dw, w_size(k, g)) - want) < 2e-4 * size);
    fl_free(dy), fl_free(dx), fl_free(dw);
}

static void check_definition(kind k) {
    fl_conv g = random_geometry(k);
    int rows = pick(0, 3);
    size_t n = y_size(&g, rows);
    float *x = noise(x_size(&g, rows)), *w = noise(w_size(k, &g)), *y = noise(n), *want = noise(n);
    forward(&fl_kernels_reference, k, &g, rows, x, w, y);
    define_forward(k, &g, rows, x, w, want);
    assert_near("reference", y, want, n, 10);
    for (const fl_kernels *const *t = fl_kernels_all(); *t; t++)
        check_adjoints(*t, k, &g, rows, x, w, y);
    fl_free(x), fl_free(w), fl_free(y), fl_free(want);
}

static void reference_is_the_definition(void **state) {
    (void)state;
    for (int i = 0; i < GEOMETRIES; i++) {
        check_definition((kind){false});
        check_definition((kind){true});
    }
}

/* All three kernels of a table, against the reference; the gradients are added to what is there. */
static void check_table(const fl_kernels *t, kind k, const fl_conv *g, int rows) {
    size_t nx = x_size(g, rows), ny = y_size(g, rows), nw = w_size(k, g);
    float *x = noise(nx), *w = noise(nw), *dy = noise(ny), *y = noise(ny), *y0 = noise(ny);
    float *dx = noise(nx), *dx0 = copy(dx, nx), *dw = noise(nw), *dw0 = copy(dw, nw);
    for (size_t i = 0; i < ny; i++) y[i] = NAN;
    forward(t, k, g, rows, x, w, y);
    forward(&fl_kernels_reference, k, g, rows, x, w, y0);
    backward_data(t, k, g, rows, dy, w, dx);
    backward_data(&fl_kernels_reference, k, g, rows, dy, w, dx0);
    backward_weights(t, k, g, rows, x, dy, dw);
    backward_weights(&fl_kernels_reference, k, g, rows, x, dy, dw0);
    assert_near("y", y, y0, ny, 10);
    assert_near("dx", dx, dx0, nx, 10);
    assert_near("dw", dw, dw0, nw, 10 + sqrt((double)ny));
    fl_free(x), fl_free(w), fl_free(dy), fl_free(y), fl_free(y0);
    fl_free(dx), fl_free(dx0), fl_free(dw), fl_free(dw0);
}

static void tables_agree_with_the_reference(void **state) {
    (void)state;
    for (const fl_kernels *const *t = fl_kernels_all(); *t; t++)
        for (int i = 0; i < GEOMETRIES; i++) {
            kind k = {i & 1};
            fl_conv g = random_geometry(k);
            check_table(*t, k, &g, pick(0, 3));
        }
}

/* 70 × 70 windows of 3 × 3 × 20: a sample has 3.5 MB of them, so chunks begin within samples. */
static const fl_conv large = {.h = 70,
                              .w = 70,
                              .ci = 20,
                              .oh = 70,
                              .ow = 70,
                              .co = 2,
                              .kh = 3,
                              .kw = 3,
                              .sh = 1,
                              .sw = 1,
                              .top = 1,
                              .left = 1};

static void a_batch_larger_than_the_work_memory(void **state) {
    (void)state;
    fl_conv wide = large;
    wide.co = 80; /* depthwise: more channels than a block of them */
    for (const fl_kernels *const *t = fl_kernels_all(); *t; t++) {
        assert_true((*t)->conv_work(&large, 1000) * sizeof(float) <= 8 << 20);
        check_table(*t, (kind){false}, &large, 4);
        check_table(*t, (kind){true}, &wide, 1);
    }
}

static void threads_do_not_change_depthwise(void **state) {
    (void)state;
    fl_conv g = large;
    g.co = 20;
    kind k = {true};
    size_t nx = x_size(&g, 2), ny = y_size(&g, 2), nw = w_size(k, &g);
    float *x = noise(nx), *w = noise(nw), *dy = noise(ny), *out[2];
    const fl_kernels *t;
    assert_int_equal(fl_kernels_select(&t), FL_OK);
    for (int i = 0; i < 2; i++) {
        fl_blas_set_threads(1 + 2 * i);
        out[i] = fl_alloc((nx + ny + nw) * sizeof(float));
        forward(t, k, &g, 2, x, w, out[i]);
        backward_data(t, k, &g, 2, dy, w, out[i] + ny);
        backward_weights(t, k, &g, 2, x, dy, out[i] + ny + nx);
    }
    fl_blas_set_threads(1);
    assert_memory_equal(out[0], out[1], (nx + ny + nw) * sizeof(float));
    fl_free(x), fl_free(w), fl_free(dy), fl_free(out[0]), fl_free(out[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_is_the_definition),
        cmocka_unit_test(tables_agree_with_the_reference),
        cmocka_unit_test(a_batch_larger_than_the_work_memory),
        cmocka_unit_test(threads_do_not_change_depthwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
