/* The grid of a study: rank counts, freeze rules, and what each point's run is told. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/site.h"
#include "cli/study.h"

/* ---- lists ---- */

static size_t item_length(const char *s) {
    int depth = 0;
    size_t n = 0;
    for (; s[n] && (depth > 0 || s[n] != ','); n++)
        depth += strchr("[{", s[n]) ? 1 : strchr("]}", s[n]) ? -1 : 0;
    return n;
}

/* The items of a list, at most all of them once; caller frees both levels. */
static char **split(const char *text, int *n) {
    char **item = NULL;
    *n = 0;
    for (const char *at = text;; at++) {
        size_t len = item_length(at);
        char *word = fl_strndup(at, len);
        bool known = false;
        for (int i = 0; i < *n; i++) known |= strcmp(item[i], word) == 0;
        if (known) {
            fl_free(word);
        } else {
            item = fl_resize(item, (size_t)(*n + 1) * sizeof *item);
            item[(*n)++] = word;
        }
        at += len;
        if (!*at) return item;
    }
}

static int ascending(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

fl_status fl_study_ranks(const char *option, const char *text, int *n_np, int **np) {
    char **word = split(text, n_np);
    fl_status status = FL_OK;
    *np = fl_alloc((size_t)*n_np * sizeof **np);
    for (int i = 0; i < *n_np; i++) {
        char *end;
        long n = strtol(word[i], &end, 10);
        (*np)[i] = (int)n;
        if (status == FL_OK && (end == word[i] || *end || n < 1 || n > 1 << 20))
            status = fl_fail(FL_ERR_CONFIG,
                             "option '--%s': '%s' is no number of ranks; write for example 1,2,4",
                             option, word[i]);
        fl_free(word[i]);
    }
    fl_free(word);
    qsort(*np, (size_t)*n_np, sizeof **np, ascending);
    return status;
}

void fl_study_rules(const char *text, fl_study_conf *c) {
    c->rule = split(text, &c->n_rules);
}

void fl_study_conf_close(fl_study_conf *c) {
    for (int i = 0; i < c->n_rules; i++) fl_free(c->rule[i]);
    fl_free(c->rule);
    fl_free(c->np);
    fl_free(c->simulated);
    fl_free(c->dir);
    fl_free(c->runs);
    fl_free(c->title);
    fl_free(c->config_text);
}

/* ---- one point ---- */

static void add(fl_study_point_conf *p, char *override) {
    p->override = fl_resize(p->override, (size_t)(p->n + 1) * sizeof *p->override);
    p->override[p->n++] = override;
}

/* All but the layers behind the base; without those, all but the last layer with parameters. */
static char *head_of(const fl_experiment *x) {
    const char *base = x->model_conf.base;
    fl_node *layers = fl_node_get(fl_config_section(x->config, "model"), "layers");
    bool behind = base && layers && fl_node_count(layers) > 0;
    return behind ? fl_format("freeze={layers: [\"%s\"]}", base)
                  : fl_strdup("freeze={train_last_n: 1}");
}

static fl_status add_rule(const fl_experiment *x, const char *rule, fl_study_point_conf *p) {
    static const char *const words[] = {"none", "head", "config", "until:LAYER"};
    if (strcmp(rule, "none") == 0)
        add(p, fl_strdup("freeze={}"));
    else if (strcmp(rule, "head") == 0)
        add(p, head_of(x));
    else if (strncmp(rule, "until:", 6) == 0 && rule[6])
        add(p, fl_format("freeze={until: \"%s\"}", rule + 6));
    else if (strchr(rule, '='))
        add(p, fl_strdup(rule));
    else if (strcmp(rule, "config") != 0) {
        const char *near = fl_nearest(rule, words, FL_COUNT(words));
        return fl_fail(FL_ERR_CONFIG,
                       "option '--freeze' knows no rule '%s'%s%s%s; it takes none, head, config, "
                       "until:LAYER, or an override such as freeze.train_last_n=2",
                       rule, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return FL_OK;
}

/* Each step is logged; nothing is saved but the last state, which is thrown away. */
static void add_limits(const fl_study_conf *c, const fl_experiment *x, int np,
                       fl_study_point_conf *p) {
    add(p, fl_strdup("log.every_n_steps=1"));
    add(p, fl_strdup("checkpoint={every_epochs: 1000000, keep_last: 1}"));
    if (c->weak) add(p, fl_format("train.batch_size=%lld", (long long)x->train.batch_size * np));
    if (!c->steps) return;
    add(p, fl_format("train.max_steps=%d", c->steps));
    add(p, fl_format("train.epochs=%d", c->steps)); /* an epoch has a step at least */
    add(p, fl_strdup("train.early_stopping=null"));
}

static fl_status open_config(const char *path, int n, const char *const *override,
                             fl_config **config, fl_experiment **x) {
    *x = NULL;
    FL_TRY(fl_config_open(path, n, override, config));
    fl_status status = fl_experiment_open(*config, x);
    if (status != FL_OK) fl_config_close(*config);
    return status;
}

static fl_status write_overrides(const fl_study_conf *c, const char *rule, int np,
                                 fl_study_point_conf *p) {
    fl_config *config;
    fl_experiment *x;
    FL_TRY(open_config(c->config, c->n_overrides, c->override, &config, &x));
    for (int i = 0; i < c->n_overrides; i++) add(p, fl_strdup(c->override[i]));
    fl_status status = add_rule(x, rule, p);
    if (status == FL_OK) add_limits(c, x, np, p);
    fl_experiment_close(x);
    fl_config_close(config);
    return status;
}

static fl_status resolve(const fl_study_conf *c, int np, fl_study_point_conf *p) {
    fl_config *config;
    fl_experiment *x;
    fl_plan *plan;
    FL_TRY(open_config(c->config, p->n, (const char *const *)p->override, &config, &x));
    p->text = fl_config_text(config);
    p->hash = fl_site_hash(c->hosts, fl_hash(p->text, strlen(p->text), p->hash));
    fl_status status = fl_experiment_plan(x, 0, np, &plan);
    if (status == FL_OK) {
        p->foretold = c->site && fl_site_foretell(c->site, x, plan);
        p->plan = fl_plan_json(plan);
        fl_study_sketch(plan, &x->reduce, &p->script);
        fl_plan_close(plan);
    }
    fl_experiment_close(x);
    fl_config_close(config);
    return status;
}

fl_status fl_study_point_open(const fl_study_conf *c, const char *rule, int np,
                              fl_study_point_conf *out) {
    *out = (fl_study_point_conf){.hash = fl_hash(rule, strlen(rule), 0)};
    fl_status status = write_overrides(c, rule, np, out);
    if (status == FL_OK) status = resolve(c, np, out);
    if (status != FL_OK) fl_study_point_close(out);
    return status;
}

void fl_study_point_close(fl_study_point_conf *p) {
    for (int i = 0; i < p->n; i++) fl_free(p->override[i]);
    fl_free(p->override);
    fl_free(p->text);
    fl_free(p->plan);
    fl_script_close(&p->script);
}
