/* The fast convolutions: every algorithm of every instruction set of this
 * machine against the reference, over odd shapes and epilogues, with one thread
 * and with two. */
#include "kernel_check.h"

#include "frostline/conv.h"

enum { GEOMETRIES = 48, GUARD = 32 };

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
    return fl_format("%s %s %s: rows %d, (%d, %d, %d) → (%d, %d, %d), kernel "
                     "%d×%d, stride %d×%d, "
                     "padding %d, %d",
                     isa->name, kind, name, rows, g->h, g->w, g->ci, g->oh, g->ow, g->co, g->kh,
                     g->kw, g->sh, g->sw, g->top, g->left);
}

/* The last pixels of a tile of winograd7 gather most rounding: some 1e-5 of
 * sums of `depth` products of unit normals, and ten or twenty times that at
 * worst. */
static double size_of(double depth) {
    return 25 * (1 + sqrt(depth));
}

typedef struct example { /* of one direction: its inputs, what there is before,
                            what is to be */
    fl_conv g;
    int rows;
    float *x, *dy, *w, *start, *want;
    size_t n;
} example;

static example example_of(fl_conv g, size_t n, int rows) {
    example c = {.g = g, .rows = rows, .n = n};
    c.x = noise(x_size(&g, rows)), c.dy = noise(y_size(&g, rows)), c.w = noise(w_size(&g));
    c.start = noise(n), c.want = copy(c.start, n);
    return c;
}

static void forget(example *c) {
    fl_free(c->x), fl_free(c->dy), fl_free(c->w), fl_free(c->start), fl_free(c->want);
}

/* `g` is c's geometry or its adjoint, x and w what belongs to it. */
static void check(const char *kind, const fl_isa *isa, const fl_conv_algo *a, const example *c,
                  const fl_conv *g, const float *x, const float *w, const fl_epilogue *e) {
    if (!a->fits(g, e)) return;
    char *what = label(kind, isa, a->name, &c->g, c->rows);
    buffer packed = pack(a, g, w);
    float *y = run_twice(a, g, c->rows, x, packed, e, c->start, c->n);
    assert_near(what, y, c->want, c->n,
                size_of((double)g->kh * g->kw * (g->ci > g->co ? g->ci : g->co)));
    assert_true(a->cost(g, c->rows) >= 0);
    drop(packed), fl_free(what), fl_free(y);
}

static double rms_difference(const float *a, const float *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return n ? sqrt(sum / (double)n) : 0;
}

static const fl_kernels *best(void) {
    const fl_kernels *const *k = fl_kernels_all();
    while (k[1]) k++;
    return *k;
}

/* With operands of 8 bits, transformed or not, a sum of `depth` products of
 * unit normals is off by a hundredth or so; a bias or an activation that were
 * not there would be more. */
static void check_bf16(const fl_conv_algo *a, const example *c, const fl_epilogue *e) {
    if (!a->fits(&c->g, e)) return;
    buffer packed = pack(a, &c->g, c->w);
    float *y = run_twice(a, &c->g, c->rows, c->x, packed, e, c->start, c->n);
    double depth = (double)c->g.kh * c->g.kw * c->g.ci, error = rms_difference(y, c->want, c->n);
    if (!(error < 0.03 * sqrt(depth)))
        fail_msg("%s: rms error %g of %d × %g", a->name, error, (int)c->n, sqrt(depth));
    assert_true(a->cost(&c->g, c->rows) >= 0);
    drop(packed), fl_free(y);
}

static void forward_case(fl_conv g, int rows) {
    float *bias = noise(g.co), *plain = noise(y_size(&g, rows));
    fl_epilogue e = random_epilogue(bias);
    example c = example_of(g, pooled_size(&g, rows, e.pool), rows);
    fl_kernels_reference.conv_forward(&g, rows, c.x, c.w, plain, NULL);
    apply(&g, rows, &e, plain, c.want);
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (const fl_conv_algo *const *a = (*isa)->conv; *a; a++)
            check("forward", *isa, *a, &c, &g, c.x, c.w, &e);
    for (const fl_conv_algo *const *a = fl_conv_bf16(best()); *a; a++) check_bf16(*a, &c, &e);
    forget(&c), fl_free(bias), fl_free(plain);
}

