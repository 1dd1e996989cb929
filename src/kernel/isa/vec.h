/* vec.h: vectors of one instruction set. The sources in this folder are written once and compiled
 * once for each set (CMakeLists.txt), with FL_ISA_SUFFIX as _baseline, _avx2 or _avx512. */
#ifndef FROSTLINE_KERNEL_ISA_VEC_H
#define FROSTLINE_KERNEL_ISA_VEC_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "frostline/conv.h"

#define FL_ISA_JOIN_(name, suffix) name##suffix
#define FL_ISA_JOIN(name, suffix)  FL_ISA_JOIN_(name, suffix)
#define FL_ISA(name)               FL_ISA_JOIN(name, FL_ISA_SUFFIX) /* fl_x → fl_x_avx512 */

#if defined(__AVX512F__)
#define VW 16 /* floats of a vector */
#define MR 14 /* rows of the register kernel, whose columns are two vectors */
#elif defined(__AVX2__)
#define VW 8
#define MR 6
#else
#define VW 4
#define MR 6
#endif
enum { NR = 2 * VW };

typedef float vf __attribute__((vector_size(4 * VW)));
typedef int32_t vi __attribute__((vector_size(4 * VW)));
typedef float vf_memory __attribute__((vector_size(4 * VW), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

#define UNROLL _Pragma("GCC unroll 16") /* so that small arrays live in registers */
#define ROLLED _Pragma("GCC unroll 1")

INLINE vf load(const float *p) {
    return *(const vf_memory *)p;
}
INLINE void store(float *p, vf v) {
    *(vf_memory *)p = v;
}
/* Past the caches, where there is such a store; p is aligned to a vector. drain() before others
 * read it. */
INLINE void store_past(float *p, vf v) {
#if defined(__AVX512F__)
    _mm512_stream_ps(p, v);
#elif defined(__AVX2__)
    _mm256_stream_ps(p, v);
#elif defined(__SSE2__)
    _mm_stream_ps(p, v);
#else
    store(p, v);
#endif
}
INLINE void drain(void) {
#if defined(__SSE2__)
    _mm_sfence();
#endif
}
/* Keeps v in a register: the compiler would load it anew for each use. */
#if defined(__AVX512F__)
#define HOLD(v) __asm__("" : "+v"(v))
#elif defined(__SSE2__)
#define HOLD(v) __asm__("" : "+x"(v))
#else
#define HOLD(v) ((void)0)
#endif
INLINE vf splat(float v) {
    return v - (vf){0};
}

/* The first n floats at p, n ≤ VW, and zero after them; no more is touched. */
#if defined(__AVX512F__)
INLINE vf load_some(const float *p, int n) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
INLINE void store_some(float *p, vf v, int n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
#elif defined(__AVX2__)
INLINE __m256i lanes_below(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vf load_some(const float *p, int n) {
    return _mm256_maskload_ps(p, lanes_below(n));
}
INLINE void store_some(float *p, vf v, int n) {
    _mm256_maskstore_ps(p, lanes_below(n), v);
}
#else
INLINE vf load_some(const float *p, int n) {
    vf v = {0};
    memcpy(&v, p, (size_t)n * sizeof *p);
    return v;
}
INLINE void store_some(float *p, vf v, int n) {
    memcpy(p, &v, (size_t)n * sizeof *p);
}
#endif

/* a > b ? a : b, as the instruction does it: b where either is NaN. */
INLINE vf vmax(vf a, vf b) {
#if defined(__AVX512F__)
    return _mm512_max_ps(a, b);
#elif defined(__AVX2__)
    return _mm256_max_ps(a, b);
#elif defined(__SSE2__)
    return _mm_max_ps(a, b);
#else
    vi more = a > b;
    return (vf)((more & (vi)a) | (~more & (vi)b));
#endif
}
/* a < b ? a : b. */
INLINE vf vmin(vf a, vf b) {
#if defined(__AVX512F__)
    return _mm512_min_ps(a, b);
#elif defined(__AVX2__)
    return _mm256_min_ps(a, b);
#elif defined(__SSE2__)
    return _mm_min_ps(a, b);
#else
    vi less = a < b;
    return (vf)((less & (vi)a) | (~less & (vi)b));
#endif
}

static inline int min_int(int a, int b) {
    return a < b ? a : b;
}
static inline int max_int(int a, int b) {
    return a > b ? a : b;
}
static inline size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}
static inline size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}
static inline int ceil_div(int a, int b) {
    return (a + b - 1) / b;
}

#endif
