/* Backward data of any stride: every algorithm of every instruction set of this machine against the
 * reference. */
#include "kernel_check.h"

#include "frostline/conv.h"

enum { GEOMETRIES = 40 };

static size_t x_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->h * g->w * g->ci;
}
static size_t y_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->oh * g->ow * g->co;
}

/* Padding may exceed the kernel; some phases of a stride may have no tap at all. */
static fl_conv random_geometry(void) {
    static const int channels[] = {1, 2, 3, 8, 15, 16, 17, 32, 33, 50};
    fl_conv g = {.h = pick(1, 15), .w = pick(1, 15)};
    g.ci = channels[pick(0, 9)], g.co = channels[pick(0, 9)];
    g.kh = pick(1, 5), g.kw = pick(0, 1) ? g.kh : pick(1, 5);
    g.sh = pick(1, 4), g.sw = pick(0, 1) ? g.sh : pick(1, 4);
    g.top = pick(0, g.kh), g.left = pick(0, g.kw);
    int below = pick(0, 3), right = pick(0, 3);
    if (g.h + g.top + below < g.kh) below = g.kh - g.h - g.top;
    if (g.w + g.left + right < g.kw) right = g.kw - g.w - g.left;
    g.oh = (g.h + g.top + below - g.kh) / g.sh + 1;
    g.ow = (g.w + g.left + right - g.kw) / g.sw + 1;
    return g;
}

static float *guarded(size_t n) {
    float *v = noise(n);
    v[n] = 12345;
    return v;
}

static float *run_algorithm(const fl_conv_algo *a, const fl_conv *g, int rows, const float *dy,
                            const float *w, const fl_epilogue *e, const float *dx0) {
    size_t nx = x_size(g, rows), np = a->packed(g), nk = a->work(g, rows);
    float *dx = copy(dx0, nx), *packed = guarded(np), *work = guarded(nk);
    dx[nx] = 12345;
    for (size_t i = 0; i < nx && !e->accumulate; i++) dx[i] = NAN;
    a->pack(g, w, packed);
    a->run(g, rows, dy, packed, e, dx, work);
    assert_true(packed[np] == 12345 && work[nk] == 12345 && dx[nx] == 12345);
    fl_free(packed), fl_free(work);
    return dx;
}

static void check(const fl_conv_algo *a, const fl_conv *g, int rows, bool accumulate) {
    fl_epilogue e = {.pool = 1, .accumulate = accumulate};
    if (!a->fits(g, &e)) return;
    size_t nx = x_size(g, rows), ny = y_size(g, rows);
    float *dy = noise(ny), *w = noise((size_t)g->kh * g->kw * g->ci * g->co), *dx0 = noise(nx);
    float *got[2], *want = copy(dx0, nx);
    memset(want, 0, accumulate ? 0 : nx * sizeof *want);
    fl_kernels_reference.conv_backward_data(g, rows, dy, w, want, NULL);
    for (int i = 0; i < 2; i++) {
        fl_blas_set_threads(i + 1);
        got[i] = run_algorithm(a, g, rows, dy, w, &e, dx0);
    }
    assert_memory_equal(got[0], got[1], nx * sizeof(float));
    double size = sqrt((double)g->kh * g->kw * g->co);
    assert_near(a->name, got[0], want, nx, (strncmp(a->name, "winograd", 8) ? 1 : 10) * (3 + size));
    fl_free(dy), fl_free(w), fl_free(dx0), fl_free(want), fl_free(got[0]), fl_free(got[1]);
}

static void every_algorithm_agrees_with_the_reference(void **state) {
    (void)state;
    for (const fl_isa *const *s = fl_isas_all(); *s; s++)
        for (int i = 0; i < GEOMETRIES; i++) {
            fl_conv g = random_geometry();
            for (const fl_conv_algo *const *a = (*s)->conv_dx; *a; a++)
                check(*a, &g, pick(0, 3), i % 3);
        }
}

static void every_shape_has_an_algorithm(void **state) {
    (void)state;
    fl_epilogue e = {.pool = 1, .accumulate = true};
    for (const fl_isa *const *s = fl_isas_all(); *s; s++)
        for (int i = 0; i < GEOMETRIES; i++) {
            fl_conv g = random_geometry();
            bool some = false;
            for (const fl_conv_algo *const *a = (*s)->conv_dx; *a; a++)
                some = some || (*a)->fits(&g, &e);
            assert_true(some);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_algorithm_agrees_with_the_reference),
        cmocka_unit_test(every_shape_has_an_algorithm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
