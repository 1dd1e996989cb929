/* A checkpoint: model.safetensors, optimizer.safetensors, state.json. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "frostline/checkpoint.h"
#include "train/run.h"

static fl_status write_model(const char *path, void *context) {
    const fl_run *r = context;
    return fl_model_save(r->x->model, path, (fl_naming)r->x->checkpoint.names, 0, NULL);
}

/* One entry per trainable parameter and slot, "<parameter>.<slot>", in memory's layout, as it only
 * ever goes back there. */
static int list_slots(const fl_run *r, fl_tensor_info *list) {
    const fl_session *s = r->s;
    const fl_optim_ops *ops = r->x->optim.ops;
    int n = 0;
    for (int i = 0; i < s->model->n_params; i++)
        for (int k = 0; k < ops->slots && s->plan->place[i].region == FL_REGION_TRAINABLE; k++)
            list[n++] = (fl_tensor_info){
                .name = fl_format("%s.%s", s->model->param[i].name, ops->slot_name[k]),
                .dtype = FL_F32,
                .n = 1,
                .d = {(int64_t)s->model->param[i].len},
                .data = s->slot[k] + s->plan->place[i].span.off,
            };
    return n;
}

static fl_status write_optimizer(const char *path, void *context) {
    const fl_run *r = context;
    fl_tensor_info *list = fl_alloc((size_t)r->s->model->n_params * FL_MAX_SLOTS * sizeof *list);
    int n = list_slots(r, list);
    fl_status status = fl_weights_write(path, n, list, 0, NULL);
    for (int i = 0; i < n; i++) fl_free((void *)list[i].name);
    fl_free(list);
    return status;
}

static json_t *number(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *ages(const fl_session *s) {
    json_t *o = json_object();
    for (int i = 0; i < s->model->n_params; i++)
        if (s->plan->place[i].region == FL_REGION_TRAINABLE)
            json_object_set_new(o, s->model->param[i].name, json_integer(s->born[i]));
    return o;
}

static json_t *position(const fl_run *r) {
    const fl_position *at = &r->at;
    json_t *o = json_object();
    json_object_set_new(o, "format", json_integer(1));
    json_object_set_new(o, "epoch", json_integer(at->epoch));
    json_object_set_new(o, "step", json_integer(at->step));
    json_object_set_new(o, "step_of_epoch", json_integer(at->step_of_epoch));
    json_object_set_new(o, "phase", json_integer(r->s->phase));
    json_object_set_new(o, "ranks", json_integer(fl_comm_size(r->c)));
    json_object_set_new(
        o, "score",
        json_pack("[f,f,f,f]", at->score.loss, at->score.correct, at->score.top5, at->score.rows));
    json_object_set_new(o, "payload_bytes", json_integer((json_int_t)at->ledger.payload_bytes));
    json_object_set_new(o, "wire_bytes", json_integer((json_int_t)at->ledger.wire_bytes));
    json_object_set_new(o, "reduce_calls", json_integer((json_int_t)at->ledger.calls));
    json_object_set_new(o, "best", number(at->best));
    json_object_set_new(o, "watched", number(at->watched));
    json_object_set_new(o, "bad_epochs", json_integer(at->bad_epochs));
    json_object_set_new(o, "optimizer", json_string(r->x->optim.ops->name));
    json_object_set_new(o, "born", ages(r->s));
    return o;
}

static fl_status write_state(const char *path, void *context) {
    json_t *o = position(context);
    char *text = json_dumps(o, JSON_INDENT(2));
    fl_status status = fl_file_write(path, text, strlen(text));
    fl_free(text);
    json_decref(o);
    return status;
}

static fl_status save(fl_run *r, const char *dir, bool best) {
    const fl_checkpoint_file files[] = {
        {"model.safetensors", write_model, r},
        {"optimizer.safetensors", write_optimizer, r},
        {"state.json", write_state, r},
    };
    FL_TRY(fl_make_dirs(dir));
    FL_TRY(fl_checkpoint_save(dir, r->at.step, FL_COUNT(files), files));
    if (best) FL_TRY(fl_checkpoint_link(dir, "best", r->at.step));
    return fl_checkpoint_prune(dir, r->x->checkpoint.keep_last);
}

/* The loss of a step is seen before its update, so the last update may have overflowed unseen. */
static fl_status refuse_nonfinite(const fl_run *r) {
    if (fl_session_finite(r->s)) return FL_OK;
    return fl_fail(FL_ERR_NONFINITE,
                   "a weight became NaN or infinite by step %lld; nothing was saved over the "
                   "checkpoints before. "
                   "Lower optimizer.learning_rate or set train.clip_grad_norm",
                   (long long)r->at.step);
}

fl_status fl_run_save(fl_run *r, bool best) {
    fl_comm_phase(r->c, "saving a checkpoint", r->at.step);
    fl_session_share_state(r->s);
    FL_TRY(fl_comm_agree(r->c, refuse_nonfinite(r)));
    fl_status status = FL_OK;
    fl_session_gather_slots(r->s);
    if (fl_comm_rank(r->c) == 0) {
        char *dir = fl_run_path(r, "checkpoints");
        status = save(r, dir, best);
        if (status == FL_OK && r->announced) status = fl_run_set_status(r, "running", FL_OK, "");
        fl_shared_rest(r->s->frozen);
        fl_free(dir);
    }
    fl_session_forget_slots(r->s);
    return fl_comm_agree(r->c, status);
}
