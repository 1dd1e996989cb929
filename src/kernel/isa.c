/* isa.c: which instruction sets there are here, and what the callers of their algorithms need. */
#include <stdlib.h>
#include <string.h>

#include "frostline/conv.h"

extern const fl_isa fl_isa_baseline, fl_isa_avx2, fl_isa_avx512;
extern const fl_conv_algo *const fl_conv_algos_bf16[];

static const fl_conv_algo *const no_conv[] = {NULL};
static const fl_conv_dw_algo *const no_conv_dw[] = {NULL};
static const fl_isa reference = {
    .name = "reference", .conv = no_conv, .conv_dw = no_conv_dw, .conv_dx = no_conv};

/* Best last. */
static const fl_isa *const *sets(void) {
    static const fl_isa *const plain[] = {&fl_isa_baseline, NULL};
#ifdef FL_ISA_X86
    static const fl_isa *const avx2[] = {&fl_isa_baseline, &fl_isa_avx2, NULL};
    static const fl_isa *const avx512[] = {&fl_isa_baseline, &fl_isa_avx2, &fl_isa_avx512, NULL};
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (has_avx2) return has_avx512 ? avx512 : avx2;
#endif
    return plain;
}

const fl_isa *const *fl_isas_all(void) {
    return sets();
}

static fl_status refuse(const char *name) {
    fl_text there = {0};
    for (const fl_isa *const *s = sets(); *s; s++) fl_text_add(&there, ", %s", (*s)->name);
    fl_status status = fl_fail(FL_ERR_CONFIG,
                               "FROSTLINE_ISA=%s: this machine or build has no such kernels; set "
                               "one of: reference%s",
                               name, there.s);
    fl_free(there.s);
    return status;
}

fl_status fl_isa_select(const fl_isa **out) {
    const char *name = getenv("FROSTLINE_ISA");
    bool best = !name || !*name;
    *out = !best && !strcmp(name, "reference") ? &reference : NULL;
    for (const fl_isa *const *s = sets(); *s; s++)
        if (best || !strcmp((*s)->name, name)) *out = *s;
    return *out ? FL_OK : refuse(name);
}

const fl_conv_algo *const *fl_conv_bf16(const fl_kernels *k) {
#ifdef FL_ISA_X86
    if (k->isa == &fl_isa_avx512 && __builtin_cpu_supports("avx512bf16")) return fl_conv_algos_bf16;
#endif
    (void)k;
    return no_conv;
}

const fl_conv_algo *fl_conv_algo_find(const fl_isa *isa, const char *name) {
    for (const fl_conv_algo *const *a = isa->conv; *a; a++)
        if (!strcmp((*a)->name, name)) return *a;
    return NULL;
}

const fl_conv_dw_algo *fl_conv_dw_algo_find(const fl_isa *isa, const char *name) {
    for (const fl_conv_dw_algo *const *a = isa->conv_dw; *a; a++)
        if (!strcmp((*a)->name, name)) return *a;
    return NULL;
}
