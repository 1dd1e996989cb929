/* What is bound by memory (each.h), of every instruction set of this machine: against the
 * reference, the same for any number of threads, and nothing beside its buffers is touched. */
#include "kernel_check.h"

#include "frostline/conv.h"

static const int widths[] = {1, 3, 7, 8, 15, 16, 17, 31, 64, 67, 130, 300};

static size_t random_width(void) {
    return (size_t)widths[pick(0, (int)FL_COUNT(widths) - 1)];
}

/* n numbers, with zeros, large ones and, if wanted, NaN among them. */
static float *various(size_t n, bool nan) {
    float *v = noise(n);
    for (size_t i = 0; i < n; i++) {
        int kind = pick(0, 30);
        v[i] = kind == 0 ? 0 : kind == 1 ? 40 * v[i] : kind == 2 && nan ? NAN : 3 * v[i];
    }
    v[n] = 12345;
    return v;
}

static float *guarded_copy(const float *v, size_t n) {
    float *c = copy(v, n);
    c[n] = 12345;
    return c;
}

static void assert_close(const char *what, float *got, float *want, size_t n, double size) {
    assert_true(got[n] == 12345);
    for (size_t i = 0; i < n; i++) {
        bool same = got[i] == want[i] ||
                    fabs((double)got[i] - want[i]) <= 1e-6 * size * (1 + fabs((double)want[i]));
        if (!same && !(isnan(got[i]) && isnan(want[i])))
            fail_msg("%s: [%zu] is %.9g, not %.9g", what, i, got[i], want[i]);
    }
    fl_free(got), fl_free(want);
}

/* Runs body for each set and, in it, for one and two threads. */
#define FOR_SETS(each)                                                                             \
    for (const fl_isa *const *s_ = fl_isas_all(); *s_; s_++)                                       \
        for (int t_ = 1; t_ <= 2; t_++)                                                            \
            for (const fl_each *each = (fl_blas_set_threads(t_), (*s_)->each); each; each = NULL)

static const fl_each *const reference = &fl_each_reference;

/* The words are whole numbers: which elements stay is the same to the bit. */
static void dropping(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 60; i++) {
        size_t n = i < 40 ? (size_t)i : i < 50 ? random_width() * 71 : (size_t)pick(30000, 50000);
        fl_drop d = {.rng = {.seed = (uint64_t)i * 977,
                             .stream = FL_STREAM_DROPOUT,
                             .epoch = 3,
                             .sample = (uint64_t)i << 31},
                     .salt = (uint32_t)pick(0, 1 << 30),
                     .least = (uint32_t)pick(0, 1 << 30) * 4,
                     .scale = 1.25f};
        float *x = noise(n), *y = noise(n), *y0;
        y[n] = 12345;
        y0 = guarded_copy(y, n);
        each->drop(&d, n, x, i % 2, y);
        reference->drop(&d, n, x, i % 2, y0);
        assert_memory_equal(y, y0, n * sizeof *y);
        assert_close("drop", y, y0, n, 1);
        fl_free(x);
    }
}

static void activations(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 9 * 8; i++) {
        fl_activation f = (fl_activation)(i % 9);
        size_t rows = (size_t)pick(0, 40), width = random_width(), n = rows * width;
        float *x = various(n, f != FL_ACT_SOFTMAX), *y = noise(n), *y0 = noise(n),
              *same = copy(x, n);
        same[n] = y[n] = 12345;
        each->activate(f, rows, width, x, y);
        each->activate(f, rows, width, same, same);
        reference->activate(f, rows, width, x, y0);
        assert_close("in place", same, copy(y, n), n, 0);
        assert_close("y", y, y0, n, 1);
        fl_free(x);
    }
}

