/* A model from YAML text, as the program makes one; for the tests of what stands on models. */
#ifndef FROSTLINE_TESTS_MODEL_FIXTURE_H
#define FROSTLINE_TESTS_MODEL_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "frostline/config.h"
#include "frostline/model.h"
#include "unit.h"

typedef struct fixture {
    fl_config *config;
    fl_model_conf conf;
    fl_model *model;
} fixture;

/* Parses section `model` and builds the net, if it has no errors. */
static inline fl_status fixture_try(fixture *f, const char *yaml) {
    memset(f, 0, sizeof *f);
    FL_TRY(fl_config_parse("t.yaml", yaml, 0, NULL, &f->config));
    fl_node *section = fl_config_section(f->config, "model");
    fl_fields_parse(section, "section 'model'", fl_model_fields, NULL, &f->conf);
    fl_model_open(&f->conf, section, &f->model);
    return fl_config_check(f->config);
}

static inline fixture fixture_open(const char *yaml) {
    fixture f;
    if (fixture_try(&f, yaml) != FL_OK) fail_msg("%s", fl_message());
    assert_non_null(f.model);
    return f;
}

static inline void fixture_close(fixture *f) {
    fl_model_close(f->model);
    fl_config_close(f->config);
}

typedef struct refusal { /* YAML, and what the message must have: "line:column" and a part of its
                            text */
    const char *yaml, *place, *text;
} refusal;

static inline void check_refusal(const refusal *r, fl_status s) {
    const char *message = fl_message();
    char place[64];
    if (s != FL_ERR_CONFIG) fail_msg("not refused:\n%s", r->yaml);
    snprintf(place, sizeof place, "t.yaml:%s: error: ", r->place);
    if (!strstr(message, place)) fail_msg("%s\nis not at %s:\n%s", r->yaml, r->place, message);
    if (!strstr(message, r->text)) fail_msg("%s\nlacks '%s':\n%s", r->yaml, r->text, message);
}

static inline int count_errors(void) {
    int n = 0;
    for (const char *s = fl_message(); (s = strstr(s, ": error: ")); s++) n++;
    return n;
}

/* Memory for every parameter; the caller frees. */
static inline float *fixture_place(fl_model *m) {
    float *all = fl_alloc((fl_model_count(m) + 1) * sizeof *all), *at = all;
    for (int i = 0; i < m->n_params; i++) {
        m->param[i].value = m->param[i].writable = at;
        at += m->param[i].len;
    }
    return all;
}

#endif
