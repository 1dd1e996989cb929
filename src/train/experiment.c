/* A config understood: every section parsed by its own table, the net built, its freezing resolved;
 * all errors at once. */
#include <string.h>

#include "train/loss.h"
#include "train/reproducible.h"
#include "train/run.h"
#include "train/session.h"

#define OFFSET(type, member) offsetof(type, member)

static const fl_field run_fields[] = {
    {"schema_version", FL_INT, OFFSET(fl_run_conf, schema_version), "1", 1, 1, NULL,
     "version of this format", NULL},
    {"name", FL_STRING, OFFSET(fl_run_conf, name), "experiment", 0, 0, NULL,
     "names the run's folder", NULL},
    {"output_dir", FL_STRING, OFFSET(fl_run_conf, output_dir), "runs", 0, 0, NULL,
     "where runs are kept", NULL},
    {"seed", FL_INT, OFFSET(fl_run_conf, seed), "42", 0, 9007199254740992.0, NULL,
     "decides initial weights, order, augmentation and dropout", NULL},
    {0},
};

static const fl_field train_fields[] = {
    {"epochs", FL_INT, OFFSET(fl_train_conf, epochs), "1", 1, 1e6, NULL,
     "passes over the training set", NULL},
    {"max_steps", FL_INT, OFFSET(fl_train_conf, max_steps), "null", 1, 1e12, NULL,
     "end after so many steps of all epochs together, if the epochs have more", NULL},
    {"batch_size", FL_INT, OFFSET(fl_train_conf, batch_size), "32", 1, 1e8, NULL,
     "rows of one step over all ranks: results do not depend on the rank count", NULL},
    {"gradient_accumulation_steps", FL_INT, OFFSET(fl_train_conf, accumulation), "1", 1, 1e6, NULL,
     "parts that a batch is worked through in, to save memory", NULL},
    {"loss", FL_CHOICE, OFFSET(fl_train_conf, loss), "categorical_crossentropy", 0, 0,
     "categorical_crossentropy|binary_crossentropy|mse", "what is minimised", NULL},
    {"clip_grad_norm", FL_FLOAT, OFFSET(fl_train_conf, clip_grad_norm), "null", 1e-30, 1e30, NULL,
     "largest global L2 norm of the gradient", NULL},
    {"early_stopping", FL_TREE, OFFSET(fl_train_conf, early_stopping), "null", 0, 0, NULL,
     "{monitor, patience, min_delta}: stop when it no longer gets better",
     "{\"type\": [\"object\", \"null\"]}"},
    {0},
};

static const fl_field early_fields[] = {
    {"monitor", FL_CHOICE, OFFSET(fl_early_conf, monitor), "val_loss", 0, 0, FL_MONITOR_CHOICES,
     "what is watched", NULL},
    {"patience", FL_INT, OFFSET(fl_early_conf, patience), "3", 0, 1e6, NULL,
     "epochs without a better value before it stops", NULL},
    {"min_delta", FL_FLOAT, OFFSET(fl_early_conf, min_delta), "0", 0, 1e9, NULL,
     "a smaller change does not count as better", NULL},
    {0},
};

static const fl_field checkpoint_fields[] = {
    {"every_epochs", FL_INT, OFFSET(fl_checkpoint_conf, every_epochs), "1", 1, 1e6, NULL,
     "save after every n epochs", NULL},
    {"every_steps", FL_INT, OFFSET(fl_checkpoint_conf, every_steps), "null", 1, 1e9, NULL,
     "save after every n steps", NULL},
    {"keep_last", FL_INT, OFFSET(fl_checkpoint_conf, keep_last), "3", 1, 1e6, NULL,
     "checkpoints kept, beside the best", NULL},
    {"keep_best", FL_STRING, OFFSET(fl_checkpoint_conf, keep_best), "null", 0, 0, NULL,
     "val_loss, val_accuracy, loss or accuracy: keep the best checkpoint by this", NULL},
    {"resume", FL_CHOICE, OFFSET(fl_checkpoint_conf, resume), "auto", 0, 0, "auto|never",
     "auto: a run's folder that holds checkpoints is continued", NULL},
    {"names", FL_CHOICE, OFFSET(fl_checkpoint_conf, names), "frostline", 0, 0, FL_NAMING_CHOICES,
     "parameter names in model.safetensors", NULL},
    {0},
};

static const fl_field log_fields[] = {
    {"every_n_steps", FL_INT, OFFSET(fl_log_conf, every_n_steps), "10", 0, 1e9, NULL,
     "steps between logged lines; 0: none", NULL},
    {"trace_steps", FL_PAIR, OFFSET(fl_log_conf, trace_steps), "null", 1, 1e12, NULL,
     "first and last step whose timeline goes to trace.json", NULL},
    {0},
};

