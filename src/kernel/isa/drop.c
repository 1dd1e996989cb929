/* drop.c: dropout's random numbers, Philox4x32-10 (rng.h) for as many blocks as a vector has lanes
 * of 64 bits, and what they leave of an array. */
#include "kernel/isa/columns.h"
#include "kernel/isa/each.h"

enum { LANES = VW / 2, SETS = 2, STRETCH = 4096 };

typedef uint64_t vq __attribute__((vector_size(4 * VW)));
typedef uint32_t vn __attribute__((vector_size(4 * VW)));

/* The product of the low halves of the lanes. */
INLINE vq multiply(vq a, uint32_t m) {
#if defined(__AVX512F__)
    return (vq)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(m));
#elif defined(__AVX2__)
    return (vq)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(m));
#elif defined(__SSE2__)
    return (vq)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(m));
#else
    return (a & UINT32_MAX) * m;
#endif
}

/* Ten rounds on SETS of blocks, side by side, for each product waits for the one before. The high
 * halves of the lanes hold what is left over. */
INLINE void philox(uint64_t key, vq v[4][SETS]) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
        UNROLL
        for (int s = 0; s < SETS; s++) {
            vq p = multiply(v[0][s], 0xd2511f53u), q = multiply(v[2][s], 0xcd9e8d57u);
            v[0][s] = (q >> 32) ^ v[1][s] ^ k0;
            v[1][s] = q;
            v[2][s] = (p >> 32) ^ v[3][s] ^ k1;
            v[3][s] = p;
        }
    }
}

/* The words of LANES blocks in their order, two vectors of them. */
INLINE void in_order(vq w0, vq w1, vq w2, vq w3, vn out[2]) {
    vq low = (w0 & UINT32_MAX) | w1 << 32, high = (w2 & UINT32_MAX) | w3 << 32, from[2];
    UNROLL
    for (int i = 0; i < LANES; i++) {
        from[0][i] = (uint64_t)(i % 2 * LANES + i / 2);
        from[1][i] = from[0][i] + LANES / 2;
    }
    out[0] = (vn)__builtin_shuffle(low, high, from[0]);
    out[1] = (vn)__builtin_shuffle(low, high, from[1]);
}

/* 2 SETS vectors of words: those of the blocks from `first` on. */
INLINE void draw(const fl_drop *d, uint64_t key, uint64_t first, vn words[2 * SETS]) {
    vq v[4][SETS], lane;
    UNROLL
    for (int i = 0; i < LANES; i++) lane[i] = (uint64_t)i;
    UNROLL
    for (int s = 0; s < SETS; s++) {
        v[0][s] = lane + (first + (uint64_t)(s * LANES));
        v[1][s] = d->salt - (vq){0};
        v[2][s] = (d->rng.sample & UINT32_MAX) - (vq){0};
        v[3][s] = (d->rng.sample >> 32) - (vq){0};
    }
    philox(key, v);
    UNROLL
    for (int s = 0; s < SETS; s++) in_order(v[0][s], v[1][s], v[2][s], v[3][s], words + 2 * s);
}

INLINE void leave(const fl_drop *d, const bool whole, vn word, const float *x, int n, bool add,
                  float *y) {
    vi keep = (vi)(word >= d->least);
    vf v = (vf)(keep & (vi)(get(whole, x, n) * d->scale));
    put(whole, y, add ? get(whole, y, n) + v : v, n);
}

/* Elements from `first` to `end`; first is a block's. */
static void drop_some(const fl_drop *d, uint64_t key, size_t first, size_t end, const float *x,
                      bool add, float *y) {
    vn word[2 * SETS];
    for (size_t i = first; i < end; i += 2 * SETS * VW) {
        draw(d, key, i / 4, word);
        UNROLL
        for (int k = 0; k < 2 * SETS; k++) {
            size_t at = i + (size_t)k * VW;
            if (at + VW <= end)
                leave(d, true, word[k], x + at, VW, add, y + at);
            else if (at < end)
                leave(d, false, word[k], x + at, (int)(end - at), add, y + at);
        }
    }
}

void each_drop(const fl_drop *d, size_t n, const float *x, bool add, float *y) {
    uint64_t key = fl_rng_key(&d->rng);
#pragma omp parallel for schedule(static) if (n >= WORTH_THREADS)
    for (size_t i = 0; i < n; i += STRETCH)
        drop_some(d, key, i, min_size(n, i + STRETCH), x, add, y);
}
