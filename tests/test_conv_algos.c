/* The fast convolutions: every algorithm of every instruction set of this machine against the
 * reference, over odd shapes and epilogues, with one thread and with two. */
#include "kernel_check.h"

#include "frostline/conv.h"

enum { GEOMETRIES = 120, GUARD = 32 };

typedef struct buffer { /* with a guard behind it */
    float *v;
    size_t n;
} buffer;

static buffer buffer_of(size_t n) {
    buffer b = {fl_alloc((n + GUARD) * sizeof(float)), n};
    for (size_t i = 0; i < n + GUARD; i++) b.v[i] = i < n ? NAN : 12345;
    return b;
}

static void assert_guard(buffer b) {
    for (int i = 0; i < GUARD; i++) assert_true(b.v[b.n + i] == 12345);
}

static void drop(buffer b) {
    assert_guard(b);
    fl_free(b.v);
}

static size_t x_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->h * g->w * g->ci;
}
static size_t y_size(const fl_conv *g, int rows) {
    return (size_t)rows * g->oh * g->ow * g->co;
}
static size_t w_size(const fl_conv *g) {
    return (size_t)g->kh * g->kw * g->ci * g->co;
}
static size_t pooled_size(const fl_conv *g, int rows, int pool) {
    return (size_t)rows * (g->oh / pool) * (g->ow / pool) * g->co;
}

/* ---- what is tried ---- */

static int channels(void) {
    static const int some[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 48, 67};
    return some[pick(0, (int)FL_COUNT(some) - 1)];
}

static int outputs(int in, int k, int stride, int before, int *after) {
    if (in + before + *after < k) *after = k - in - before;
    return (in + before + *after - k) / stride + 1;
}

/* Half of them 3×3 with stride 1; the others anything, 1×1 among it. */
static fl_conv random_geometry(int i) {
    static const int kernels[] = {1, 1, 2, 3, 5, 7};
    fl_conv g = {.h = pick(1, 17), .w = pick(1, 17), .ci = channels(), .co = channels()};
    bool common = i % 2 == 0;
    g.kh = common ? 3 : kernels[pick(0, 5)];
    g.kw = common ? 3 : pick(0, 3) ? g.kh : kernels[pick(0, 5)];
    g.sh = common ? 1 : pick(1, 3);
    g.sw = common ? 1 : pick(0, 3) ? g.sh : pick(1, 3);
    bool plain = !common && g.kh == 1 && g.kw == 1;
    g.top = plain ? 0 : pick(0, g.kh - 1), g.left = plain ? 0 : pick(0, g.kw - 1);
    int below = plain ? 0 : pick(0, g.kh - 1), right = plain ? 0 : pick(0, g.kw - 1);
    g.oh = outputs(g.h, g.kh, g.sh, g.top, &below);
    g.ow = outputs(g.w, g.kw, g.sw, g.left, &right);
    return g;
}

static fl_epilogue random_epilogue(const float *bias) {
    if (pick(0, 3) == 0) return (fl_epilogue){.pool = 1, .accumulate = true};
    return (fl_epilogue){.bias = pick(0, 2) ? bias : NULL,
                         .activation = pick(FL_CONV_LINEAR, FL_CONV_RELU6),
                         .pool = pick(1, 2)};
}

/* ---- the definition of an epilogue ---- */

static float activated(const fl_epilogue *e, int o, float v) {
    if (e->bias) v += e->bias[o];
    if (e->activation != FL_CONV_LINEAR && v < 0) v = 0;
    return e->activation == FL_CONV_RELU6 && v > 6 ? 6 : v;
}

static void pool_pixel(const fl_conv *g, int n, int py, int px, const float *from, float *to) {
    for (int o = 0; o < g->co; o++) {
        float best = -INFINITY;
        for (int i = 0; i < 4; i++) {
            size_t at = ((size_t)n * g->oh + 2 * py + i / 2) * g->ow + 2 * px + i % 2;
            best = fmaxf(best, from[at * g->co + o]);
        }
        to[o] = best;
    }
}

/* y from the plain convolution of the reference; `from` is spoiled. */
static void apply(const fl_conv *g, int rows, const fl_epilogue *e, float *from, float *y) {
    size_t n = y_size(g, rows);
    int h = g->oh / 2, w = g->ow / 2;
    for (size_t i = 0; i < n; i++) from[i] = activated(e, (int)(i % g->co), from[i]);
    if (e->pool == 1)
        for (size_t i = 0; i < n; i++) y[i] = e->accumulate ? y[i] + from[i] : from[i];
    else
        for (int i = 0; i < rows * h * w; i++)
            pool_pixel(g, i / w / h, i / w % h, i % w, from, y + (size_t)i * g->co);
}

/* ---- running ---- */

