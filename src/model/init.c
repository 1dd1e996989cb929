/* First values: element i of a parameter, in its file's order, is a function of (seed, name, i).
 * They are made in memory's order and where they belong, so that nothing is copied, and by all
 * threads. */
#include <math.h>
#include <string.h>

#include "frostline/rng.h"
#include "model/parts.h"

enum {
    BLOCK = 1 << 14, /* elements that a thread makes at a time */
    BATCH = 256,     /* random numbers that are drawn at a time */
};

typedef struct source {
    fl_rng rng;
    fl_init kind;
    double limit, deviation; /* of uniform and of normal numbers */
} source;

static double variance_of(const fl_param_spec *s) {
    double in = (double)s->fan_in, both = in + (double)s->fan_out;
    switch (s->init) {
    case FL_INIT_GLOROT_NORMAL: return 2 / both;
    case FL_INIT_HE_NORMAL: return 2 / in;
    case FL_INIT_LECUN_NORMAL: return 1 / in;
    default: return 0;
    }
}

static double limit_of(const fl_param_spec *s) {
    double in = (double)s->fan_in, both = in + (double)s->fan_out;
    return s->init == FL_INIT_GLOROT_UNIFORM ? sqrt(6 / both) : sqrt(6 / in);
}

static source source_of(const fl_param *p, uint64_t seed) {
    source s = {.rng = {.seed = seed, .stream = FL_STREAM_INIT},
                .kind = p->spec->init,
                .limit = limit_of(p->spec),
                .deviation = sqrt(variance_of(p->spec))};
    s.rng.sample = fl_hash(p->name, strlen(p->name), 0);
    return s;
}

/* A normal number cut off at two deviations; as in Keras, the deviation is that after the cut. No
 * parameter has 2^40 elements, so the bits above count the draws. */
static double truncated_normal(const source *s, uint64_t i) {
    static const double deviation_after_cut = 0.87962566103423978;
    double z = 2;
    for (uint64_t draw = 0; fabs(z) >= 2; draw++) z = fl_rng_normal(&s->rng, i | draw << 40);
    return z * s->deviation / deviation_after_cut;
}

/* to[j] is element first + j * step of the file, for n of them */
static void fill_uniform(const source *s, size_t first, size_t step, size_t n, float *to) {
    double u[BATCH];
    for (size_t at = 0; at < n; at += BATCH) {
        size_t some = n - at < BATCH ? n - at : BATCH;
        fl_rng_uniforms(&s->rng, first + at * step, step, some, u);
        for (size_t j = 0; j < some; j++) to[at + j] = (float)((2 * u[j] - 1) * s->limit);
    }
}

static void fill(const source *s, size_t first, size_t step, size_t n, float *to) {
    switch (s->kind) {
    case FL_INIT_GLOROT_UNIFORM:
    case FL_INIT_HE_UNIFORM: fill_uniform(s, first, step, n, to); return;
    case FL_INIT_ZEROS:
    case FL_INIT_ONES:
        for (size_t j = 0; j < n; j++) to[j] = s->kind == FL_INIT_ONES;
        return;
    default:
        for (size_t j = 0; j < n; j++) to[j] = (float)truncated_normal(s, first + j * step);
    }
}

/* Elements from … to-1 of memory, (window, ci, co). */
static void init_block(const source *s, const fl_axes *a, size_t from, size_t to, float *memory) {
    for (size_t i = from, end; i < to; i = end) {
        size_t line = i / a->co, o = i % a->co, c = line % a->ci, k = line / a->ci;
        end = (line + 1) * a->co < to ? (line + 1) * a->co : to;
        fill(s, (o * a->ci + c) * a->window + k, a->ci * a->window, end - i, memory + i);
    }
}

void fl_param_init(const fl_param *p, uint64_t seed) {
    const source s = source_of(p, seed);
    const fl_axes a = fl_param_axes(p->spec);
#pragma omp parallel for schedule(dynamic)
    for (size_t from = 0; from < p->len; from += BLOCK)
        init_block(&s, &a, from, from + BLOCK < p->len ? from + BLOCK : p->len, p->writable);
}

void fl_model_init(fl_model *m, uint64_t seed) {
    for (int i = 0; i < m->n_params; i++)
        if (m->param[i].writable) fl_param_init(&m->param[i], seed);
}
