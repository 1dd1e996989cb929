/* What others call the tensors of a file, without a config: the base that they belong to is the one
 * whose tensors are all there, in its shapes. */
#include <string.h>

#include "model/parts.h"

typedef struct candidate { /* a base, whole */
    fl_config *config;
    fl_model *model;
} candidate;

static candidate open_base(const char *base, double alpha) {
    candidate c = {0};
    fl_model_conf conf;
    char *yaml = fl_format("model: {base: %s, alpha: %.9g}", base, alpha);
    fl_status status = fl_config_parse(base, yaml, 0, NULL, &c.config);
    fl_node *section = status == FL_OK ? fl_config_section(c.config, "model") : NULL;
    if (section) status = fl_fields_parse(section, "'model'", fl_model_fields, NULL, &conf);
    if (status == FL_OK) status = fl_model_open(&conf, section, &c.model);
    FL_CHECK(status == FL_OK, "base %s: %s", base, fl_message());
    fl_free(yaml);
    return c;
}

static void close_base(candidate *c) {
    fl_model_close(c->model);
    fl_config_close(c->config);
}

static const fl_tensor_info *find(const fl_model *m, const fl_weights *w, int param,
                                  fl_naming names) {
    char *name = fl_names_param(m, &m->param[param], names);
    const fl_tensor_info *t = fl_weights_find(w, name);
    fl_free(name);
    return t;
}

/* Its last layer has as many outputs as there are classes: in their number it may differ. */
static bool fits(const fl_model *m, int param, const fl_tensor_info *t) {
    fl_tensor_info of_classes = *t;
    if (m->param[param].layer == m->param[m->n_params - 1].layer && t->n > 0)
        of_classes.d[0] = m->param[param].spec->d[0];
    return fl_param_fits(m->param[param].spec, &of_classes);
}

/* Whether the file has all of the base's top, or all below it. */
static bool is_there(const fl_model *m, const fl_weights *w, fl_naming names, bool top) {
    bool all = fl_names_known(m, names);
    for (int i = 0; i < m->n_params && all; i++) {
        if ((m->param[i].layer >= m->net->top) != top) continue;
        const fl_tensor_info *t = find(m, w, i, names);
        all = t && fits(m, i, t);
    }
    return all;
}

/* Of the widths of the file, by the first tensor; 1 if it cannot be that base's. */
static double alpha_of(const char *base, const fl_weights *w, fl_naming names) {
    candidate c = open_base(base, 1);
    const fl_tensor_info *t = fl_names_known(c.model, names) && c.model->net->base->scales
                                  ? find(c.model, w, 0, names)
                                  : NULL;
    double alpha = t && t->n > 0 ? (double)t->d[0] / (double)c.model->param[0].spec->d[0] : 1;
    close_base(&c);
    return alpha >= 0.0625 && alpha <= 4 ? alpha : 1;
}

static char *translated(const fl_model *m, int n_layers, const char *tensor, fl_naming from,
                        fl_naming to) {
    for (int l = 0; l < n_layers; l++) {
        const char *layer = fl_names_layer(m, l, from);
        if (fl_names_is_of(tensor, layer))
            return fl_format("%s%s", fl_names_layer(m, l, to), tensor + strlen(layer));
    }
    return NULL;
}

static fl_status translate(const fl_model *m, const fl_weights *w, fl_naming to,
                           fl_translation *out) {
    if (!fl_names_known(m, to))
        return fl_fail(FL_ERR_CONFIG, "'%s' holds the tensors of %s, which has no %s names",
                       fl_weights_path(w), out->base, fl_names_text(to));
    int n_layers = is_there(m, w, out->from, true) ? m->n_layers : m->net->top;
    out->count = fl_weights_count(w);
    out->name = fl_alloc((size_t)out->count * sizeof *out->name);
    for (int i = 0; i < out->count; i++)
        out->name[i] = translated(m, n_layers, fl_weights_at(w, i)->name, out->from, to);
    return FL_OK;
}

static fl_status no_base(const fl_weights *w) {
    fl_text all = {0};
    for (const char *const *name = fl_bases_all(); *name; name++)
        fl_text_add(&all, "%s%s", all.len ? ", " : "", *name);
    fl_status status = fl_fail(FL_ERR_INPUT,
                               "'%s' does not hold all tensors of a base, under whatever names; "
                               "there are %s",
                               fl_weights_path(w), all.s);
    fl_free(all.s);
    return status;
}

fl_status fl_names_translate(const fl_weights *w, fl_naming to, fl_translation *out) {
    static const fl_naming namings[] = {FL_NAMES_TORCHVISION, FL_NAMES_KERAS, FL_NAMES_FROSTLINE};
    for (const char *const *name = fl_bases_all(); *name; name++)
        for (size_t i = 0; i < FL_COUNT(namings); i++) {
            candidate c = open_base(*name, alpha_of(*name, w, namings[i]));
            bool there = is_there(c.model, w, namings[i], false);
            *out = (fl_translation){.base = *name, .from = namings[i]};
            fl_status status = there ? translate(c.model, w, to, out) : FL_OK;
            close_base(&c);
            if (there) return status;
        }
    return no_base(w);
}

void fl_names_close(fl_translation *t) {
    for (int i = 0; i < t->count; i++) fl_free(t->name[i]);
    fl_free(t->name);
}