static buffer pack(const fl_conv_algo *a, const fl_conv *g, const float *w) {
    buffer packed = buffer_of(a->packed(g));
    a->pack(g, w, packed.v);
    assert_guard(packed);
    return packed;
}

/* With two threads, and with one: bitwise the same. y begins as `start`. */
static float *run_twice(const fl_conv_algo *a, const fl_conv *g, int rows, const float *x,
                        buffer packed, const fl_epilogue *e, const float *start, size_t n) {
    buffer y[2] = {buffer_of(n), buffer_of(n)};
    for (int i = 0; i < 2; i++) {
        if (e->accumulate) memcpy(y[i].v, start, n * sizeof(float));
        fl_blas_set_threads(2 - i);
        buffer work = buffer_of(a->work(g, rows));
        a->run(g, rows, x, packed.v, e, y[i].v, work.v);
        drop(work);
        assert_guard(y[i]);
    }
    assert_memory_equal(y[0].v, y[1].v, n * sizeof(float));
    fl_free(y[1].v);
    return y[0].v;
}

static char *label(const char *kind, const fl_isa *isa, const char *name, const fl_conv *g,
                   int rows) {
    return fl_format("%s %s %s: rows %d, (%d, %d, %d) → (%d, %d, %d), kernel %d×%d, stride %d×%d, "
                     "padding %d, %d",
                     isa->name, kind, name, rows, g->h, g->w, g->ci, g->oh, g->ow, g->co, g->kh,
                     g->kw, g->sh, g->sw, g->top, g->left);
}

/* Rounding of the largest transforms, relative to sums of `depth` products of unit normals. */
static double size_of(double depth) {
    return 4 * (1 + sqrt(depth));
}

static void check_forward(const fl_isa *isa, const fl_conv_algo *a, const fl_conv *g, int rows,
                          const fl_epilogue *e) {
    size_t n = pooled_size(g, rows, e->pool);
    float *x = noise(x_size(g, rows)), *w = noise(w_size(g)), *start = noise(n);
    float *plain = noise(y_size(g, rows)), *want = copy(start, n);
    char *what = label("forward", isa, a->name, g, rows);
    fl_kernels_reference.conv_forward(g, rows, x, w, plain, NULL);
    apply(g, rows, e, plain, want);
    buffer packed = pack(a, g, w);
    float *y = run_twice(a, g, rows, x, packed, e, start, n);
    assert_near(what, y, want, n, size_of(g->kh * g->kw * g->ci));
    assert_true(a->cost(g, rows) >= 0);
    drop(packed), fl_free(what), fl_free(y);
    fl_free(x), fl_free(w), fl_free(start), fl_free(plain), fl_free(want);
}

static void forward_is_the_reference(void **state) {
    (void)state;
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (int i = 0; i < GEOMETRIES; i++) {
            fl_conv g = random_geometry(i);
            float *bias = noise(g.co);
            fl_epilogue e = random_epilogue(bias);
            for (const fl_conv_algo *const *a = (*isa)->conv; *a; a++)
                if ((*a)->fits(&g, &e)) check_forward(*isa, *a, &g, pick(0, 3), &e);
            fl_free(bias);
        }
}

static void check_dx(const fl_isa *isa, const fl_conv_algo *a, const fl_conv *g, int rows,
                     bool adjoint) {
    size_t n = x_size(g, rows);
    fl_epilogue e = {.pool = 1, .accumulate = true};
    fl_conv run = *g;
    float *dy = noise(y_size(g, rows)), *w = noise(w_size(g)), *turned = noise(w_size(g));
    float *start = noise(n), *want = copy(start, n);
    char *what = label(adjoint ? "adjoint" : "backward data", isa, a->name, g, rows);
    if (adjoint) fl_conv_adjoint(g, &run), fl_conv_rotate(g, w, turned);
    fl_kernels_reference.conv_backward_data(g, rows, dy, w, want, NULL);
    buffer packed = pack(a, &run, adjoint ? turned : w);
    float *dx = run_twice(a, &run, rows, dy, packed, &e, start, n);
    assert_near(what, dx, want, n, size_of(g->kh * g->kw * g->co));
    drop(packed), fl_free(what), fl_free(dx);
    fl_free(dy), fl_free(w), fl_free(turned), fl_free(start), fl_free(want);
}

static void backward_data_is_the_reference(void **state) {
    (void)state;
    fl_epilogue e = {.pool = 1, .accumulate = true};
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (int i = 0; i < GEOMETRIES / 2; i++) {
            fl_conv g = random_geometry(i), h;
            for (const fl_conv_algo *const *a = (*isa)->conv_dx; *a; a++)
                if ((*a)->fits(&g, &e)) check_dx(*isa, *a, &g, pick(0, 3), false);
            if (!fl_conv_adjoint(&g, &h)) continue;
            for (const fl_conv_algo *const *a = (*isa)->conv; *a; a++)
                if ((*a)->fits(&h, &e)) check_dx(*isa, *a, &g, pick(0, 3), true);
        }
}

