/* Adam and max pooling of every instruction set of this machine against their definitions. */
#include "kernel_check.h"

#include "frostline/conv.h"

static void move(const fl_adam_step *s, float *w, float gradient, float *m, float *v) {
    double g = (double)s->scale * gradient + (double)s->l2 * *w;
    double m1 = (double)s->keep_1 * *m + s->new_1 * g,
           v1 = (double)s->keep_2 * *v + s->new_2 * g * g;
    *w -= (float)((double)s->fade * *w + s->rate * m1 / (sqrt(v1) * s->unbias + s->epsilon));
    *m = (float)m1;
    *v = (float)v1;
}

static const fl_adam_step step = {0.5f, 0.01f, 0.02f, 0.9f, 0.99f, 0.1f, 0.01f, 0.05f, 1.3f, 1e-7f};

static void adam_is_its_formula(void **state) {
    (void)state;
    for (const fl_isa *const *s = fl_isas_all(); *s; s++)
        for (size_t n = 0; n < 50; n++) {
            float *w = noise(n), *m = noise(n), *v = noise(n), *g = noise(n);
            for (size_t i = 0; i < n; i++) v[i] *= v[i];
            float *w0 = copy(w, n), *m0 = copy(m, n), *v0 = copy(v, n);
            w[n] = m[n] = v[n] = 12345;
            (*s)->each->adam(&step, n, w, g, m, v);
            assert_true(w[n] == 12345 && m[n] == 12345 && v[n] == 12345);
            for (size_t i = 0; i < n; i++) move(&step, &w0[i], g[i], &m0[i], &v0[i]);
            assert_near("w", w, w0, n, 1), assert_near("m", m, m0, n, 1);
            assert_near("v", v, v0, n, 1);
            fl_free(w), fl_free(m), fl_free(v), fl_free(g), fl_free(w0), fl_free(m0), fl_free(v0);
        }
}

/* One call, and many of any length: the shards of a sharded optimizer. */
static void adam_of_parts_is_adam_of_the_whole(void **state) {
    (void)state;
    enum { N = 333 };
    for (const fl_isa *const *s = fl_isas_all(); *s; s++) {
        float *w = noise(N), *m = noise(N), *v = noise(N), *g = noise(N);
        for (int i = 0; i < N; i++) v[i] *= v[i];
        float *w0 = copy(w, N), *m0 = copy(m, N), *v0 = copy(v, N);
        (*s)->each->adam(&step, N, w0, g, m0, v0);
        for (size_t i = 0, n; i < N; i += n) {
            n = (size_t)pick(1, 40);
            if (n > N - i) n = N - i;
            (*s)->each->adam(&step, n, w + i, g + i, m + i, v + i);
        }
        assert_memory_equal(w, w0, N * sizeof(float));
        assert_memory_equal(m, m0, N * sizeof(float));
        assert_memory_equal(v, v0, N * sizeof(float));
        fl_free(w), fl_free(m), fl_free(v), fl_free(g), fl_free(w0), fl_free(m0), fl_free(v0);
    }
}

static fl_conv random_window(void) {
    static const int channels[] = {1, 3, 4, 8, 15, 16, 17, 33};
    fl_conv g = {.h = pick(1, 11), .w = pick(1, 11), .ci = channels[pick(0, 7)]};
    g.co = g.ci, g.kh = pick(1, 4), g.kw = pick(1, 4), g.sh = pick(1, 3), g.sw = pick(1, 3);
    g.top = pick(0, g.kh - 1), g.left = pick(0, g.kw - 1);
    int below = g.h + g.top < g.kh ? g.kh - g.h - g.top : 0;
    int right = g.w + g.left < g.kw ? g.kw - g.w - g.left : 0;
    g.oh = (g.h + g.top + below - g.kh) / g.sh + 1;
    g.ow = (g.w + g.left + right - g.kw) / g.sw + 1;
    return g;
}

static void check_pixel(const fl_conv *g, const float *image, int oy, int ox, int c, float y,
                        int tap) {
    fl_taps ty = fl_taps_y(g, oy), tx = fl_taps_x(g, ox);
    int first = -1;
    float best = 0;
    for (int ky = ty.lo; ky < ty.hi; ky++)
        for (int kx = tx.lo; kx < tx.hi; kx++) {
            float v = image[((size_t)(ty.first + ky) * g->w + tx.first + kx) * g->ci + c];
            if (first >= 0 && (isnan(best) || v <= best)) continue;
            first = ky * g->kw + kx;
            best = v;
        }
    assert_int_equal(tap, first);
    assert_memory_equal(&y, &best, sizeof y);
}

static void check_pool(const fl_each *e, const fl_conv *g, int rows) {
    size_t nx = (size_t)rows * g->h * g->w * g->ci, ny = (size_t)rows * g->oh * g->ow * g->ci;
    float *x = noise(nx), *y = noise(ny), *plain = noise(ny);
    uint16_t *tap = fl_alloc((ny + 1) * sizeof *tap);
    for (size_t i = 0; i < nx; i++) x[i] = pick(0, 20) ? roundf(x[i]) : NAN; /* many equals */
    y[ny] = plain[ny] = 12345, tap[ny] = 54321;
    e->max_pool(g, rows, x, y, tap);
    e->max_pool(g, rows, x, plain, NULL);
    assert_true(y[ny] == 12345 && plain[ny] == 12345 && tap[ny] == 54321);
    assert_memory_equal(y, plain, ny * sizeof *y);
    for (size_t i = 0; i < ny; i++) {
        size_t p = i / g->ci, n = p / g->ow / g->oh;
        check_pixel(g, x + n * g->h * g->w * g->ci, (int)(p / g->ow % g->oh), (int)(p % g->ow),
                    (int)(i % g->ci), y[i], tap[i]);
    }
    fl_free(x), fl_free(y), fl_free(plain), fl_free(tap);
}

static void max_pooling_is_its_definition(void **state) {
    (void)state;
    for (const fl_isa *const *s = fl_isas_all(); *s; s++)
        for (int i = 0; i < 40; i++) {
            fl_conv g = random_window();
            assert_true((*s)->each->fits_max_pool(&g));
            fl_blas_set_threads(1 + i % 2);
            check_pool((*s)->each, &g, pick(0, 3));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_is_its_formula),
        cmocka_unit_test(adam_of_parts_is_adam_of_the_whole),
        cmocka_unit_test(max_pooling_is_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
