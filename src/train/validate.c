/* All that can be said of an experiment before it runs. */
#include "train/run.h"

fl_status fl_experiment_check_weights(const fl_experiment *x) {
    const fl_model_conf *m = &x->model_conf;
    return m->weights ? fl_model_fits(x->model, m->weights, m->strict, &m->reinit) : FL_OK;
}

static fl_status check_sets(const fl_experiment *x, const fl_data *data) {
    int outputs = (int)fl_shape_size(x->model->layer[x->model->n_layers - 1].shape);
    fl_loss loss = (fl_loss)x->train.loss;
    if (!data->train)
        return fl_fail(FL_ERR_CONFIG, "'data.train' is absent: there is nothing to train on");
    FL_TRY(fl_loss_check(loss, data->train, "training", outputs));
    return data->validation ? fl_loss_check(loss, data->validation, "validation", outputs) : FL_OK;
}

fl_status fl_experiment_validate(fl_config *c) {
    fl_experiment *x = fl_alloc(sizeof *x);
    fl_data *data = NULL;
    fl_status opened = FL_OK;
    x->config = c;
    fl_experiment_parse(x);
    if (x->model)
        opened = fl_data_open(&x->data, fl_config_section(c, "data"), x->model->input,
                              (uint64_t)x->run.seed, FL_DATA_TRAIN | FL_DATA_VALIDATION, &data);
    if (opened == FL_OK && data) opened = check_sets(x, data);
    if (opened == FL_OK && x->model) opened = fl_experiment_check_weights(x);
    char *message = fl_strdup(fl_message());
    fl_status status = fl_config_check(c);
    if (status == FL_OK && opened != FL_OK) status = fl_fail_text(opened, message);
    fl_free(message);
    if (data) fl_data_close(data);
    fl_experiment_close(x);
    return status;
}