static void check_dw(const fl_isa *isa, const fl_conv_dw_algo *a, const fl_conv *g, int rows) {
    size_t n = w_size(g);
    float *x = noise(x_size(g, rows)), *dy = noise(y_size(g, rows));
    float *want = noise(n), *dw[2] = {copy(want, n), copy(want, n)};
    char *what = label("backward weights", isa, a->name, g, rows);
    fl_kernels_reference.conv_backward_weights(g, rows, x, dy, want, NULL);
    for (int i = 0; i < 2; i++) {
        fl_blas_set_threads(2 - i);
        buffer work = buffer_of(a->work(g, rows));
        a->run(g, rows, x, dy, dw[i], work.v);
        drop(work);
    }
    assert_near(what, dw[0], want, n, size_of((double)rows * g->oh * g->ow));
    assert_memory_equal(dw[0], dw[1], n * sizeof(float));
    assert_true(a->cost(g, rows) >= 0);
    fl_free(x), fl_free(dy), fl_free(want), fl_free(dw[0]), fl_free(dw[1]), fl_free(what);
}

static void backward_weights_are_the_reference(void **state) {
    (void)state;
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (int i = 0; i < GEOMETRIES / 2; i++) {
            fl_conv g = random_geometry(i);
            for (const fl_conv_dw_algo *const *a = (*isa)->conv_dw; *a; a++)
                if ((*a)->fits(&g)) check_dw(*isa, *a, &g, pick(0, 3));
        }
}

/* ---- errors against double, of sums as long as those of real nets ---- */

static double relative_error(const float *got, const float *want, size_t n) {
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += (double)want[i] * want[i];
    }
    return sqrt(error / size);
}

static const fl_conv deep = {.h = 12,
                             .w = 12,
                             .ci = 512,
                             .oh = 12,
                             .ow = 12,
                             .co = 20,
                             .kh = 3,
                             .kw = 3,
                             .sh = 1,
                             .sw = 1,
                             .top = 1,
                             .left = 1};

static void long_sums_are_exact_enough(void **state) {
    (void)state;
    size_t n = y_size(&deep, 1);
    fl_epilogue e = {.pool = 1};
    float *x = noise(x_size(&deep, 1)), *w = noise(w_size(&deep)), *want = noise(n);
    fl_kernels_reference.conv_forward(&deep, 1, x, w, want, NULL);
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (const fl_conv_algo *const *a = (*isa)->conv; *a; a++) {
            if (!(*a)->fits(&deep, &e)) continue;
            buffer packed = pack(*a, &deep, w);
            float *y = run_twice(*a, &deep, 1, x, packed, &e, want, n);
            double error = relative_error(y, want, n);
            print_message("%s %s: rms error %.2g\n", (*isa)->name, (*a)->name, error);
            assert_true(error < 8e-6);
            drop(packed), fl_free(y);
        }
    fl_free(x), fl_free(w), fl_free(want);
}

static void the_table_can_be_chosen(void **state) {
    (void)state;
    const fl_isa *isa, *best = NULL;
    fl_epilogue e = {.pool = 1};
    for (const fl_isa *const *s = fl_isas_all(); *s; s++) {
        best = *s;
        setenv("FROSTLINE_ISA", (*s)->name, 1);
        assert_int_equal(fl_isa_select(&isa), FL_OK);
        assert_ptr_equal(isa, *s);
        assert_ptr_equal(fl_conv_algo_find(isa, "winograd4"), isa->conv[0]);
        assert_null(fl_conv_algo_find(isa, "none"));
        assert_non_null(fl_conv_algo_choose(isa, &deep, &e, 1));
    }
    setenv("FROSTLINE_ISA", "reference", 1);
    assert_int_equal(fl_isa_select(&isa), FL_OK);
    assert_null(fl_conv_algo_choose(isa, &deep, &e, 1));
    assert_null(fl_conv_dw_algo_choose(isa, &deep, 1));
    setenv("FROSTLINE_ISA", "sse9", 1);
    assert_int_equal(fl_isa_select(&isa), FL_ERR_CONFIG);
    assert_non_null(strstr(fl_message(), "sse9"));
    unsetenv("FROSTLINE_ISA");
    assert_int_equal(fl_isa_select(&isa), FL_OK);
    assert_ptr_equal(isa, best);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_can_be_chosen),
        cmocka_unit_test(forward_is_the_reference),
        cmocka_unit_test(backward_data_is_the_reference),
        cmocka_unit_test(backward_weights_are_the_reference),
        cmocka_unit_test(long_sums_are_exact_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