static void activations_at_their_ends(void **state) {
    (void)state;
    const float at[] = {-INFINITY, -1e30f, -200, -104,  -88, -1e-30f, 0,
                        1e-30f,    0.625f, 1,    88.7f, 90,  1e30f};
    FOR_SETS(each)
    for (int f = 0; f < FL_ACT_SOFTMAX; f++) {
        size_t n = FL_COUNT(at);
        float *y = noise(n), *y0 = noise(n);
        y[n] = 12345;
        each->activate((fl_activation)f, 1, n, at, y);
        reference->activate((fl_activation)f, 1, n, at, y0);
        assert_close("y", y, y0, n, 1);
    }
}

/* Relative to what is true, not only to what the reference has in float: a few units of the last
 * place. */
static void curves_are_exact_to_a_few_ulps(void **state) {
    (void)state;
    enum { N = 20000 };
    float *x = noise(N), *y = noise(N);
    for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2) * (10.0f / (N / 2));
    FOR_SETS(each)
    for (int f = 0; f < 2; f++) {
        each->activate(f ? FL_ACT_SIGMOID : FL_ACT_TANH, 1, N, x, y);
        for (int i = 0; i < N; i++) {
            double want = f ? 1 / (1 + exp(-(double)x[i])) : tanh(x[i]);
            if (!(fabs(y[i] - want) <= 4e-7 * fabs(want)))
                fail_msg("%d: f(%g) = %.9g, not %.9g", f, x[i], y[i], want);
        }
    }
    fl_free(x), fl_free(y);
}

static void activations_back(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 9 * 8; i++) {
        fl_activation f = (fl_activation)(i % 9);
        size_t rows = (size_t)pick(0, 200), width = random_width(), n = rows * width;
        float *z = various(n, false), *y = noise(n), *d = various(n, false);
        float *d1 = guarded_copy(d, n), *d2 = guarded_copy(d, n), *d0 = copy(d, n);
        float *dx = various(n, false), *dx0 = copy(dx, n), *sum = various(width, false),
              *sum0 = copy(sum, width);
        reference->activate(f, rows, width, z, y);
        each->activate_back(f, rows, width, y, z, d1, NULL);
        each->activate_back(f, rows, width, y, z, d2, sum);
        bool add = pick(0, 1);
        each->activate_into(f, rows, width, y, z, d, add, dx);
        reference->activate_into(f, rows, width, y, z, d, add, dx0);
        reference->activate_back(f, rows, width, y, z, d0, sum0);
        assert_close("d without its sum", d1, copy(d2, n), n, 0);
        assert_close("d", d2, d0, n, 10);
        assert_close("dx", dx, dx0, n, 10);
        assert_close("sum", sum, sum0, width, 200);
        fl_free(z), fl_free(y), fl_free(d);
    }
}

static void adding(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 20; i++) {
        size_t n = i < 18 ? (size_t)pick(0, 100) : 100000 + (size_t)i;
        float *a = various(n, true), *b = various(n, true), *y = noise(n), *y0 = noise(n);
        y[n] = 12345;
        fl_activation f = (fl_activation)(i % 3);
        each->add(f, n, a, b, y);
        reference->add(f, n, a, b, y0);
        each->add(f, n, a, b, a);
        assert_close("in place", a, copy(y, n), n, 0);
        assert_close("y", y, y0, n, 0);
        fl_free(b);
    }
}

static void check_moments(const fl_each *each, size_t rows, size_t width, float away) {
    size_t n = rows * width;
    float *x = noise(n);
    for (size_t i = 0; i < n; i++) x[i] += away;
    double *mean = fl_alloc((width + 1) * 4 * sizeof *mean), *squares = mean + width + 1;
    double *mean0 = squares + width + 1, *squares0 = mean0 + width + 1;
    mean[width] = squares[width] = 12345;
    each->moments(rows, width, x, mean, squares);
    reference->moments(rows, width, x, mean0, squares0);
    assert_true(mean[width] == 12345 && squares[width] == 12345);
    for (size_t c = 0; c < width; c++) {
        if (!(fabs(mean[c] - mean0[c]) <= 1e-6 * (1 + 0.01 * away)))
            fail_msg("mean %g, not %g", mean[c], mean0[c]);
        if (!(fabs(squares[c] - squares0[c]) <= 1e-5 * squares0[c]))
            fail_msg("squares %g, not %g", squares[c], squares0[c]);
    }
    fl_free(x), fl_free(mean);
}

