/* Parameters: their names, their layouts, and their first values. */
#include "model/parts.h"

#include <string.h>

#include "frostline/rng.h"

/* ---- which there are ---- */

static size_t spec_len(const fl_param_spec *s) {
    size_t len = 1;
    for (int i = 0; i < s->n; i++) len *= (size_t)s->d[i];
    return len;
}

static void open_layer(fl_model *m, int i) {
    fl_model_layer *l = &m->layer[i];
    l->first_param = m->n_params;
    l->n_params = l->plan.n_params;
    for (int k = 0; k < l->n_params; k++) {
        const fl_param_spec *s = &l->plan.param[k];
        m->param[m->n_params++] = (fl_param){.name = fl_format("%s.%s", l->name, s->name),
                                             .layer = i,
                                             .spec = s,
                                             .len = spec_len(s)};
    }
}

void fl_params_open(fl_model *m) {
    m->param = fl_alloc((size_t)m->n_layers * FL_MAX_PARAMS * sizeof *m->param);
    for (int i = 0; i < m->n_layers; i++) open_layer(m, i);
}

void fl_params_close(fl_model *m) {
    for (int i = 0; i < m->n_params; i++) fl_free(m->param[i].name);
    fl_free(m->param);
}

size_t fl_model_count_layer(const fl_model *m, int layer) {
    const fl_model_layer *l = &m->layer[layer];
    size_t n = 0;
    for (int i = 0; i < l->n_params; i++) n += m->param[l->first_param + i].len;
    return n;
}

size_t fl_model_count(const fl_model *m) {
    size_t n = 0;
    for (int i = 0; i < m->n_params; i++) n += m->param[i].len;
    return n;
}

/* ---- layouts: both kinds of convolution turn (co, ci, kh·kw) into (kh·kw, ci, co); depthwise has
 * ci = 1 ---- */

void fl_param_to_memory(const fl_param_spec *s, const float *file, float *memory) {
    if (s->layout == FL_LAYOUT_PLAIN) {
        memcpy(memory, file, spec_len(s) * sizeof *memory);
        return;
    }
    size_t co = (size_t)s->d[0], ci = (size_t)s->d[1], window = (size_t)(s->d[2] * s->d[3]);
    for (size_t o = 0; o < co; o++)
        for (size_t c = 0; c < ci; c++)
            for (size_t k = 0; k < window; k++) memory[(k * ci + c) * co + o] = *file++;
}

void fl_param_to_file(const fl_param_spec *s, const float *memory, float *file) {
    if (s->layout == FL_LAYOUT_PLAIN) {
        memcpy(file, memory, spec_len(s) * sizeof *file);
        return;
    }
    size_t co = (size_t)s->d[0], ci = (size_t)s->d[1], window = (size_t)(s->d[2] * s->d[3]);
    for (size_t o = 0; o < co; o++)
        for (size_t c = 0; c < ci; c++)
            for (size_t k = 0; k < window; k++) *file++ = memory[(k * ci + c) * co + o];
}

/* ---- first values ---- */

static double uniform(const fl_rng *r, uint64_t i, double limit) {
    return (2 * fl_rng_uniform(r, i) - 1) * limit;
}

/* A normal number cut off at two deviations; as in Keras, the deviation is that after the cut. No
 * parameter has 2^40 elements, so the bits above count the draws. */
static double truncated_normal(const fl_rng *r, uint64_t i, double variance) {
    static const double deviation_after_cut = 0.87962566103423978;
    double z = 2;
    for (uint64_t draw = 0; fabs(z) >= 2; draw++) z = fl_rng_normal(r, i | draw << 40);
    return z * sqrt(variance) / deviation_after_cut;
}

static double first_value(const fl_rng *r, uint64_t i, const fl_param_spec *s) {
    double in = (double)s->fan_in, both = in + (double)s->fan_out;
    switch (s->init) {
    case FL_INIT_ZEROS: return 0;
    case FL_INIT_ONES: return 1;
    case FL_INIT_GLOROT_UNIFORM: return uniform(r, i, sqrt(6 / both));
    case FL_INIT_GLOROT_NORMAL: return truncated_normal(r, i, 2 / both);
    case FL_INIT_HE_UNIFORM: return uniform(r, i, sqrt(6 / in));
    case FL_INIT_HE_NORMAL: return truncated_normal(r, i, 2 / in);
    case FL_INIT_LECUN_NORMAL: return truncated_normal(r, i, 1 / in);
    }
    return 0;
}

static void init_param(const fl_param *p, uint64_t seed) {
    fl_rng r = {.seed = seed, .stream = FL_STREAM_INIT};
    r.sample = fl_hash(p->name, strlen(p->name), 0);
    float *file = fl_alloc(p->len * sizeof *file);
    for (size_t i = 0; i < p->len; i++) file[i] = (float)first_value(&r, i, p->spec);
    fl_param_to_memory(p->spec, file, p->writable);
    fl_free(file);
}

void fl_model_init(fl_model *m, uint64_t seed) {
    for (int i = 0; i < m->n_params; i++)
        if (m->param[i].writable) init_param(&m->param[i], seed);
}
