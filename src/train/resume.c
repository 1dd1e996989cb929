/* Reading a checkpoint back, and proving that it belongs to this experiment. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "train/run.h"

static fl_status read_json(const char *folder, const char *name, json_t **out) {
    char *path = fl_path_join(folder, name);
    json_error_t error;
    *out = json_load_file(path, 0, &error);
    fl_status status =
        *out ? FL_OK : fl_fail(FL_ERR_INPUT, "cannot read '%s': %s", path, error.text);
    fl_free(path);
    return status;
}

static double number(const json_t *o, const char *key) {
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static int64_t integer(const json_t *o, const char *key) {
    return json_integer_value(json_object_get(o, key));
}

static double score_item(const json_t *o, size_t i) {
    return json_number_value(json_array_get(json_object_get(o, "score"), i));
}

/* By the config of now, not of then: early stopping may be lifted, and the run goes on. */
static bool stops_early(const fl_run *r) {
    int64_t patience = r->x->early_stopping.patience;
    return r->x->early && r->at.bad_epochs >= (patience > 1 ? patience : 1);
}

fl_status fl_run_read_position(fl_run *r) {
    json_t *o;
    FL_TRY(read_json(r->checkpoint, "state.json", &o));
    r->at = (fl_position){
        .epoch = integer(o, "epoch"),
        .step = integer(o, "step"),
        .step_of_epoch = integer(o, "step_of_epoch"),
        .phase = (int)integer(o, "phase"),
        .score = {score_item(o, 0), score_item(o, 1), score_item(o, 2), score_item(o, 3)},
        .ledger = {.payload_bytes = (uint64_t)integer(o, "payload_bytes"),
                   .wire_bytes = (uint64_t)integer(o, "wire_bytes"),
                   .calls = (uint64_t)integer(o, "reduce_calls")},
        .best = number(o, "best"),
        .watched = number(o, "watched"),
        .bad_epochs = integer(o, "bad_epochs"),
    };
    json_decref(o);
    r->at.done = stops_early(r) || fl_run_steps_done(r);
    r->last.epoch = r->at.epoch - 1;
    bool sound = r->at.epoch >= 1 && r->at.step >= 0 && r->at.step_of_epoch >= 0;
    if (sound && r->at.phase >= 0 && r->at.phase < fl_freeze_phases(r->x->freeze)) return FL_OK;
    return fl_fail(
        FL_ERR_INPUT,
        "'%s/state.json' does not say at which epoch, step and freeze phase it was saved",
        r->checkpoint);
}

static fl_status read_slot(fl_run *r, const fl_weights *w, int i, int k) {
    const fl_session *s = r->s;
    char *name = fl_format("%s.%s", s->model->param[i].name, r->x->optim.ops->slot_name[k]);
    const fl_tensor_info *t = fl_weights_find(w, name);
    fl_status status = FL_OK;
    if (!t || t->count != s->model->param[i].len)
        status = fl_fail(FL_ERR_INPUT,
                         "'%s' %s '%s'; it belongs to another net, optimizer or freeze rule",
                         fl_weights_path(w), t ? "has another size for" : "lacks", name);
    else if (s->model->param[i].writable)
        status = fl_tensor_read_float(w, t, s->slot[k] + s->plan->place[i].span.off);
    fl_free(name);
    return status;
}

static fl_status read_param(fl_run *r, const fl_weights *w, const json_t *born, int i) {
    const fl_session *s = r->s;
    if (s->plan->place[i].region != FL_REGION_TRAINABLE) return FL_OK;
    s->born[i] = integer(born, s->model->param[i].name);
    for (int k = 0; k < r->x->optim.ops->slots; k++) FL_TRY(read_slot(r, w, i, k));
    return FL_OK;
}

fl_status fl_run_read_optimizer(fl_run *r) {
    json_t *o;
    fl_weights *w;
    FL_TRY(read_json(r->checkpoint, "state.json", &o));
    char *path = fl_path_join(r->checkpoint, "optimizer.safetensors");
    fl_status status = fl_weights_open(path, &w);
    for (int i = 0; i < r->s->model->n_params && status == FL_OK; i++)
        status = read_param(r, w, json_object_get(o, "born"), i);
    if (w) fl_weights_close(w);
    fl_free(path);
    json_decref(o);
    return status;
}

/* What may differ when a run is continued: it decides how long, how often, where and how fast, not
 * what is computed. */
static bool may_differ(const char *path) {
    static const char *const free_paths[] = {"name",
                                             "output_dir",
                                             "log",
                                             "checkpoint",
                                             "distributed.reducer",
                                             "distributed.bucket_mb",
                                             "distributed.allreduce_dtype",
                                             "distributed.timeout",
                                             "train.epochs",
                                             "train.early_stopping",
                                             "data.cache_features",
                                             "model.weights",
                                             "model.strict"};
    for (size_t i = 0; i < FL_COUNT(free_paths); i++)
        if (strcmp(path, free_paths[i]) == 0) return true;
    return false;
}

static void compare(const char *path, const json_t *was, const json_t *is, fl_text *differences) {
    if (may_differ(path) || json_equal(was, is)) return;
    if (!json_is_object(was) || !json_is_object(is)) {
        char *a = was ? json_dumps(was, JSON_ENCODE_ANY) : NULL,
             *b = is ? json_dumps(is, JSON_ENCODE_ANY) : NULL;
        fl_text_add(differences, "\n  %s: %s there, %s here", path, a ? a : "absent",
                    b ? b : "absent");
        fl_free(a);
        fl_free(b);
        return;
    }
    json_t *keys = json_deep_copy(was);
    const char *key;
    json_t *value;
    json_object_update_missing(keys, (json_t *)is);
    json_object_foreach(keys, key, value) {
        char *inner = fl_format("%s%s%s", path, path[0] ? "." : "", key);
        compare(inner, json_object_get(was, key), json_object_get(is, key), differences);
        fl_free(inner);
    }
    json_decref(keys);
}

static json_t *as_json(const fl_config *c) {
    char *text = fl_config_json(c);
    json_t *o = json_loads(text, 0, NULL);
    fl_free(text);
    FL_CHECK(o, "the config's JSON does not parse");
    return o;
}

fl_status fl_run_same_config(const fl_run *r) {
    fl_config *saved;
    fl_text differences = {0};
    char *path = fl_run_path(r, "config.resolved.yaml");
    if (!fl_exists(path)) { /* ended before it was written: there is no checkpoint either */
        fl_free(path);
        return FL_OK;
    }
    fl_status status = fl_config_open(path, 0, NULL, &saved);
    fl_free(path);
    FL_TRY(status);
    json_t *was = as_json(saved), *is = as_json(r->x->config);
    compare("", was, is, &differences);
    json_decref(was);
    json_decref(is);
    fl_config_close(saved);
    if (differences.s)
        status = fl_fail(FL_ERR_CONFIG,
                         "the run in '%s' cannot be continued with another config:%s\n"
                         "  set them back, or start a new run in another --run-dir",
                         r->dir, differences.s);
    fl_free(differences.s);
    return status;
}