/* Also of values whose mean is far greater than what they differ by. */
static void moments(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 30; i++)
        check_moments(each, (size_t)pick(0, i < 28 ? 300 : 5000), random_width(),
                      (float)(i % 3 * 500));
}

typedef struct affine_case {
    size_t rows, width;
    float *x, *dy, *shift, *scale, *offset;
    fl_affine a;
} affine_case;

static affine_case random_affine(void) {
    affine_case c = {.rows = (size_t)pick(0, 300), .width = random_width()};
    c.x = noise(c.rows * c.width), c.dy = noise(c.rows * c.width);
    c.shift = noise(c.width), c.scale = noise(c.width), c.offset = noise(c.width);
    c.a = (fl_affine){c.shift, c.scale, c.offset, (fl_activation)pick(0, 2)};
    return c;
}

static void close_affine(affine_case *c) {
    fl_free(c->x), fl_free(c->dy), fl_free(c->shift), fl_free(c->scale), fl_free(c->offset);
}

static void affine(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 40; i++) {
        affine_case c = random_affine();
        size_t n = c.rows * c.width;
        float *y = various(n, true), *y0 = noise(n);
        each->affine(&c.a, c.rows, c.width, c.x, y);
        reference->affine(&c.a, c.rows, c.width, c.x, y0);
        assert_close("y", y, y0, n, 2);
        close_affine(&c);
    }
}

/* A value at the very kink may fall on either side of it. */
static void step_off_the_kinks(affine_case *c) {
    for (size_t i = 0; i < c->rows * c->width; i++) {
        size_t k = i % c->width;
        double y = ((double)c->x[i] - c->shift[k]) * c->scale[k] + c->offset[k];
        if (fabs(y) < 1e-3 || fabs(y - 6) < 1e-3) c->x[i] += 0.01f / c->scale[k];
    }
}

static void affine_back(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 40; i++) {
        affine_case c = random_affine();
        step_off_the_kinks(&c);
        size_t n = c.rows * c.width;
        float *mean = noise(c.width), *slope = noise(c.width), *dx = various(n, false),
              *dx0 = copy(dx, n);
        bool centred = pick(0, 1), add = pick(0, 1);
        const float *x = centred || c.a.f ? c.x : NULL;
        each->affine_back(&c.a, c.rows, c.width, x, c.dy, centred ? mean : NULL,
                          centred ? slope : NULL, add, dx);
        reference->affine_back(&c.a, c.rows, c.width, x, c.dy, centred ? mean : NULL,
                               centred ? slope : NULL, add, dx0);
        assert_close("dx", dx, dx0, n, 20);
        close_affine(&c), fl_free(mean), fl_free(slope);
    }
}

static void affine_sums(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 40; i++) {
        affine_case c = random_affine();
        step_off_the_kinks(&c);
        size_t w = c.width + 1;
        double *sum = fl_alloc(4 * w * sizeof *sum), *product = sum + w, *sum0 = product + w,
               *product0 = sum0 + w;
        sum[c.width] = product[c.width] = 12345;
        each->affine_sums(&c.a, c.rows, c.width, c.x, c.dy, sum, product);
        reference->affine_sums(&c.a, c.rows, c.width, c.x, c.dy, sum0, product0);
        assert_true(sum[c.width] == 12345 && product[c.width] == 12345);
        for (size_t k = 0; k < c.width; k++)
            if (!(fabs(sum[k] - sum0[k]) <= 1e-4 && fabs(product[k] - product0[k]) <= 3e-4))
                fail_msg("[%zu] %g %g, not %g %g", k, sum[k], product[k], sum0[k], product0[k]);
        close_affine(&c), fl_free(sum);
    }
}

