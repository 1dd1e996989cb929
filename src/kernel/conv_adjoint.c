/* conv_adjoint.c: backward-data of a convolution with stride 1, as a convolution.
 * dx[i] = Σ_k dy[i + top - k] w[k] = Σ_k' dy[i - (kh - 1 - top) + k'] w[kh - 1 - k']. */
#include "frostline/conv.h"

enum { TILE = 16 };

bool fl_conv_adjoint(const fl_conv *g, fl_conv *h) {
    *h = (fl_conv){.h = g->oh,
                   .w = g->ow,
                   .ci = g->co,
                   .oh = g->h,
                   .ow = g->w,
                   .co = g->ci,
                   .kh = g->kh,
                   .kw = g->kw,
                   .sh = 1,
                   .sw = 1,
                   .top = g->kh - 1 - g->top,
                   .left = g->kw - 1 - g->left};
    return g->sh == 1 && g->sw == 1 && h->top >= 0 && h->left >= 0;
}

/* out (n, m) = transpose of w (m, n), by tiles that stay in the cache. */
static void transpose(int m, int n, const float *w, float *out) {
    for (int i0 = 0; i0 < m; i0 += TILE)
        for (int j0 = 0; j0 < n; j0 += TILE)
            for (int j = j0; j < n && j < j0 + TILE; j++)
                for (int i = i0; i < m && i < i0 + TILE; i++)
                    out[(size_t)j * m + i] = w[(size_t)i * n + j];
}

void fl_conv_rotate(const fl_conv *g, const float *w, float *out) {
    int taps = g->kh * g->kw;
    size_t size = (size_t)g->ci * g->co;
#pragma omp parallel for schedule(static)
    for (int t = 0; t < taps; t++)
        transpose(g->ci, g->co, w + t * size, out + (taps - 1 - t) * size);
}
