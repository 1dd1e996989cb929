/* A net at work without training: evaluation and prediction. */
#include <math.h>

#include "train/run.h"

struct fl_predictor {
    fl_session *s;
    int outputs;
};

static fl_status open_session(fl_comm *c, const fl_experiment *x, const char *weights,
                              fl_session **out) {
    const char *file = weights ? weights : x->model_conf.weights;
    fl_threads_choose_for(c, x);
    FL_TRY(fl_session_open(c, x, FL_PHASE_INFERENCE, out));
    FL_TRY(file ? fl_session_fill_all(*out, file) : fl_session_fill(*out, NULL, true, NULL));
    FL_TRY(fl_session_start(*out));
    return fl_session_same(*out, "weights");
}

static fl_status open_set(fl_experiment *x, fl_data **data) {
    int outputs = (int)fl_shape_size(x->model->layer[x->model->n_layers - 1].shape);
    FL_TRY(fl_data_open(&x->data, fl_config_section(x->config, "data"), x->model->input,
                        (uint64_t)x->run.seed, FL_DATA_VALIDATION, data));
    if (!(*data)->validation)
        return fl_fail(FL_ERR_CONFIG,
                       "'data.validation' is absent: there is nothing to evaluate on");
    return fl_loss_check((fl_loss)x->train.loss, (*data)->validation, "validation", outputs);
}

static fl_status open_loader(fl_comm *c, const fl_experiment *x, const fl_dataset *set,
                             fl_loader **out) {
    fl_share share;
    FL_TRY(fl_reduce_share(c, &x->reduce, &share));
    fl_loader_conf conf = {
        .rank = share.first,
        .size = share.of,
        .parts = share.count,
        .batch_size = (x->train.batch_size + x->train.accumulation - 1) / x->train.accumulation,
        .accumulation = 1,
        .seed = (uint64_t)x->run.seed,
        .prefetch = 2,
    };
    return fl_loader_open(set, &conf, out);
}

/* Collective. */
static fl_status prepare_set(fl_comm *c, fl_experiment *x, fl_data **data, fl_loader **loader) {
    FL_TRY(fl_comm_agree(c, open_set(x, data)));
    const char *what = "validation set";
    uint64_t hash = fl_dataset_hash((*data)->validation);
    FL_TRY(fl_comm_same_hashes(c, "data", 1, &what, &hash));
    if (x->data.on_bad_image == 1) fl_data_drop_unreadable(c, (*data)->validation, "validation");
    return fl_comm_agree(c, open_loader(c, x, (*data)->validation, loader));
}

static fl_status evaluate(fl_comm *c, fl_experiment *x, fl_session *s, fl_eval_result *out) {
    fl_data *data = NULL;
    fl_loader *loader = NULL;
    fl_status status = prepare_set(c, x, &data, &loader);
    if (status == FL_OK) status = fl_eval_set(c, x, s->engine, data->validation, loader, out);
    fl_loader_close(loader);
    fl_data_close(data);
    return status;
}

fl_status fl_evaluate(fl_comm *c, fl_experiment *x, const char *weights, fl_eval_result *out) {
    fl_session *s = NULL;
    *out = (fl_eval_result){0};
    fl_comm_watch(c, x->reduce.timeout);
    fl_status status = open_session(c, x, weights, &s);
    if (status == FL_OK) status = evaluate(c, x, s, out);
    fl_session_close(s);
    return status;
}

fl_status fl_predictor_open(fl_comm *c, fl_experiment *x, const char *weights, fl_predictor **out) {
    fl_predictor *p = fl_alloc(sizeof *p);
    p->outputs = (int)fl_shape_size(x->model->layer[x->model->n_layers - 1].shape);
    fl_status status = open_session(c, x, weights, &p->s);
    *out = status == FL_OK ? p : NULL;
    if (status != FL_OK) fl_predictor_close(p);
    return status;
}

int fl_predictor_outputs(const fl_predictor *p) {
    return p->outputs;
}

void fl_predictor_run(fl_predictor *p, int64_t rows, const float *inputs, float *logits) {
    size_t width = fl_shape_size(p->s->model->input), outputs = (size_t)p->outputs;
    for (int64_t done = 0; done < rows;) {
        int64_t left = rows - done;
        fl_batch b = {.rows = left < p->s->plan->rows ? (int)left : p->s->plan->rows,
                      .x = inputs + (size_t)done * width};
        b.global_rows = b.step_rows = b.rows;
        const float *out = fl_engine_forward(p->s->engine, &b, false, 1);
        for (size_t i = 0; i < (size_t)b.rows * outputs; i++)
            logits[(size_t)done * outputs + i] = out[i];
        done += b.rows;
    }
}

void fl_predictor_close(fl_predictor *p) {
    if (!p) return;
    fl_session_close(p->s);
    fl_free(p);
}

static void softmax(float *z, int n) {
    double largest = z[fl_argmax(z, n)], sum = 0;
    for (int i = 0; i < n; i++) sum += exp(z[i] - largest);
    for (int i = 0; i < n; i++) z[i] = (float)(exp(z[i] - largest) / sum);
}

void fl_probabilities(const fl_experiment *x, float *logits, int n) {
    if (x->train.loss == FL_LOSS_CATEGORICAL) softmax(logits, n);
    for (int i = 0; i < n && x->train.loss == FL_LOSS_BINARY; i++)
        logits[i] = (float)(1 / (1 + exp(-(double)logits[i])));
}
