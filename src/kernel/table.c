/* table.c: which kernels run. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "frostline/conv.h"
#include "kernel/parts.h"

/* What an instruction set has no algorithm for runs on OpenBLAS, which chooses its own
 * instructions. */
#define TABLE(set)                                                                                 \
    {                                                                                              \
        .name = #set, .plain = "im2col", .isa = &fl_isa_##set, .gemm = fl_gemm_blas,               \
        .conv_work = fl_im2col_work, .conv_forward = fl_im2col_forward,                            \
        .conv_backward_data = fl_im2col_backward_data,                                             \
        .conv_backward_weights = fl_im2col_backward_weights,                                       \
        .depthwise_forward = fl_depthwise_forward,                                                 \
        .depthwise_backward_data = fl_depthwise_backward_data,                                     \
        .depthwise_backward_weights = fl_depthwise_backward_weights,                               \
    }

extern const fl_isa fl_isa_baseline;
const fl_kernels fl_kernels_baseline = TABLE(baseline);
#ifdef FL_ISA_X86
extern const fl_isa fl_isa_avx2, fl_isa_avx512;
static const fl_kernels avx2 = TABLE(avx2), avx512 = TABLE(avx512);
#endif

/* Best last: those of the sets that this machine has. */
static const fl_kernels *const built[] = {
    &fl_kernels_reference,
    &fl_kernels_baseline,
#ifdef FL_ISA_X86
    &avx2,
    &avx512,
#endif
};
static const fl_kernels *all[FL_COUNT(built) + 1];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *const known[] = {"reference", "baseline", "avx2", "avx512"};

static bool runs_here(const fl_kernels *k) {
    if (!k->isa) return true;
    for (const fl_isa *const *s = fl_isas_all(); *s; s++)
        if (*s == k->isa) return true;
    return false;
}

static void list_all(void) {
    for (size_t i = 0, n = 0; i < FL_COUNT(built); i++)
        if (runs_here(built[i])) all[n++] = built[i];
}

const fl_kernels *const *fl_kernels_all(void) {
    pthread_once(&once, list_all);
    return all;
}

static const fl_kernels *best(void) {
    const fl_kernels *const *k = fl_kernels_all();
    while (k[1]) k++;
    return *k;
}

static fl_status refuse(const char *name) {
    fl_text there = {0};
    for (int i = 0; fl_kernels_all()[i]; i++)
        fl_text_add(&there, "%s%s", i ? ", " : "", all[i]->name);
    const char *near = fl_nearest(name, known, FL_COUNT(known));
    fl_status s =
        near && !strcmp(near, name)
            ? fl_fail(FL_ERR_CONFIG,
                      "FROSTLINE_ISA=%s: this build has no %s kernels; set one of: %s", name, name,
                      there.s)
            : fl_fail(FL_ERR_CONFIG, "FROSTLINE_ISA=%s: there are no such kernels; set one of: %s",
                      name, there.s);
    fl_free(there.s);
    return s;
}

fl_status fl_kernels_select(const fl_kernels **out) {
    const char *name = getenv("FROSTLINE_ISA");
    if (!name || !*name) {
        *out = best();
        return FL_OK;
    }
    for (int i = 0; fl_kernels_all()[i]; i++)
        if (!strcmp(all[i]->name, name)) {
            *out = all[i];
            return FL_OK;
        }
    return refuse(name);
}