const fl_section fl_sections[] = {
    {"", "the run", run_fields},
    {"model", "the net", fl_model_fields},
    {"freeze", "what does not learn; any mix of rules", fl_freeze_fields},
    {"kernels", "what convolutions run on", fl_kernels_fields},
    {"data", "samples and their preparation", fl_data_fields},
    {"train", "the training loop", train_fields},
    {"optimizer", "type: one of the optimizers; their options; rules per layer", NULL},
    {"lr_scheduler", "type: one of the schedules; their options", NULL},
    {"distributed", "how gradients are summed over ranks", fl_reduce_fields},
    {"checkpoint", "what is saved, and when", checkpoint_fields},
    {"log", "what is written while training", log_fields},
    {NULL, NULL, NULL},
};

/* Names of all sections but the first, NULL-terminated. */
static const char *const section_names[] = {
    "model",        "freeze",      "kernels",    "data", "train", "optimizer",
    "lr_scheduler", "distributed", "checkpoint", "log",  NULL};

static fl_status parse(fl_config *c, const char *name, const fl_field *fields, void *conf) {
    char *where = fl_format("section '%s'", name);
    fl_status status = fl_fields_parse(fl_config_section(c, name), where, fields, NULL, conf);
    fl_free(where);
    return status;
}

static void parse_early_stopping(fl_experiment *x) {
    x->early = x->train.early_stopping != NULL;
    if (x->early)
        fl_fields_parse(x->train.early_stopping, "'train.early_stopping'", early_fields, NULL,
                        &x->early_stopping);
}

static void parse_best(fl_experiment *x) {
    static const char *const monitors[] = {"val_loss", "val_accuracy", "loss", "accuracy"};
    x->best = -1;
    if (!x->checkpoint.keep_best) return;
    for (int i = 0; i < (int)FL_COUNT(monitors); i++)
        if (strcmp(x->checkpoint.keep_best, monitors[i]) == 0) x->best = i;
    if (x->best < 0)
        fl_node_unknown(fl_node_get(fl_config_section(x->config, "checkpoint"), "keep_best"),
                        "monitor", x->checkpoint.keep_best, monitors, FL_COUNT(monitors));
}

/* What is watched must be there: a validation set for val_…, classes for accuracy. */
static void check_monitor(const fl_experiment *x, fl_node *at, int monitor) {
    bool validation = monitor == FL_MONITOR_VAL_LOSS || monitor == FL_MONITOR_VAL_ACCURACY;
    bool accuracy = monitor == FL_MONITOR_VAL_ACCURACY || monitor == FL_MONITOR_ACCURACY;
    if (validation && !x->data.validation)
        fl_node_error(at, "a validation set is watched, but 'data.validation' is absent");
    if (accuracy && x->train.loss == FL_LOSS_MSE)
        fl_node_error(
            at, "accuracy is watched, but the loss 'mse' has none; watch 'val_loss' or 'loss'");
}

static void check_monitors(const fl_experiment *x) {
    fl_config *c = x->config;
    if (x->best >= 0)
        check_monitor(x, fl_node_get(fl_config_section(c, "checkpoint"), "keep_best"), x->best);
    if (x->early) check_monitor(x, x->train.early_stopping, x->early_stopping.monitor);
}

static void check_name(const fl_experiment *x) {
    const char *name = x->run.name;
    if (name && (!name[0] || strchr(name, '/') || name[0] == '.'))
        fl_node_error(fl_node_get(fl_config_root(x->config), "name"),
                      "name '%s' cannot name a folder; use letters, digits, '-' and '_'", name);
}

static void check_trace(const fl_experiment *x) {
    const int64_t *steps = x->log.trace_steps;
    if (steps[0] > steps[1])
        fl_node_error(fl_node_get(fl_config_section(x->config, "log"), "trace_steps"),
                      "trace_steps: the first step, %lld, comes after the last, %lld\nwrite "
                      "[first, last]",
                      (long long)steps[0], (long long)steps[1]);
}

/* Else it would be noticed at the first checkpoint. */
static void check_naming(const fl_experiment *x) {
    fl_naming names = (fl_naming)x->checkpoint.names;
    if (!x->model || fl_names_known(x->model, names)) return;
    fl_node_error(fl_node_get(fl_config_section(x->config, "checkpoint"), "names"),
                  "%s%s has no %s names; leave them Frostline's own (names: frostline)",
                  x->model->base ? "the base " : "a net without a base",
                  x->model->base ? x->model->base : "", fl_names_text(names));
}

static fl_status resolve_rules(fl_experiment *x) {
    size_t n = (size_t)x->model->n_layers;
    const char **names = fl_alloc(n * sizeof *names);
    for (size_t i = 0; i < n; i++) names[i] = x->model->layer[i].name;
    x->rate_scale = fl_alloc(n * sizeof(double));
    x->decay_scale = fl_alloc(n * sizeof(double));
    fl_status status = fl_optim_rules(&x->optim, (int)n, names, x->rate_scale, x->decay_scale);
    fl_free(names);
    return status;
}