static void forward_is_the_reference(void **state) {
    (void)state;
    for (int i = 0; i < GEOMETRIES; i++) forward_case(random_geometry(i), pick(0, 3));
}

static void backward_data_case(fl_conv g, int rows) {
    fl_epilogue e = {.pool = 1, .accumulate = true};
    example c = example_of(g, x_size(&g, rows), rows);
    float *turned = noise(w_size(&g));
    fl_conv h;
    bool adjoint = fl_conv_adjoint(&g, &h);
    if (adjoint) fl_conv_rotate(&g, c.w, turned);
    fl_kernels_reference.conv_backward_data(&g, rows, c.dy, c.w, c.want, NULL);
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++) {
        for (const fl_conv_algo *const *a = (*isa)->conv_dx; *a; a++)
            check("backward data", *isa, *a, &c, &g, c.dy, c.w, &e);
        for (const fl_conv_algo *const *a = (*isa)->conv; *a && adjoint; a++)
            check("adjoint", *isa, *a, &c, &h, c.dy, turned, &e);
    }
    forget(&c), fl_free(turned);
}

static void backward_data_is_the_reference(void **state) {
    (void)state;
    for (int i = 0; i < GEOMETRIES; i++) backward_data_case(random_geometry(i), pick(0, 3));
}

static void check_weights(const fl_isa *isa, const fl_conv_dw_algo *a, const example *c) {
    if (!a->fits(&c->g)) return;
    float *dw[2] = {copy(c->start, c->n), copy(c->start, c->n)};
    char *what = label("backward weights", isa, a->name, &c->g, c->rows);
    for (int i = 0; i < 2; i++) {
        fl_blas_set_threads(2 - i);
        buffer work = buffer_of(a->work(&c->g, c->rows));
        a->run(&c->g, c->rows, c->x, c->dy, dw[i], work.v);
        drop(work);
    }
    assert_near(what, dw[0], c->want, c->n, size_of((double)c->rows * c->g.oh * c->g.ow));
    assert_memory_equal(dw[0], dw[1], c->n * sizeof(float));
    assert_true(a->cost(&c->g, c->rows) >= 0);
    fl_free(dw[0]), fl_free(dw[1]), fl_free(what);
}

static void backward_weights_case(fl_conv g, int rows) {
    example c = example_of(g, w_size(&g), rows);
    fl_kernels_reference.conv_backward_weights(&g, rows, c.x, c.dy, c.want, NULL);
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (const fl_conv_dw_algo *const *a = (*isa)->conv_dw; *a; a++)
            check_weights(*isa, *a, &c);
    forget(&c);
}

static void backward_weights_are_the_reference(void **state) {
    (void)state;
    for (int i = 0; i < GEOMETRIES; i++) backward_weights_case(random_geometry(i), pick(0, 3));
}

/* ---- many channels ---- */

/* More weights than are kept transformed. */
static const fl_conv wide = {10, 9, 208, 10, 9, 232, 3, 3, 1, 1, 1, 1};

static void wide_layers_are_the_reference(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) forward_case(wide, 2);
    backward_data_case(wide, 2);
    backward_weights_case(wide, 2);
}

/* Each row by itself is what it is among the others, although they are cut
 * differently. */
static void check_rows(const fl_isa *isa, const fl_conv_algo *a, const fl_conv *g, int rows,
                       const fl_epilogue *e) {
    size_t nx = x_size(g, 1), ny = pooled_size(g, 1, e->pool), all = rows * ny;
    float *x = noise(rows * nx), *w = noise(w_size(g)), *start = noise(all);
    buffer packed = pack(a, g, w);
    float *y = run_twice(a, g, rows, x, packed, e, start, all);
    for (int r = 0; r < rows; r++) {
        float *one = run_twice(a, g, 1, x + r * nx, packed, e, start, ny);
        if (memcmp(one, y + r * ny, ny * sizeof *y) != 0)
            fail_msg("%s %s: row %d of %d depends on the others", isa->name, a->name, r, rows);
        fl_free(one);
    }
    drop(packed), fl_free(x), fl_free(w), fl_free(start), fl_free(y);
}

