/* What others call the tensors of a file, without a config: the base that they belong to is the one
 * whose tensors are all there. */
#include <string.h>

#include "model/parts.h"

typedef struct candidate { /* a base, whole, of widths that do not matter */
    fl_config *config;
    fl_model *model;
} candidate;

static candidate open_base(const char *base) {
    candidate c = {0};
    fl_model_conf conf;
    char *yaml = fl_format("model: {base: %s}", base);
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

static bool is_there(const fl_model *m, const fl_weights *w, fl_naming names) {
    bool all = fl_names_known(m, names);
    for (int i = 0; i < m->n_params && m->param[i].layer < m->net->top && all; i++) {
        char *name = fl_names_param(m, &m->param[i], names);
        all = fl_weights_find(w, name) != NULL;
        fl_free(name);
    }
    return all;
}

static char *translated(const fl_model *m, const char *tensor, fl_naming from, fl_naming to) {
    for (int l = 0; l < m->n_layers; l++) {
        const char *layer = fl_names_layer(m, l, from);
        if (fl_names_is_of(tensor, layer))
            return fl_format("%s%s", fl_names_layer(m, l, to), tensor + strlen(layer));
    }
    return fl_strdup(tensor);
}

static fl_status translate(const fl_model *m, const fl_weights *w, fl_naming to,
                           fl_translation *out) {
    if (!fl_names_known(m, to))
        return fl_fail(FL_ERR_CONFIG, "'%s' holds the tensors of %s, which has no %s names",
                       fl_weights_path(w), out->base, fl_names_text(to));
    out->count = fl_weights_count(w);
    out->name = fl_alloc((size_t)out->count * sizeof *out->name);
    for (int i = 0; i < out->count; i++) {
        const char *was = fl_weights_at(w, i)->name;
        out->name[i] = translated(m, was, out->from, to);
        out->changed += strcmp(out->name[i], was) != 0;
    }
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
    for (const char *const *name = fl_bases_all(); *name; name++) {
        candidate c = open_base(*name);
        for (size_t i = 0; i < FL_COUNT(namings); i++) {
            if (!is_there(c.model, w, namings[i])) continue;
            *out = (fl_translation){.base = *name, .from = namings[i]};
            fl_status status = translate(c.model, w, to, out);
            close_base(&c);
            return status;
        }
        close_base(&c);
    }
    return no_base(w);
}

void fl_names_close(fl_translation *t) {
    for (int i = 0; i < t->count; i++) fl_free(t->name[i]);
    fl_free(t->name);
}
