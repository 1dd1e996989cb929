/* A training run, from agreement to report: the story. */
#include "frostline/train.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "frostline/log.h"
#include "train/run.h"

static fl_status same_config(fl_run *r) {
    char *text = fl_config_text(r->x->config);
    fl_status status = fl_comm_same_text(r->c, "config", text);
    fl_free(text);
    return status;
}

static fl_status same_set(fl_run *r, const char *what, const fl_dataset *d) {
    if (!d) return FL_OK;
    uint64_t hash = fl_dataset_hash(d);
    return fl_comm_same_hashes(r->c, "data", 1, &what, &hash);
}

static fl_status check_data(const fl_run *r) {
    int outputs = (int)fl_shape_size(r->x->model->layer[r->x->model->n_layers - 1].shape);
    fl_loss loss = (fl_loss)r->x->train.loss;
    if (!r->data->train)
        return fl_fail(FL_ERR_CONFIG, "'data.train' is absent: there is nothing to train on");
    if (fl_dataset_rows(r->data->train) == 0)
        return fl_fail(FL_ERR_INPUT, "the training set has no rows");
    FL_TRY(fl_loss_check(loss, r->data->train, "training", outputs));
    if (loss == FL_LOSS_CATEGORICAL && fl_dataset_classes(r->data->train) < outputs)
        fl_warn("the net has %d outputs, but the training set only %d classes", outputs,
                fl_dataset_classes(r->data->train));
    return r->data->validation ? fl_loss_check(loss, r->data->validation, "validation", outputs)
                               : FL_OK;
}

static fl_status open_data(fl_run *r) {
    fl_experiment *x = r->x;
    fl_status status =
        fl_data_open(&x->data, fl_config_section(x->config, "data"), x->model->input,
                     (uint64_t)x->run.seed, FL_DATA_TRAIN | FL_DATA_VALIDATION, &r->data);
    FL_TRY(fl_comm_agree(r->c, status));
    FL_TRY(same_set(r, "training set", r->data->train));
    FL_TRY(same_set(r, "validation set", r->data->validation));
    if (x->data.on_bad_image == 1) {
        fl_data_drop_unreadable(r->c, r->data->train, "training");
        fl_data_drop_unreadable(r->c, r->data->validation, "validation");
    }
    return fl_comm_agree(r->c, check_data(r));
}

static fl_status open_loaders(fl_run *r) {
    const fl_experiment *x = r->x;
    FL_TRY(fl_reduce_share(r->c, &x->reduce, &r->share));
    FL_TRY(fl_tally_open(r->c, &x->reduce, &r->tally));
    fl_loader_conf conf = {
        .rank = r->share.first,
        .size = r->share.of,
        .parts = r->share.count,
        .batch_size = x->train.batch_size,
        .accumulation = x->train.accumulation,
        .training = true,
        .seed = (uint64_t)x->run.seed,
        .prefetch = FL_READ_AHEAD,
    };
    FL_TRY(fl_loader_open(r->data->train, &conf, &r->loader));
    if (!r->data->validation) return FL_OK;
    conf.batch_size = (conf.batch_size + conf.accumulation - 1) /
                      conf.accumulation; /* what one call was planned for */
    conf.accumulation = 1;
    conf.training = false;
    return fl_loader_open(r->data->validation, &conf, &r->validation);
}

static void warn_unpretrained(const fl_experiment *x) {
    bool frozen = false;
    for (int l = 0; l < x->model->n_layers; l++) frozen |= x->model->layer[l].frozen;
    if (!x->model_conf.weights && x->model->base && frozen)
        fl_warn("no 'model.weights': the base '%s' starts from the seed, and what is frozen of it "
                "stays random",
                x->model->base);
}