static void rows_do_not_see_each_other(void **state) {
    (void)state;
    static const fl_conv some[] = {{30, 30, 208, 30, 30, 232, 3, 3, 1, 1, 1, 1},
                                   {45, 29, 40, 45, 29, 70, 3, 3, 1, 1, 1, 1}};
    fl_epilogue plain = {.pool = 1}, pooled = {.activation = FL_CONV_RELU, .pool = 2};
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (const fl_conv_algo *const *a = (*isa)->conv; *a; a++) {
            if ((*a)->fits(&some[0], &plain)) check_rows(*isa, *a, &some[0], 7, &plain);
            if ((*a)->fits(&some[1], &pooled)) check_rows(*isa, *a, &some[1], 5, &pooled);
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

/* Of an algorithm's result, relative: Winograd's more points cost digits. */
static double error_limit(const char *name) {
    return strcmp(name, "winograd7") == 0 ? 1.5e-5 : 4e-6;
}

static const fl_conv deep = {34, 34, 160, 34, 34, 20, 3, 3, 1, 1, 1, 1};

static void long_sums_are_exact_enough(void **state) {
    (void)state;
    size_t n = y_size(&deep, 2);
    fl_epilogue e = {.pool = 1};
    float *x = noise(x_size(&deep, 2)), *w = noise(w_size(&deep)), *want = noise(n);
    fl_kernels_reference.conv_forward(&deep, 2, x, w, want, NULL);
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (const fl_conv_algo *const *a = (*isa)->conv; *a; a++) {
            if (!(*a)->fits(&deep, &e)) continue;
            buffer packed = pack(*a, &deep, w);
            float *y = run_twice(*a, &deep, 2, x, packed, &e, want, n);
            double error = relative_error(y, want, n);
            print_message("%s %s: rms error %.2g\n", (*isa)->name, (*a)->name, error);
            assert_true(error < error_limit((*a)->name));
            drop(packed), fl_free(y);
        }
    fl_free(x), fl_free(w), fl_free(want);
}

static void long_gradients_are_exact_enough(void **state) {
    (void)state;
    fl_conv g = {100, 100, 5, 98, 98, 6, 3, 3, 1, 1, 0, 0};
    size_t n = w_size(&g);
    float *x = noise(x_size(&g, 2)), *dy = noise(y_size(&g, 2)), *want = fl_alloc(n * sizeof *want);
    fl_kernels_reference.conv_backward_weights(&g, 2, x, dy, want, NULL);
    for (const fl_isa *const *isa = fl_isas_all(); *isa; isa++)
        for (const fl_conv_dw_algo *const *a = (*isa)->conv_dw; *a; a++) {
            if (!(*a)->fits(&g)) continue;
            buffer work = buffer_of((*a)->work(&g, 2));
            float *dw = fl_alloc(n * sizeof *dw);
            (*a)->run(&g, 2, x, dy, dw, work.v);
            double error = relative_error(dw, want, n);
            print_message("%s weights %s: rms error %.2g\n", (*isa)->name, (*a)->name, error);
            assert_true(error < error_limit((*a)->name));
            drop(work), fl_free(dw);
        }
    fl_free(x), fl_free(dy), fl_free(want);
}

static const fl_kernels *kernels_of(const char *name) {
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++)
        if (strcmp((*k)->name, name) == 0) return *k;
    fail_msg("no kernels '%s'", name);
    return NULL;
}

static fl_conv_choice choice_of(const char *name) {
    return fl_conv_choose(kernels_of(name), &deep, 1, NULL);
}

static void the_table_can_be_chosen(void **state) {
    (void)state;
    const fl_isa *isa, *best = NULL;
    for (const fl_isa *const *s = fl_isas_all(); *s; s++) {
        best = *s;
        setenv("FROSTLINE_ISA", (*s)->name, 1);
        assert_int_equal(fl_isa_select(&isa), FL_OK);
        assert_ptr_equal(isa, *s);
        assert_ptr_equal(fl_conv_algo_find(isa, "winograd4"), isa->conv[0]);
        assert_null(fl_conv_algo_find(isa, "none"));
        assert_non_null(choice_of(isa->name).forward);
    }
    setenv("FROSTLINE_ISA", "reference", 1);
    assert_int_equal(fl_isa_select(&isa), FL_OK);
    assert_null(choice_of("reference").forward);
    assert_null(choice_of("reference").weights);
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
        cmocka_unit_test(wide_layers_are_the_reference),
        cmocka_unit_test(rows_do_not_see_each_other),
        cmocka_unit_test(long_sums_are_exact_enough),
        cmocka_unit_test(long_gradients_are_exact_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
