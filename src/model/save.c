/* Parameters into a file, in PyTorch's layout. */
#include "model/parts.h"

#include <string.h>

/* What is laid out as in the file is written from where it is; the rest from a copy. */
static const float *file_view(const fl_param *p, float **copy) {
    FL_CHECK(p->value, "parameter '%s' has no values to save", p->name);
    *copy = NULL;
    if (p->spec->layout == FL_LAYOUT_PLAIN) return p->value;
    *copy = fl_alloc(p->len * sizeof **copy);
    fl_param_to_file(p->spec, p->value, *copy);
    return *copy;
}

static fl_status check_names(const fl_model *m, fl_naming names) {
    if (fl_names_known(m, names)) return FL_OK;
    return fl_fail(
        FL_ERR_CONFIG, "%s%s has no %s names; save it with Frostline's own (names: frostline)",
        m->base ? "base " : "a net without a base", m->base ? m->base : "", fl_names_text(names));
}

static void describe(const fl_model *m, const fl_param *p, fl_naming names, fl_tensor_info *t,
                     float **copy) {
    *t = (fl_tensor_info){.name = fl_names_param(m, p, names), .dtype = FL_F32, .n = p->spec->n};
    memcpy(t->d, p->spec->d, sizeof p->spec->d);
    t->count = p->len;
    t->bytes = p->len * sizeof(float);
    t->data = file_view(p, copy);
}

fl_status fl_model_save(const fl_model *m, const char *path, fl_naming names, int n_meta,
                        const char *const (*meta)[2]) {
    FL_TRY(check_names(m, names));
    fl_tensor_info *tensors = fl_alloc((size_t)m->n_params * sizeof *tensors + 1);
    float **copies = fl_alloc((size_t)m->n_params * sizeof *copies + 1);
    for (int i = 0; i < m->n_params; i++) describe(m, &m->param[i], names, &tensors[i], &copies[i]);
    fl_status s = fl_weights_write(path, m->n_params, tensors, n_meta, meta);
    for (int i = 0; i < m->n_params; i++) {
        fl_free((char *)tensors[i].name);
        fl_free(copies[i]);
    }
    fl_free(tensors);
    fl_free(copies);
    return s;
}