static fl_status open_session(fl_run *r) {
    const fl_experiment *x = r->x;
    if (!r->checkpoint) warn_unpretrained(x);
    int phase = r->checkpoint ? r->at.phase : fl_freeze_phase_at(x->freeze, r->at.epoch);
    FL_TRY(fl_session_open(r->c, x, phase, &r->s));
    fl_startup_mark(&r->startup, "plan");
    if (r->checkpoint) {
        char *weights = fl_path_join(r->checkpoint, "model.safetensors");
        fl_status status = fl_session_fill_all(r->s, weights);
        fl_free(weights);
        FL_TRY(status);
        FL_TRY(fl_comm_agree(r->c, fl_run_read_optimizer(r)));
    } else {
        FL_TRY(fl_session_fill(r->s, x->model_conf.weights, x->model_conf.strict,
                               &x->model_conf.reinit));
    }
    fl_startup_mark(&r->startup, "weights");
    FL_TRY(fl_session_start(r->s));
    fl_startup_mark(&r->startup, "packing");
    FL_TRY(fl_session_same(r->s, "starting weights"));
    fl_startup_mark(&r->startup, "agreement");
    return FL_OK;
}

static fl_status open_report(fl_run *r) {
    if (fl_comm_rank(r->c) != 0) return FL_OK;
    fl_report_conf conf = {
        .dir = r->dir,
        .progress = r->options->progress,
        .log_every_n_steps = r->x->log.every_n_steps,
        .append = r->checkpoint != NULL,
        .resume_step = r->at.step,
    };
    FL_TRY(fl_run_set_status(r, "running", FL_OK, ""));
    r->announced = true;
    FL_TRY(fl_run_describe(r));
    return fl_report_open(&conf, &r->report);
}

static fl_status open_run(fl_run *r) {
    r->at = (fl_position){.epoch = 1, .best = NAN, .watched = NAN};
    fl_startup_mark(&r->startup, "launch");
    FL_TRY(same_config(r));
    FL_TRY(open_data(r));
    fl_startup_mark(&r->startup, "data");
    FL_TRY(fl_run_find_folder(r));
    if (r->finished) return FL_OK;
    if (r->checkpoint) FL_TRY(fl_comm_agree(r->c, fl_run_read_position(r)));
    FL_TRY(fl_comm_agree(r->c, open_loaders(r)));
    FL_TRY(open_session(r));
    FL_TRY(fl_features_keep(r->s, r->data, &r->kept, &r->kept_validation));
    fl_run_trace_open(r);
    return fl_comm_agree(r->c, open_report(r));
}

/* A thaw: the plan is made anew, and with it memory, buckets and optimizer state; values and
 * moments carry on. */
static fl_status change_phase(fl_run *r, int phase) {
    fl_session *next;
    FL_TRY(fl_session_verify(r->s));
    fl_status status = fl_session_open(r->c, r->x, phase, &next);
    if (status == FL_OK) {
        fl_session_carry(next, r->s, r->at.step);
        status = fl_session_start(next);
    }
    fl_session_close(r->s);
    r->s = next;
    if (status == FL_OK) status = fl_features_keep(next, r->data, &r->kept, &r->kept_validation);
    if (status == FL_OK && r->report) {
        char *event =
            fl_format("{\"event\":\"thaw\",\"epoch\":%lld,\"step\":%lld,\"trainable\":%zu}",
                      (long long)r->at.epoch, (long long)r->at.step + 1,
                      next->plan->n_trainable); /* its first step */
        fl_report_event(r->report, event);
        fl_free(event);
    }
    return status;
}

static fl_status run_epochs(fl_run *r) {
    while (r->at.epoch <= r->x->train.epochs && !r->at.done) {
        int phase = fl_freeze_phase_at(r->x->freeze, r->at.epoch);
        if (phase != r->s->phase) FL_TRY(change_phase(r, phase));
        FL_TRY(fl_run_epoch(r));
        if (r->stop && r->at.epoch <= r->x->train.epochs)
            return fl_fail_text(FL_ERR_STOPPED, "stopped on request; continue with --resume");
    }
    return FL_OK;
}