/* Sums are cut alike for any number of threads: bits and all. */
static void sums_do_not_depend_on_threads(void **state) {
    (void)state;
    enum { ROWS = 3000, WIDTH = 33, N = ROWS * WIDTH };
    float *x = noise(N), *dy = noise(N), *ones = noise(WIDTH);
    fl_affine a = {ones, ones, ones, FL_ACT_RELU};
    for (const fl_isa *const *s = fl_isas_all(); *s; s++) {
        double out[3][4][WIDTH];
        float bias[3][WIDTH] = {{0}};
        for (int t = 0; t < 3; t++) {
            fl_blas_set_threads(t + 1);
            (*s)->each->moments(ROWS, WIDTH, x, out[t][0], out[t][1]);
            (*s)->each->affine_sums(&a, ROWS, WIDTH, x, dy, out[t][2], out[t][3]);
            (*s)->each->activate_back(FL_ACT_LINEAR, ROWS, WIDTH, NULL, NULL, dy, bias[t]);
            assert_memory_equal(out[t], out[0], sizeof out[0]);
            assert_memory_equal(bias[t], bias[0], sizeof bias[0]);
        }
    }
    fl_free(x), fl_free(dy), fl_free(ones);
}

static fl_conv random_window(void) {
    fl_conv g = {.h = pick(1, 11), .w = pick(1, 11), .ci = (int)random_width()};
    bool whole = pick(0, 3) == 0;
    g.co = g.ci, g.kh = whole ? g.h : pick(1, 4), g.kw = whole ? g.w : pick(1, 4),
    g.sh = pick(1, 3), g.sw = pick(1, 3);
    g.top = whole ? 0 : pick(0, g.kh - 1), g.left = whole ? 0 : pick(0, g.kw - 1);
    int below = g.h + g.top < g.kh ? g.kh - g.h - g.top : 0;
    int right = g.w + g.left < g.kw ? g.kw - g.w - g.left : 0;
    g.oh = (g.h + g.top + below - g.kh) / g.sh + 1;
    g.ow = (g.w + g.left + right - g.kw) / g.sw + 1;
    return g;
}

/* Bit for bit: among many equals, and NaN. */
static void check_max_pool(const fl_each *each, const fl_conv *g, int rows) {
    size_t nx = (size_t)rows * g->h * g->w * g->ci, ny = (size_t)rows * g->oh * g->ow * g->ci,
           bytes = fl_tap_bytes(g);
    float *x = various(nx, true), *y = noise(ny), *y0 = noise(ny), *plain = noise(ny),
          *dy = noise(ny);
    char *tap = fl_alloc(ny * bytes + 1), *tap0 = fl_alloc(ny * bytes + 1);
    for (size_t i = 0; i < nx; i++) x[i] = roundf(x[i]);
    y[ny] = plain[ny] = 12345, tap[ny * bytes] = 77;
    each->max_pool(g, rows, x, y, tap);
    each->max_pool(g, rows, x, plain, NULL);
    reference->max_pool(g, rows, x, y0, tap0);
    assert_memory_equal(tap, tap0, ny * bytes);
    assert_int_equal(tap[ny * bytes], 77);
    bool add = pick(0, 1);
    float *dx = various(nx, false), *dx0 = copy(dx, nx);
    each->max_pool_back(g, rows, dy, tap, add, dx);
    reference->max_pool_back(g, rows, dy, tap, add, dx0);
    assert_close("plain", plain, copy(y, ny), ny, 0);
    assert_close("y", y, y0, ny, 0);
    assert_close("dx", dx, dx0, nx, 1);
    fl_free(x), fl_free(dy), fl_free(tap), fl_free(tap0);
}

static void max_pooling(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 40; i++) {
        fl_conv g = random_window();
        check_max_pool(each, &g, pick(0, 3));
    }
}