/* The loss works on logits: a softmax (categorical) or sigmoid (binary) that ends the net is fused
 * with it. */
static void fuse_loss(fl_experiment *x) {
    const fl_model_layer *last = &x->model->layer[x->model->n_layers - 1];
    const fl_node *at = last->node ? last->node : fl_config_section(x->config, "model");
    if (last->shape.n != 1) {
        char shape[64];
        fl_node_error(at,
                      "the net ends in %s, but the loss wants (classes); end it with flatten or a "
                      "pooling and dense",
                      fl_shape_text(last->shape, shape));
        return;
    }
    if (x->train.loss == FL_LOSS_CATEGORICAL && last->shape.d[0] < 2)
        fl_node_error(at, "categorical_crossentropy wants 2 or more classes; use "
                          "binary_crossentropy for one output");
    if (x->train.loss != FL_LOSS_MSE)
        fl_model_fuse_final(x->model, x->train.loss == FL_LOSS_BINARY);
    fl_activation *final = fl_layer_activation(last->ops, last->conf);
    if (x->train.loss != FL_LOSS_MSE && final && *final != FL_ACT_LINEAR)
        fl_node_error(
            at, "the net ends in another activation than %s, which the loss '%s' expects (or none)",
            x->train.loss == FL_LOSS_BINARY ? "sigmoid" : "softmax",
            x->train.loss == FL_LOSS_BINARY ? "binary_crossentropy" : "categorical_crossentropy");
}

/* Which kernels there are is asked again when something is planned: that it fails is said there. */
static void settle_kernels(fl_experiment *x) {
    const fl_kernels *k;
    x->conv = fl_alloc((size_t)x->model->n_layers * sizeof *x->conv);
    if (fl_kernels_select(&k) == FL_OK)
        fl_kernels_settle(&x->kernels, fl_config_section(x->config, "kernels"), x->model, k,
                          x->conv);
}

typedef struct parsed {
    bool freeze, kernels, train, optim, reduce;
} parsed;

/* What was parsed well is built, so that the errors of all sections come together. */
static void build(fl_experiment *x, const parsed *ok) {
    fl_config *c = x->config;
    if (fl_model_open(&x->model_conf, fl_config_section(c, "model"), &x->model) != FL_OK) return;
    if (ok->freeze)
        fl_freeze_open(&x->freeze_conf, fl_config_section(c, "freeze"), x->model, &x->freeze);
    if (ok->kernels) settle_kernels(x);
    if (ok->optim) resolve_rules(x);
    if (ok->train) fuse_loss(x);
    if (!x->freeze) return;
    fl_freeze_apply(x->freeze, 0, x->model);
    if (ok->train && ok->reduce) fl_reproducible_check(x);
}

void fl_experiment_parse(fl_experiment *x) {
    fl_config *c = x->config;
    parsed ok;
    fl_fields_parse(fl_config_root(c), "the config", run_fields, section_names, &x->run);
    fl_status model = parse(c, "model", fl_model_fields, &x->model_conf);
    ok.freeze = parse(c, "freeze", fl_freeze_fields, &x->freeze_conf) == FL_OK;
    ok.kernels = parse(c, "kernels", fl_kernels_fields, &x->kernels) == FL_OK;
    parse(c, "data", fl_data_fields, &x->data);
    ok.train = parse(c, "train", train_fields, &x->train) == FL_OK;
    parse_early_stopping(x);
    ok.optim = fl_optim_parse(fl_config_section(c, "optimizer"),
                              fl_config_section(c, "lr_scheduler"), &x->optim) == FL_OK;
    ok.reduce = parse(c, "distributed", fl_reduce_fields, &x->reduce) == FL_OK;
    parse(c, "checkpoint", checkpoint_fields, &x->checkpoint);
    parse(c, "log", log_fields, &x->log);
    parse_best(x);
    check_monitors(x);
    check_name(x);
    check_trace(x);
    if (model == FL_OK) build(x, &ok);
    check_naming(x);
}

fl_status fl_experiment_open(fl_config *c, fl_experiment **out) {
    fl_experiment *x = fl_alloc(sizeof *x);
    *out = NULL;
    x->config = c;
    fl_experiment_parse(x);
    fl_status status = fl_config_check(c);
    if (status == FL_OK)
        *out = x;
    else
        fl_experiment_close(x);
    return status;
}

void fl_experiment_close(fl_experiment *x) {
    if (!x) return;
    fl_freeze_close(x->freeze);
    fl_model_close(x->model);
    fl_optim_conf_close(&x->optim);
    fl_free(x->conv);
    fl_free(x->rate_scale);
    fl_free(x->decay_scale);
    fl_free(x);
}
