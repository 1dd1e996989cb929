/* train.h: an experiment from its config to its report. What the command `frostline` does, a C
 * program does with these:
 *
 *     fl_comm_open → fl_config_open → fl_experiment_open → fl_train / fl_evaluate / fl_predict →
 * …_close
 */
#ifndef FROSTLINE_TRAIN_H
#define FROSTLINE_TRAIN_H

#include "frostline/comm.h"
#include "frostline/config.h"
#include "frostline/data.h"
#include "frostline/freeze.h"
#include "frostline/optim.h"
#include "frostline/plan.h"
#include "frostline/reduce.h"
#include "frostline/report.h"

typedef enum fl_loss { FL_LOSS_CATEGORICAL, FL_LOSS_BINARY, FL_LOSS_MSE } fl_loss;

/* What may be watched for early stopping and for the best checkpoint. */
typedef enum fl_monitor {
    FL_MONITOR_VAL_LOSS,
    FL_MONITOR_VAL_ACCURACY,
    FL_MONITOR_LOSS,
    FL_MONITOR_ACCURACY
} fl_monitor;
#define FL_MONITOR_CHOICES "val_loss|val_accuracy|loss|accuracy"

typedef struct fl_run_conf {
    const char *name, *output_dir;
    int64_t schema_version, seed;
} fl_run_conf;

typedef struct fl_early_conf {
    int monitor;
    int64_t patience;
    double min_delta;
} fl_early_conf;

typedef struct fl_train_conf {
    int64_t epochs, batch_size, accumulation;
    int64_t max_steps;       /* FL_NONE: as many as the epochs have */
    int loss;                /* fl_loss */
    double clip_grad_norm;   /* NAN: none */
    fl_node *early_stopping; /* NULL: none */
} fl_train_conf;

typedef struct fl_checkpoint_conf {
    int64_t every_epochs, every_steps; /* FL_NONE: not by this */
    int64_t keep_last;
    const char *keep_best; /* a monitor's name, or NULL */
    int resume;            /* auto | never */
    int names;             /* fl_naming of model.safetensors */
} fl_checkpoint_conf;

typedef struct fl_log_conf {
    int64_t every_n_steps;
    int64_t trace_steps[2]; /* first and last; FL_NONE: none */
} fl_log_conf;

typedef struct fl_experiment { /* a config understood: every section parsed, the net built, its
                                  freezing resolved */
    fl_config *config;         /* borrowed */
    fl_run_conf run;
    fl_model_conf model_conf;
    fl_freeze_conf freeze_conf;
    fl_data_conf data;
    fl_train_conf train;
    bool early;
    fl_early_conf early_stopping;
    fl_optim_conf optim;
    fl_reduce_conf reduce;
    fl_kernels_conf kernels;
    fl_checkpoint_conf checkpoint;
    int best; /* fl_monitor of the best checkpoint, or -1 */
    fl_log_conf log;
    fl_model *model;
    fl_freeze *freeze;
    fl_conv_setting *conv;            /* per layer, from kernels */
    double *rate_scale, *decay_scale; /* per layer, from optimizer.rules */
} fl_experiment;

/* One top-level section: its table, or the families that its options come from. For the schema and
 * the reference. */
typedef struct fl_section {
    const char *name, *help;
    const fl_field *fields;
} fl_section;
extern const fl_section
    fl_sections[]; /* ended by name NULL; the first has name "" and holds the top-level scalars */

/* Parses all sections, builds the model and resolves the freeze rules. Every error of the config is
 * found and stands in fl_message(); then FL_ERR_CONFIG and *out is NULL. Not collective. The config
 * must outlive it. */
fl_status fl_experiment_open(fl_config *config, fl_experiment **out);
/* Finds every error of a config, those of its data and weights among them: paths, sizes, labels,
 * counts, names. FL_OK, FL_ERR_CONFIG, or FL_ERR_INPUT for what cannot be used. Not collective. */
fl_status fl_experiment_validate(fl_config *config);
/* Whether `model.weights`, if any, would fit the net. FL_ERR_INPUT as fl_model_load. */
fl_status fl_experiment_check_weights(const fl_experiment *x);
void fl_experiment_close(fl_experiment *x);

/* The plan of a phase for np ranks; caller closes. FL_ERR_CONFIG if these are more than there are
 * virtual shards. */
fl_status fl_experiment_plan(const fl_experiment *x, int phase, int np, fl_plan **out);

/* Whether features are to be kept under this plan, as far as config and freeze rules tell. */
bool fl_experiment_keeps(const fl_experiment *x, const fl_plan *p);
/* Fills in p->memory.data and p->features for the sets of `d` (NULL: they cannot be read here, so
 * their rows are unknown) in a phase of the freeze schedule, by what is free on all nodes of `c`
 * now: collective; NULL: on this node alone. FL_ERR_CONFIG if what `data.cache_features` asks for
 * cannot be. */
fl_status fl_experiment_features(fl_comm *c, const fl_experiment *x, const fl_data *d, int phase,
                                 fl_plan *p);