/* Taps that no 16 bits hold. */
static void max_pooling_of_a_whole_large_image(void **state) {
    (void)state;
    const fl_conv g = {.h = 300,
                       .w = 260,
                       .ci = 3,
                       .co = 3,
                       .oh = 1,
                       .ow = 1,
                       .kh = 300,
                       .kw = 260,
                       .sh = 1,
                       .sw = 1};
    FOR_SETS(each) check_max_pool(each, &g, 2);
}

static void average_pooling(void **state) {
    (void)state;
    FOR_SETS(each)
    for (int i = 0; i < 40; i++) {
        fl_conv g = random_window();
        int rows = pick(0, 3);
        bool add = pick(0, 1);
        size_t nx = (size_t)rows * g.h * g.w * g.ci, ny = (size_t)rows * g.oh * g.ow * g.ci;
        float *x = various(nx, true), *y = various(ny, true), *y0 = noise(ny), *dy = noise(ny);
        float *dx = various(nx, false), *dx0 = copy(dx, nx);
        each->avg_pool(&g, rows, x, y);
        reference->avg_pool(&g, rows, x, y0);
        each->avg_pool_back(&g, rows, dy, add, dx);
        reference->avg_pool_back(&g, rows, dy, add, dx0);
        assert_close("y", y, y0, ny, 10);
        assert_close("dx", dx, dx0, nx, 10);
        fl_free(x), fl_free(dy);
    }
}

static const fl_adam_step step = {0.5f, 0.01f, 0.02f, 0.9f, 0.99f, 0.1f, 0.01f, 0.05f, 1.3f, 1e-7f};

static void adam_is_its_formula(void **state) {
    (void)state;
    FOR_SETS(each)
    for (size_t n = 0; n < 50; n++) {
        float *w = various(n, false), *m = various(n, false), *v = various(n, false), *g = noise(n);
        for (size_t i = 0; i < n; i++) v[i] *= v[i];
        float *w0 = copy(w, n), *m0 = copy(m, n), *v0 = copy(v, n);
        each->adam(&step, n, w, g, m, v);
        reference->adam(&step, n, w0, g, m0, v0);
        assert_close("w", w, w0, n, 1), assert_close("m", m, m0, n, 1),
            assert_close("v", v, v0, n, 1);
        fl_free(g);
    }
}

/* One call, and many of any length: the shards of a sharded optimizer. */
static void adam_of_parts_is_adam_of_the_whole(void **state) {
    (void)state;
    enum { N = 60000 };
    FOR_SETS(each) {
        float *w = noise(N), *m = noise(N), *v = noise(N), *g = noise(N);
        for (int i = 0; i < N; i++) v[i] *= v[i];
        float *w0 = copy(w, N), *m0 = copy(m, N), *v0 = copy(v, N);
        each->adam(&step, N, w0, g, m0, v0);
        for (size_t i = 0, n; i < N; i += n) {
            n = (size_t)pick(1, 4000);
            if (n > N - i) n = N - i;
            each->adam(&step, n, w + i, g + i, m + i, v + i);
        }
        assert_memory_equal(w, w0, N * sizeof(float));
        assert_memory_equal(m, m0, N * sizeof(float));
        assert_memory_equal(v, v0, N * sizeof(float));
        fl_free(w), fl_free(m), fl_free(v), fl_free(g), fl_free(w0), fl_free(m0), fl_free(v0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropping),
        cmocka_unit_test(activations),
        cmocka_unit_test(activations_at_their_ends),
        cmocka_unit_test(curves_are_exact_to_a_few_ulps),
        cmocka_unit_test(activations_back),
        cmocka_unit_test(adding),
        cmocka_unit_test(moments),
        cmocka_unit_test(affine),
        cmocka_unit_test(affine_back),
        cmocka_unit_test(affine_sums),
        cmocka_unit_test(sums_do_not_depend_on_threads),
        cmocka_unit_test(max_pooling),
        cmocka_unit_test(max_pooling_of_a_whole_large_image),
        cmocka_unit_test(average_pooling),
        cmocka_unit_test(adam_is_its_formula),
        cmocka_unit_test(adam_of_parts_is_adam_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
