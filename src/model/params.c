/* Parameters: their names and their layouts. */
#include "model/parts.h"

#include <string.h>

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

/* ---- layouts: both kinds of convolution turn (co, ci, window) into (window, ci, co); depthwise
 * has ci = 1 ---- */

static int64_t dim(const int64_t *d, int n, int i) {
    return i < n ? d[i] : 1;
}

bool fl_param_fits(const fl_param_spec *s, const fl_tensor_info *t) {
    for (int i = 0; i < s->n || i < t->n; i++)
        if (dim(s->d, s->n, i) != dim(t->d, t->n, i)) return false;
    return true;
}

fl_axes fl_param_axes(const fl_param_spec *s) {
    if (s->layout == FL_LAYOUT_PLAIN) return (fl_axes){spec_len(s), 1, 1};
    return (fl_axes){(size_t)s->d[0], (size_t)s->d[1], (size_t)(s->d[2] * s->d[3])};
}

enum {
    BLOCK = 16
}; /* input channels at a time: the lines of memory that they lie in stay cached */

static size_t block_end(size_t c, size_t ci) {
    return c + BLOCK < ci ? c + BLOCK : ci;
}

void fl_param_to_memory(const fl_param_spec *s, const float *file, float *memory) {
    const fl_axes a = fl_param_axes(s);
    if (s->layout == FL_LAYOUT_PLAIN) {
        memcpy(memory, file, a.co * sizeof *memory);
        return;
    }
#pragma omp parallel for
    for (size_t first = 0; first < a.ci; first += BLOCK)
        for (size_t o = 0; o < a.co; o++) {
            const float *from = file + (o * a.ci + first) * a.window;
            for (size_t c = first; c < block_end(first, a.ci); c++)
                for (size_t k = 0; k < a.window; k++) memory[(k * a.ci + c) * a.co + o] = *from++;
        }
}

void fl_param_to_file(const fl_param_spec *s, const float *memory, float *file) {
    const fl_axes a = fl_param_axes(s);
    if (s->layout == FL_LAYOUT_PLAIN) {
        memcpy(file, memory, a.co * sizeof *file);
        return;
    }
#pragma omp parallel for
    for (size_t first = 0; first < a.ci; first += BLOCK)
        for (size_t o = 0; o < a.co; o++) {
            float *to = file + (o * a.ci + first) * a.window;
            for (size_t c = first; c < block_end(first, a.ci); c++)
                for (size_t k = 0; k < a.window; k++) *to++ = memory[(k * a.ci + c) * a.co + o];
        }
}
