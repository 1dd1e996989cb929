/* Matrix products against their definition, and which kernels are chosen. */
#include "kernel_check.h"

typedef struct product {
    bool ta, tb;
    int m, n, k, pad; /* pad: how much wider than needed the leading dimensions are */
    float beta;
} product;

static void run_gemm(const fl_kernels *t, product p, const float *a, const float *b, float *c) {
    t->gemm(p.ta, p.tb, p.m, p.n, p.k, a, (p.ta ? p.m : p.k) + p.pad, b, (p.tb ? p.k : p.n) + p.pad,
            p.beta, c, p.n + p.pad);
}

/* C by columns: each is A times a column of B, added up term by term. */
static void define_gemm(product p, const float *a, const float *b, float *c) {
    int lda = (p.ta ? p.m : p.k) + p.pad, ldb = (p.tb ? p.k : p.n) + p.pad, ldc = p.n + p.pad;
    for (int j = 0; j < p.n; j++) {
        for (int i = 0; i < p.m; i++) c[i * ldc + j] = p.beta == 0 ? 0 : p.beta * c[i * ldc + j];
        for (int q = 0; q < p.k; q++)
            for (int i = 0; i < p.m; i++)
                c[i * ldc + j] +=
                    a[p.ta ? q * lda + i : i * lda + q] * b[p.tb ? j * ldb + q : q * ldb + j];
    }
}

static void check_gemm(const fl_kernels *t, product p) {
    size_t side = 64 * 64;
    float *a = noise(side), *b = noise(side), *got = noise(side), *want = copy(got, side);
    for (int i = 0; p.beta == 0 && i < p.m; i++)
        for (int j = 0; j < p.n; j++) got[i * (p.n + p.pad) + j] = NAN;
    run_gemm(t, p, a, b, got);
    define_gemm(p, a, b, want);
    assert_near(t->name, got, want, side, 10); /* the columns beyond n must not change */
    fl_free(a), fl_free(b), fl_free(got), fl_free(want);
}

static void gemm_is_the_matrix_product(void **state) {
    (void)state;
    const float betas[] = {0, 1, 0.5f};
    for (const fl_kernels *const *t = fl_kernels_all(); *t; t++)
        for (int i = 0; i < 120; i++)
            check_gemm(*t, (product){i & 1, i & 2, pick(0, 40), pick(0, 40), pick(0, 40),
                                     pick(0, 5), betas[i % 3]});
}

static void the_environment_chooses(void **state) {
    (void)state;
    const fl_kernels *t;
    unsetenv("FROSTLINE_ISA");
    assert_int_equal(fl_kernels_select(&t), FL_OK);
    assert_string_not_equal(t->name, "reference");
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++) {
        setenv("FROSTLINE_ISA", (*k)->name, 1);
        assert_int_equal(fl_kernels_select(&t), FL_OK);
        assert_ptr_equal(t, *k);
    }
    setenv("FROSTLINE_ISA", "avx3", 1);
    assert_int_equal(fl_kernels_select(&t), FL_ERR_CONFIG);
    assert_non_null(strstr(fl_message(), "avx3"));
    assert_non_null(strstr(fl_message(), "reference, baseline"));
    unsetenv("FROSTLINE_ISA");
    assert_non_null(strstr(fl_blas_version(), "OpenBLAS"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_is_the_matrix_product),
        cmocka_unit_test(the_environment_chooses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
