/* The depthwise kernels of every instruction set of this machine against the reference. */
#include "kernel_check.h"

#include "frostline/conv.h"

enum { GEOMETRIES = 60 };

typedef struct run { /* what the three kernels make of one input */
    float *y, *dx, *dw;
} run;

static size_t x_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->h * g->w * g->ci;
}
static size_t y_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->oh * g->ow * g->co;
}
static size_t w_size(const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->co;
}

static fl_conv random_geometry(void) {
    static const int channels[] = {1, 3, 4, 8, 15, 16, 17, 24, 33, 70};
    fl_conv g = {.h = pick(1, 20), .w = pick(1, 20), .ci = channels[pick(0, 9)]};
    g.co = g.ci * (pick(0, 1) ? 1 : pick(2, 19));
    bool common = pick(0, 1);
    g.kh = common ? 3 : pick(1, 7), g.kw = common ? 3 : pick(1, 7);
    g.sh = pick(1, common ? 2 : 3), g.sw = pick(1, common ? 2 : 3);
    g.top = pick(0, g.kh), g.left = pick(0, g.kw);
    int below = pick(0, 3), right = pick(0, 3);
    if (g.h + g.top + below < g.kh) below = g.kh - g.h - g.top;
    if (g.w + g.left + right < g.kw) right = g.kw - g.w - g.left;
    g.oh = (g.h + g.top + below - g.kh) / g.sh + 1;
    g.ow = (g.w + g.left + right - g.kw) / g.sw + 1;
    return g;
}

/* Written, the gradient of x is what would have been added to zeros. */
static void check_written(const fl_depthwise *d, const fl_conv *g, int rows, const float *dy,
                          const float *w, const float *before, const float *added) {
    size_t n = x_size(g, rows);
    float *dx = noise(n);
    for (size_t i = 0; i < n; i++) dx[i] = NAN;
    dx[n] = 12345;
    d->backward_data(g, rows, dy, w, false, dx);
    assert_true(dx[n] == 12345);
    for (size_t i = 0; i < n; i++) dx[i] += before[i];
    assert_near("dx, written", dx, added, n, 10);
    fl_free(dx);
}

/* The gradients are added to what x and w hold. */
static run run_depthwise(const fl_depthwise *d, const fl_conv *g, int rows, const float *x,
                         const float *w, const float *dy, const fl_epilogue *e) {
    size_t nx = x_size(g, rows), ny = y_size(g, rows), nw = w_size(g), n = d->work(g, rows);
    float *work = noise(n);
    run r = {copy(dy, ny), copy(x, nx), copy(w, nw)};
    r.y[ny] = r.dx[nx] = r.dw[nw] = work[n] = 12345;
    for (size_t i = 0; i < ny && !e->accumulate; i++) r.y[i] = NAN;
    d->forward(g, rows, x, w, e, r.y);
    d->backward_data(g, rows, dy, w, true, r.dx);
    check_written(d, g, rows, dy, w, x, r.dx);
    d->backward_weights(g, rows, x, dy, r.dw, work);
    assert_true(r.y[ny] == 12345 && r.dx[nx] == 12345 && r.dw[nw] == 12345 && work[n] == 12345);
    fl_free(work);
    return r;
}

static float finished(const fl_epilogue *e, float v, float bias) {
    v += e->bias ? bias : 0;
    if (e->activation != FL_CONV_LINEAR && v < 0) v = 0;
    return e->activation == FL_CONV_RELU6 && v > 6 ? 6 : v;
}

static run run_reference(const fl_conv *g, int rows, const float *x, const float *w,
                         const float *dy, const fl_epilogue *e) {
    size_t ny = y_size(g, rows);
    run r = {noise(ny), copy(x, x_size(g, rows)), copy(w, w_size(g))};
    const fl_kernels *k = &fl_kernels_reference;
    k->depthwise_forward(g, rows, x, w, r.y);
    for (size_t i = 0; i < ny; i++)
        r.y[i] =
            e->accumulate ? r.y[i] + dy[i] : finished(e, r.y[i], e->bias ? e->bias[i % g->co] : 0);
    k->depthwise_backward_data(g, rows, dy, w, r.dx);
    k->depthwise_backward_weights(g, rows, x, dy, r.dw);
    return r;
}

static void drop(run r) {
    fl_free(r.y), fl_free(r.dx), fl_free(r.dw);
}

static void check(const fl_depthwise *d, const fl_conv *g, int rows) {
    size_t nx = x_size(g, rows), ny = y_size(g, rows), nw = w_size(g);
    float *x = noise(nx), *w = noise(nw), *dy = noise(ny), *bias = noise(g->co);
    fl_epilogue e = {.bias = pick(0, 1) ? bias : NULL, .activation = pick(0, 2), .pool = 1};
    if (pick(0, 3) == 0) e = (fl_epilogue){.pool = 1, .accumulate = true};
    run got[2], want = run_reference(g, rows, x, w, dy, &e);
    assert_true(d->fits(g, &e));
    for (int i = 0; i < 2; i++) {
        fl_blas_set_threads(i + 1);
        got[i] = run_depthwise(d, g, rows, x, w, dy, &e);
    }
    assert_memory_equal(got[0].y, got[1].y, ny * sizeof(float));
    assert_memory_equal(got[0].dx, got[1].dx, nx * sizeof(float));
    assert_memory_equal(got[0].dw, got[1].dw, nw * sizeof(float));
    assert_near("y", got[0].y, want.y, ny, 10);
    assert_near("dx", got[0].dx, want.dx, nx, 10);
    assert_near("dw", got[0].dw, want.dw, nw, 10 + sqrt((double)ny / g->co));
    drop(got[0]), drop(got[1]), drop(want);
    fl_free(x), fl_free(w), fl_free(dy), fl_free(bias);
}

static void every_set_agrees_with_the_reference(void **state) {
    (void)state;
    for (const fl_isa *const *s = fl_isas_all(); *s; s++)
        for (int i = 0; i < GEOMETRIES; i++) {
            fl_conv g = random_geometry();
            check((*s)->depthwise, &g, pick(0, 3));
        }
}

static void what_does_not_fit(void **state) {
    (void)state;
    fl_conv g = {4, 4, 2, 4, 4, 2, 3, 3, 1, 1, 1, 1};
    fl_epilogue plain = {.pool = 1}, pooled = {.pool = 2};
    for (const fl_isa *const *s = fl_isas_all(); *s; s++) {
        assert_true((*s)->depthwise->fits(&g, &plain));
        assert_false((*s)->depthwise->fits(&g, &pooled));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_agrees_with_the_reference),
        cmocka_unit_test(what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
