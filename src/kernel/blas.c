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

static void product(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b,
                    int ldb, float beta, float *c, int ldc) {
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a, lda, b, ldb, beta, c, ldc);
}

/* ---- the same bits with any number of threads ---- */

enum { BLOCK = 128, BLOCKS = 16 };

static bool in_blocks;

static int min(int a, int b) {
    return a < b ? a : b;
}

/* Blocks that follow from the sizes alone, each by one thread: OpenBLAS's own division among
 * threads would show in the last bits. It uses one thread where it is called from several. */
static void product_in_blocks(bool ta, bool tb, int m, int n, int k, const float *a, int lda,
                              const float *b, int ldb, float beta, float *c, int ldc) {
    bool tall = m > n;
    int all = tall ? m : n, block = (all / BLOCKS + BLOCK - 1) / BLOCK * BLOCK;
    if (block < BLOCK) block = BLOCK;
#pragma omp parallel for schedule(dynamic)
    for (int at = 0; at < all; at += block) {
        size_t i = (size_t)at;
        int some = min(block, all - at);
        if (tall)
            product(ta, tb, some, n, k, a + (ta ? i : i * (size_t)lda), lda, b, ldb, beta,
                    c + i * (size_t)ldc, ldc);
        else
            product(ta, tb, m, some, k, a, lda, b + (tb ? i * (size_t)ldb : i), ldb, beta, c + i,
                    ldc);
    }
}

void fl_gemm_blas(bool ta, bool tb, int m, int n, int k, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc) {
    if (m == 0 || n == 0) return;
    if (k == 0) { /* BLAS would reject the leading dimensions of empty factors */
        scale(m, n, beta, c, ldc);
        return;
    }
    (in_blocks ? product_in_blocks : product)(ta, tb, m, n, k, a, lda, b, ldb, beta, c, ldc);
}

void fl_blas_set_threads(int n) {
    openblas_set_num_threads(n);
}

void fl_blas_same_bits(bool same) {
    in_blocks = same;
    bool own_threads = openblas_get_parallel() == OPENBLAS_THREAD; /* which know nothing of ours */
    if (same && own_threads) openblas_set_num_threads(1);
}

const char *fl_blas_version(void) {
    return openblas_get_config();
}
