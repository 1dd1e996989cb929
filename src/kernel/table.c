/* table.c: which kernels run. */
#include <stdlib.h>
#include <string.h>

#include "kernel/parts.h"

const fl_kernels fl_kernels_baseline = {
    .name = "baseline",
    .gemm = fl_gemm_blas,
    .conv_work = fl_im2col_work,
    .conv_forward = fl_im2col_forward,
    .conv_backward_data = fl_im2col_backward_data,
    .conv_backward_weights = fl_im2col_backward_weights,
    .depthwise_forward = fl_depthwise_forward,
    .depthwise_backward_data = fl_depthwise_backward_data,
    .depthwise_backward_weights = fl_depthwise_backward_weights,
};

/* Best last. */
static const fl_kernels *const all[] = {&fl_kernels_reference, &fl_kernels_baseline, NULL};

static const char *const known[] = {"reference", "baseline", "avx2", "avx512"};

const fl_kernels *const *fl_kernels_all(void) {
    return all;
}

static fl_status refuse(const char *name) {
    fl_text there = {0};
    for (int i = 0; all[i]; i++) fl_text_add(&there, "%s%s", i ? ", " : "", all[i]->name);
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
        *out = all[FL_COUNT(all) - 2];
        return FL_OK;
    }
    for (int i = 0; all[i]; i++)
        if (!strcmp(all[i]->name, name)) {
            *out = all[i];
            return FL_OK;
        }
    return refuse(name);
}
