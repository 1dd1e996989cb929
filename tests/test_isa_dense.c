/* The dense kernels of every instruction set of this machine against the reference. */
#include "kernel_check.h"

#include "frostline/conv.h"

typedef struct shape {
    int rows, in, out;
} shape;

typedef struct run { /* what the three kernels make of one input */
    float *y, *dx, *dw;
} run;

static shape random_shape(void) {
    static const int ins[] = {1, 3, 16, 31, 48, 127, 300, 513, 1100, 5000};
    static const int outs[] = {1, 2, 5, 10, 24, 25, 67};
    static const int rows[] = {0, 1, 2, 3, 5, 8, 13, 31, 33, 70};
    return (shape){rows[pick(0, 9)], ins[pick(0, 9)], outs[pick(0, 6)]};
}

/* The gradients are added to what x and w hold. */
static run run_dense(const fl_dense *d, shape s, const float *x, const float *w, const float *dy,
                     const fl_epilogue *e) {
    size_t nx = (size_t)s.rows * s.in, ny = (size_t)s.rows * s.out, nw = (size_t)s.in * s.out;
    run r = {copy(dy, ny), copy(x, nx), copy(w, nw)};
    r.y[ny] = r.dx[nx] = r.dw[nw] = 12345;
    for (size_t i = 0; i < ny && !e->accumulate; i++) r.y[i] = NAN;
    d->forward(s.rows, s.in, s.out, x, w, e, r.y);
    d->backward_data(s.rows, s.in, s.out, dy, w, r.dx);
    d->backward_weights(s.rows, s.in, s.out, x, dy, r.dw, true);
    assert_true(r.y[ny] == 12345 && r.dx[nx] == 12345 && r.dw[nw] == 12345);
    return r;
}

static float finished(const fl_epilogue *e, float v, float bias) {
    v += e->bias ? bias : 0;
    if (e->activation != FL_CONV_LINEAR && v < 0) v = 0;
    return e->activation == FL_CONV_RELU6 && v > 6 ? 6 : v;
}

static run run_reference(shape s, const float *x, const float *w, const float *dy,
                         const fl_epilogue *e) {
    size_t nx = (size_t)s.rows * s.in, ny = (size_t)s.rows * s.out, nw = (size_t)s.in * s.out;
    run r = {copy(dy, ny), copy(x, nx), copy(w, nw)};
    const fl_kernels *k = &fl_kernels_reference;
    k->gemm(false, true, s.rows, s.out, s.in, x, s.in, w, s.in, e->accumulate, r.y, s.out);
    for (size_t i = 0; i < ny && !e->accumulate; i++)
        r.y[i] = finished(e, r.y[i], e->bias ? e->bias[i % s.out] : 0);
    k->gemm(false, false, s.rows, s.in, s.out, dy, s.out, w, s.in, 1, r.dx, s.in);
    k->gemm(true, false, s.out, s.in, s.rows, dy, s.out, x, s.in, 1, r.dw, s.in);
    return r;
}

static void drop(run r) {
    fl_free(r.y), fl_free(r.dx), fl_free(r.dw);
}

static void assert_same(shape s, run a, run b) {
    assert_memory_equal(a.y, b.y, sizeof(float) * s.rows * s.out);
    assert_memory_equal(a.dx, b.dx, sizeof(float) * s.rows * s.in);
    assert_memory_equal(a.dw, b.dw, sizeof(float) * s.in * s.out);
}

/* Written, not added: what was there does not matter. */
static void check_written(const fl_dense *d, shape s, const float *x, const float *dy) {
    size_t n = (size_t)s.in * s.out;
    float *dw = fl_alloc((n + 1) * sizeof *dw), *want = fl_alloc(n * sizeof *want);
    memset(dw, 0xff, n * sizeof *dw);
    dw[n] = 12345;
    d->backward_weights(s.rows, s.in, s.out, x, dy, dw, false);
    fl_kernels_reference.gemm(true, false, s.out, s.in, s.rows, dy, s.out, x, s.in, 0, want, s.in);
    assert_near("dw", dw, want, n, 3 + sqrt(s.rows));
    assert_true(dw[n] == 12345);
    fl_free(dw), fl_free(want);
}

static void check(const fl_dense *d, shape s) {
    size_t nx = (size_t)s.rows * s.in, ny = (size_t)s.rows * s.out, nw = (size_t)s.in * s.out;
    float *x = noise(nx), *w = noise(nw), *dy = noise(ny), *bias = noise(s.out);
    fl_epilogue e = {.bias = pick(0, 1) ? bias : NULL, .activation = pick(0, 2), .pool = 1};
    if (pick(0, 3) == 0) e = (fl_epilogue){.pool = 1, .accumulate = true};
    run got[2], want = run_reference(s, x, w, dy, &e);
    for (int i = 0; i < 2; i++) {
        fl_blas_set_threads(i + 1);
        got[i] = run_dense(d, s, x, w, dy, &e);
    }
    assert_same(s, got[0], got[1]);
    assert_near("y", got[0].y, want.y, ny, 3 + sqrt(s.in));
    assert_near("dx", got[0].dx, want.dx, nx, 3 + sqrt(s.out));
    assert_near("dw", got[0].dw, want.dw, nw, 3 + sqrt(s.rows));
    check_written(d, s, x, dy);
    drop(got[0]), drop(got[1]), drop(want);
    fl_free(x), fl_free(w), fl_free(dy), fl_free(bias);
}

static void every_set_agrees_with_the_reference(void **state) {
    (void)state;
    for (const fl_isa *const *s = fl_isas_all(); *s; s++)
        for (int i = 0; i < 60; i++) check((*s)->dense, random_shape());
}

static void a_row_does_not_depend_on_its_neighbours(void **state) {
    (void)state;
    shape all = {13, 700, 29}, one = {1, 700, 29};
    float *x = noise(13 * 700), *w = noise(700 * 29), *dy = noise(13 * 29);
    fl_epilogue e = {.pool = 1};
    for (const fl_isa *const *s = fl_isas_all(); *s; s++) {
        run whole = run_dense((*s)->dense, all, x, w, dy, &e);
        for (int r = 0; r < 13; r++) {
            run part = run_dense((*s)->dense, one, x + r * 700, w, dy + r * 29, &e);
            assert_memory_equal(part.y, whole.y + r * 29, 29 * sizeof(float));
            drop(part);
        }
        drop(whole);
    }
    fl_free(x), fl_free(w), fl_free(dy);
}

static void not_a_number_passes_through(void **state) {
    (void)state;
    float x[2] = {NAN, 1}, w[4] = {1, 1, 0, 1}, y[2];
    fl_epilogue e = {.activation = FL_CONV_RELU6, .pool = 1};
    for (const fl_isa *const *s = fl_isas_all(); *s; s++) {
        (*s)->dense->forward(1, 2, 2, x, w, &e, y);
        assert_true(isnan(y[0]) && isnan(y[1]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_set_agrees_with_the_reference),
        cmocka_unit_test(a_row_does_not_depend_on_its_neighbours),
        cmocka_unit_test(not_a_number_passes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
