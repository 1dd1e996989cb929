/* Philox4x32-10: ten rounds of two 32×32→64 multiplications, each crossed with the key. The counter
 * is (index, sample), the key (seed) is spread by stream and epoch. */
#include "frostline/rng.h"

#include <math.h>

typedef struct block {
    uint32_t v[4];
} block;

static uint64_t mix(uint64_t z) { /* finaliser of SplitMix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static block philox(uint64_t key, uint64_t hi, uint64_t lo) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    block b = {{(uint32_t)lo, (uint32_t)(lo >> 32), (uint32_t)hi, (uint32_t)(hi >> 32)}};
    for (int round = 0; round < 10; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
        uint64_t p = (uint64_t)0xd2511f53u * b.v[0], q = (uint64_t)0xcd9e8d57u * b.v[2];
        b = (block){{(uint32_t)(q >> 32) ^ b.v[1] ^ k0, (uint32_t)q,
                     (uint32_t)(p >> 32) ^ b.v[3] ^ k1, (uint32_t)p}};
    }
    return b;
}

uint64_t fl_rng_key(const fl_rng *r) {
    uint64_t where = (uint64_t)r->stream << 32 | r->epoch;
    return mix(r->seed + 0x9e3779b97f4a7c15u) ^ mix(where);
}

static block draw(const fl_rng *r, uint64_t index) {
    return philox(fl_rng_key(r), r->sample, index);
}

void fl_rng_words(const fl_rng *r, uint64_t index, uint32_t word[4]) {
    block b = draw(r, index);
    for (int i = 0; i < 4; i++) word[i] = b.v[i];
}

uint64_t fl_rng_bits(const fl_rng *r, uint64_t index) {
    block b = draw(r, index);
    return (uint64_t)b.v[1] << 32 | b.v[0];
}

static double unit(uint32_t hi, uint32_t lo) { /* 53 bits in [0, 1) */
    return (double)(((uint64_t)hi << 32 | lo) >> 11) * 0x1p-53;
}

double fl_rng_uniform(const fl_rng *r, uint64_t index) {
    block b = draw(r, index);
    return unit(b.v[1], b.v[0]);
}

void fl_rng_uniforms(const fl_rng *r, uint64_t first, uint64_t step, size_t n, double *out) {
    uint64_t key = fl_rng_key(r);
    for (size_t i = 0; i < n; i++) {
        block b = philox(key, r->sample, first + i * step);
        out[i] = unit(b.v[1], b.v[0]);
    }
}

double fl_rng_normal(const fl_rng *r, uint64_t index) { /* Box & Muller 1958 */
    block b = draw(r, index);
    double u = 1.0 - unit(b.v[1], b.v[0]), v = unit(b.v[3], b.v[2]);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

uint64_t fl_rng_below(const fl_rng *r, uint64_t index, uint64_t n) {
    return (uint64_t)(((unsigned __int128)fl_rng_bits(r, index) * n) >> 64);
}

void fl_rng_permute(const fl_rng *r, int64_t *order, int64_t n) {
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)fl_rng_below(r, (uint64_t)i, (uint64_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}
