/* A study of runs that others have started: the tasks of a scheduler's array, each in a folder that
 * its rule has named. */
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cli/study.h"
#include "frostline/log.h"

static json_t *read_json(const char *dir, const char *name) {
    char *path = fl_path_join(dir, name);
    json_t *o = json_load_file(path, 0, NULL);
    fl_free(path);
    return o;
}

static bool is_finished(const char *dir) {
    json_t *o = read_json(dir, "status.json");
    const char *state = json_string_value(json_object_get(o, "state"));
    bool finished = state && strcmp(state, "finished") == 0;
    json_decref(o);
    return finished;
}

static int ranks_of(const char *dir) {
    json_t *o = read_json(dir, "env.json");
    int ranks = (int)json_integer_value(json_object_get(o, "ranks"));
    json_decref(o);
    return ranks;
}

/* What its own config planned. */
static fl_status predict(const char *dir, int np, fl_study_run *r) {
    fl_config *config = NULL;
    fl_experiment *x = NULL;
    fl_plan *plan = NULL;
    char *path = fl_path_join(dir, "config.resolved.yaml");
    fl_status status = fl_config_open(path, 0, NULL, &config);
    if (status == FL_OK) status = fl_experiment_open(config, &x);
    if (status == FL_OK) status = fl_experiment_plan(x, 0, np, &plan);
    if (status == FL_OK) {
        char *json = fl_plan_json(plan);
        fl_study_predict(json, r);
        fl_free(json);
    }
    fl_plan_close(plan);
    fl_experiment_close(x);
    fl_config_close(config);
    fl_free(path);
    return status;
}

static fl_status take(const char *dir, const char *name, fl_study_runs *out) {
    int np = ranks_of(dir);
    if (np < 1 || !is_finished(dir)) {
        fl_warn("'%s' is no finished run: it is left out", dir);
        return FL_OK;
    }
    fl_study_run r = fl_study_run_new(name, name);
    fl_status status = predict(dir, np, &r);
    r.value[FL_STUDY_repeat] = 1;
    r.value[FL_STUDY_exit_code] = 0;
    if (status == FL_OK) status = fl_study_measure(dir, &r);
    if (status == FL_OK)
        fl_study_runs_add(out, r);
    else
        fl_study_run_close(&r);
    return status;
}

/* Rules in the order of their names, ranks ascending, each once. */
static void add_to_grid(fl_study_conf *c, const fl_study_run *r) {
    int np = (int)r->value[FL_STUDY_np], at = 0;
    c->rule = fl_resize(c->rule, (size_t)(c->n_rules + 1) * sizeof *c->rule);
    c->rule[c->n_rules++] = fl_strdup(r->rule);
    while (at < c->n_np && c->np[at] < np) at++;
    if (at < c->n_np && c->np[at] == np) return;
    c->np = fl_resize(c->np, (size_t)(c->n_np + 1) * sizeof *c->np);
    memmove(c->np + at + 1, c->np + at, (size_t)(c->n_np - at) * sizeof *c->np);
    c->np[at] = np;
    c->n_np++;
}

static int not_hidden(const struct dirent *e) {
    return e->d_name[0] != '.';
}

fl_status fl_study_collect(fl_study_conf *c, fl_study_runs *out) {
    struct dirent **list;
    c->collected = true;
    int n = scandir(c->runs, &list, not_hidden, alphasort);
    fl_status status = FL_OK;
    for (int i = 0; i < n; i++) {
        char *dir = fl_path_join(c->runs, list[i]->d_name);
        if (status == FL_OK && fl_is_dir(dir)) status = take(dir, list[i]->d_name, out);
        fl_free(dir);
        fl_free(list[i]);
    }
    if (n >= 0) fl_free(list);
    if (status == FL_OK && out->n == 0)
        status = fl_fail(FL_ERR_INPUT,
                         "option '--collect': '%s' holds no folder of a finished run; give the one "
                         "that an array of runs was written to",
                         c->runs);
    for (int i = 0; i < out->n && status == FL_OK; i++) add_to_grid(c, &out->run[i]);
    return status;
}