static fl_status write_report(fl_run *r, const char *state) {
    char *config = fl_config_text(r->x->config);
    char *summary = fl_summary_text(r->s->plan, r->x->optim.ops->name, 100);
    int n = r->eval.confusion ? r->eval.classes : 0;
    const char **names = fl_alloc((size_t)n * sizeof *names);
    for (int i = 0; i < n; i++) names[i] = fl_dataset_class_name(r->data->train, i);
    fl_html_page page = {
        .title = r->x->run.name,
        .config_text = config,
        .summary_text = summary,
        .command = r->options->command,
        .status = state,
        .np = fl_comm_size(r->c),
        .n_classes = n,
        .confusion = r->eval.confusion,
        .class_name = names,
    };
    page.fact = fl_environment(r->c, &page.n_facts);
    fl_status status = fl_report_html(r->dir, &page);
    fl_free(config);
    fl_free(summary);
    fl_free(names);
    return status;
}

/* Rank 0 leaves the folder in order, whatever happened: the status first, for the report may not
 * fit the disk. The first trouble is the one that is told. */
static fl_status finish(fl_run *r, fl_status status) {
    if (!r->announced) return status;
    char *message = fl_strdup(status == FL_OK ? "" : fl_message());
    const char *state = status == FL_OK            ? "finished"
                        : status == FL_ERR_STOPPED ? "stopped"
                                                   : "failed";
    if (r->report) fl_report_close(r->report);
    r->report = NULL;
    fl_status written = fl_run_set_status(r, state, status, message);
    if (written == FL_OK && r->s && r->s->plan) written = write_report(r, state);
    if (status != FL_OK) fl_fail_text(status, message);
    fl_free(message);
    return status != FL_OK ? status : written;
}

static void close_run(fl_run *r) {
    fl_features_close(&r->kept);
    fl_features_close(&r->kept_validation);
    fl_session_close(r->s);
    fl_tally_close(&r->tally);
    fl_loader_close(r->loader);
    fl_loader_close(r->validation);
    fl_data_close(r->data);
    fl_free(r->eval.confusion);
    fl_free(r->rows);
    fl_free(r->dir);
    fl_free(r->checkpoint);
}

static fl_status open_and_run(fl_run *r) {
    FL_TRY(open_run(r));
    if (r->finished) {
        fl_note("the run in '%s' is finished; nothing to do", r->dir);
        return FL_OK;
    }
    fl_status status = run_epochs(r);
    FL_TRY(fl_run_trace_close(r, status));
    return fl_session_verify(r->s);
}

/* Who asks to stop while the run is being opened is heard at its first step. */
static fl_status run_until_end(fl_run *r) {
    fl_signals_catch(fl_comm_rank(r->c) == 0);
    fl_status status = open_and_run(r);
    fl_signals_release();
    return status;
}

static fl_status run_all(fl_run *r) {
    fl_threads_choose_for(r->c, r->x);
    fl_comm_watch(r->c, r->x->reduce.timeout);
    fl_comm_phase(r->c, "preparing", 0);
    fl_status status = run_until_end(r);
    return fl_comm_agree(r->c, finish(r, status));
}

fl_status fl_train(fl_comm *c, fl_experiment *x, const fl_train_options *options,
                   fl_train_result *result) {
    fl_run r = {.c = c, .x = x, .options = options};
    fl_status status = run_all(&r);
    char *message = fl_strdup(fl_message());
    *result = (fl_train_result){.epochs = r.last.epoch, .steps = r.at.step, .last = r.last};
    result->last.comm = NULL; /* goes with the run */
    result->last.n_comm = 0;
    snprintf(result->run_dir, sizeof result->run_dir, "%s", r.dir ? r.dir : "");
    fl_run_unlock(&r, status != FL_OK && !r.announced);
    if (status != FL_OK && r.dir && fl_comm_rank(c) == 0)
        rmdir(r.dir); /* goes only if nothing was written there */
    close_run(&r);
    if (status != FL_OK) fl_fail_text(status, message);
    fl_free(message);
    return status;
}
