/* Parameters into a file, in PyTorch's layout. */
#include "model/parts.h"

#include <string.h>

typedef struct saving {
    const fl_model *m;
    float *copy; /* room for one parameter in the file's layout */
} saving;

/* What is laid out as in the file is written from where it is; the rest from a copy. */
static const void *file_view(void *context, int i) {
    const saving *o = context;
    const fl_param *p = &o->m->param[i];
    if (p->spec->layout == FL_LAYOUT_PLAIN) return p->value;
    fl_param_to_file(p->spec, p->value, o->copy);
    return o->copy;
}

static size_t longest(const fl_model *m) {
    size_t n = 0;
    for (int i = 0; i < m->n_params; i++)
        if (m->param[i].spec->layout != FL_LAYOUT_PLAIN && m->param[i].len > n) n = m->param[i].len;
    return n;
}

static fl_status check_names(const fl_model *m, fl_naming names) {
    if (fl_names_known(m, names)) return FL_OK;
    return fl_fail(
        FL_ERR_CONFIG, "%s%s has no %s names; save it with Frostline's own (names: frostline)",
        m->base ? "base " : "a net without a base", m->base ? m->base : "", fl_names_text(names));
}

static fl_tensor_info describe(const fl_model *m, const fl_param *p, fl_naming names) {
    FL_CHECK(p->value, "parameter '%s' has no values to save", p->name);
    fl_tensor_info t = {
        .name = fl_names_param(m, p, names), .dtype = FL_F32, .n = p->spec->n, .count = p->len};
    memcpy(t.d, p->spec->d, sizeof p->spec->d);
    t.bytes = p->len * sizeof(float);
    return t;
}

fl_status fl_model_save(const fl_model *m, const char *path, fl_naming names, int n_meta,
                        const char *const (*meta)[2]) {
    FL_TRY(check_names(m, names));
    fl_tensor_info *tensors = fl_alloc((size_t)m->n_params * sizeof *tensors + 1);
    saving o = {m, fl_alloc(longest(m) * sizeof(float))};
    for (int i = 0; i < m->n_params; i++) tensors[i] = describe(m, &m->param[i], names);
    fl_status s = fl_weights_write_from(path, m->n_params, tensors, file_view, &o, n_meta, meta);
    for (int i = 0; i < m->n_params; i++) fl_free((char *)tensors[i].name);
    fl_free(tensors);
    fl_free(o.copy);
    return s;
}
