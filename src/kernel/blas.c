/* blas.c: matrix products by OpenBLAS; the only file that knows it. */
#include <cblas.h>

#include "kernel/parts.h"

static void scale(int m, int n, float beta, float *c, int ldc) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            float *v = &c[(size_t)i * ldc + j];
            *v = beta == 0 ? 0 : beta * *v;
        }
}

void fl_gemm_blas(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc) {
    if (m == 0 || n == 0) return;
    if (k == 0) { /* BLAS would reject the leading dimensions of empty factors */
        scale(m, n, beta, c, ldc);
        return;
    }
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, lda, b, ldb, beta, c, ldc);
}

void fl_blas_set_threads(int n) {
    openblas_set_num_threads(n);
}

const char *fl_blas_version(void) {
    return openblas_get_config();
}