/* Fills in p->traffic: what its ranks will move, spread evenly over so many nodes, 1 … np. Not
 * collective. */
void fl_experiment_traffic(const fl_experiment *x, int nodes, fl_plan *p);

typedef struct fl_train_options {
    const char *run_dir; /* NULL: <output_dir>/<name>/<time>[-<job>] */
    const char *resume;  /* NULL: not asked; "auto"; or a run's folder */
    fl_progress progress;
    const char *command; /* as typed, for env.json and the report; may be NULL */
} fl_train_options;

typedef struct fl_train_result {
    char run_dir[4096];
    int64_t epochs, steps;
    fl_epoch_record last;
} fl_train_result;

/* Collective. Trains, with everything that belongs to it: agreement of the ranks, resuming,
 * checkpoints, the run's folder. Returns FL_OK, FL_ERR_STOPPED after SIGUSR1 or SIGTERM
 * (resumable), or what went wrong; same on every rank. */
fl_status fl_train(fl_comm *c, fl_experiment *x, const fl_train_options *options,
                   fl_train_result *result);

typedef struct fl_eval_result {
    int64_t rows;
    double loss, accuracy, top5; /* NAN where it does not apply */
    int classes;
    int64_t *confusion; /* (classes, classes): row truth, column prediction; NULL if not classes;
                           caller frees */
} fl_eval_result;

/* Collective. Evaluates on the validation set with the weights of a file (NULL: those of the
 * config). */
fl_status fl_evaluate(fl_comm *c, fl_experiment *x, const char *weights, fl_eval_result *out);

/* A net that is ready to answer. */
typedef struct fl_predictor fl_predictor;

/* Collective. Loads the weights of a whole net (NULL: those of the config). The experiment must
 * outlive it, and must not be trained meanwhile. */
fl_status fl_predictor_open(fl_comm *c, fl_experiment *x, const char *weights, fl_predictor **out);
/* Not collective. Runs prepared rows (rows, input) through the net: logits (rows, outputs), before
 * any final softmax. */
void fl_predictor_run(fl_predictor *p, int64_t rows, const float *inputs, float *logits);
int fl_predictor_outputs(const fl_predictor *p);
/* Collective. NULL is allowed. */
void fl_predictor_close(fl_predictor *p);

/* ---- measuring ---- */

/* Sets the threads that kernels use in this process, and whether their number may show in the bits;
 * warns where ranks and threads outnumber cores. Collective. Training, evaluating and measuring a
 * net do so themselves. */
void fl_threads_choose(fl_comm *c, const fl_reduce_conf *conf);
/* The same, and no more of them than a step of this net has work for. */
void fl_threads_choose_for(fl_comm *c, const fl_experiment *x);

typedef struct fl_layer_seconds { /* of one step, the layers one after the other */
    double fixed, forward, backward;
} fl_layer_seconds;

typedef struct fl_bench_conf {
    int warmup, steps;
    int sums;                /* of all gradients, by themselves; 0: not wanted */
    fl_layer_seconds *layer; /* (steps, layers): on this rank, to be filled in; NULL: not wanted */
} fl_bench_conf;

typedef struct fl_bench_sample { /* one step as this rank saw it, from barrier to barrier */
    double seconds;
    fl_times time;
} fl_bench_sample;

typedef struct fl_bench_result {
    int n;
    fl_bench_sample *sample; /* (n) of them; caller frees */
    double loss;             /* of the last step */
    double sum_seconds;      /* of a sum of all gradients and a publication of all weights, when
                                nothing else is done: median on this rank; NAN without `sums` */
    double peak_rss_bytes;   /* of the rank with most */
    double pss_bytes;        /* of all ranks together, pages that they share counted once */
} fl_bench_result;

/* Collective. Times training steps of the first phase on synthetic rows, from the seed's weights:
 * without data, cache of features, log or checkpoints. The experiment's data are not opened. */
fl_status fl_bench_step(fl_comm *c, const fl_experiment *x, const fl_bench_conf *conf,
                        fl_bench_result *out);
/* Collective. What each layer takes on this rank while the others do the same: as inference, fixed;
 * and in training as the experiment says, forward and backward. `rows` a rank; layer (layers):
 * medians over the steps. `live`: of whole training steps. */
fl_status fl_bench_layers(fl_comm *c, const fl_experiment *x, int rows, int steps,
                          fl_layer_seconds *layer, fl_bench_result *live);
/* Collective. Seconds to read and prepare a row of the training set, by one thread of each rank at
 * the same time; NAN if there is none to be read here. */
double fl_bench_data(fl_comm *c, const fl_experiment *x, int rows);
/* The plan of inference with `rows` rows on one rank, where every layer is static; caller closes.
 */
fl_status fl_bench_plan(const fl_experiment *x, int rows, fl_plan **out);

/* Turns one row of logits (n) into probabilities, in place: softmax, or sigmoid for
 * binary_crossentropy; mse: unchanged. */
void fl_probabilities(const fl_experiment *x, float *logits, int n);

#endif
