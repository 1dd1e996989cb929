/* cli.h: the commands' table and what they share. */
#ifndef FROSTLINE_CLI_H
#define FROSTLINE_CLI_H

#include "frostline/train.h"

typedef struct fl_command {
    const char *name, *usage, *help;
    bool collective; /* all ranks run it; else rank 0 alone does */
    fl_status (*run)(fl_comm *c, int argc, char **argv);
} fl_command;

extern const fl_command fl_commands[]; /* ended by name NULL */
const fl_command *fl_command_find(const char *name);
fl_status fl_command_unknown(const char *name);

/* ---- arguments ---- */

typedef struct fl_option {
    const char *name;    /* "run-dir"; NULL ends a table */
    const char **value;  /* "--name VALUE" or "--name=VALUE"; */
    const char *implied; /* value of a bare "--name"; NULL: a value is required */
    bool *flag;          /* instead of value: "--name" alone */
} fl_option;

typedef struct fl_arguments {
    const char *config; /* the first word; NULL if none */
    int n_overrides;
    const char **override;
    int n_words;
    const char **word; /* what is neither option nor override, after the first */
} fl_arguments;

/* Sorts argv[1 …] of a command. `--progress`, `--color` and `--help` are understood by all.
 * FL_ERR_CONFIG names what is wrong. Free with fl_arguments_close. */
fl_status fl_arguments_parse(int argc, char **argv, const fl_option *options, int max_words,
                             fl_arguments *out);
/* FL_ERR_CONFIG if there are some; for commands without a config. */
fl_status fl_arguments_no_overrides(const char *command, const fl_arguments *a);
void fl_arguments_close(fl_arguments *a);
extern fl_progress fl_cli_progress;
fl_status fl_cli_need_config(const char *command,
                             const fl_arguments *a); /* FL_ERR_CONFIG if none */

/* What a flag with choices means: the index of `value` in "a|b|c", or -1 with the message recorded.
 */
int fl_cli_choice(const char *option, const char *value, const char *choices);

/* ---- an experiment from arguments ---- */

typedef struct fl_cli {
    fl_arguments args;
    fl_config *config;
    fl_experiment *x;
} fl_cli;

/* Parses arguments, opens config and experiment. With a comm the outcome is agreed on by all ranks
 * (collective). */
fl_status fl_cli_open(fl_comm *c, int argc, char **argv, const fl_option *options, int max_words,
                      fl_cli *out);
void fl_cli_close(fl_cli *cli);
/* The same once more with one override behind the user's. Close both; on failure neither is there.
 */
fl_status fl_cli_vary(const fl_cli *cli, const char *override, fl_config **config,
                      fl_experiment **x);

/* The command line as typed, joined; kept by main. */
extern char *fl_cli_command_line;

typedef struct fl_which { /* the words that say which weights: --weights, --checkpoint, --run-dir */
    const char *weights, *checkpoint, *run_dir;
} fl_which;

/* The model.safetensors that they mean; NULL if they are left out and the config names one. Caller
 * frees. FL_ERR_CONFIG if nothing says which. */
fl_status fl_cli_weights(const fl_experiment *x, const fl_which *which, char **out);

/* The folder of the built-in configs; NULL if it cannot be found; caller frees. */
char *fl_cli_config_folder(void);

/* What the features of a phase will take on this machine; of unknown length without the data. */
fl_status fl_cli_plan_features(const fl_cli *cli, int phase, fl_plan *p);

int fl_cli_columns(void); /* width for tables on stdout */

fl_status fl_cli_train(fl_comm *c, int argc, char **argv);
fl_status fl_cli_eval(fl_comm *c, int argc, char **argv);
fl_status fl_cli_predict(fl_comm *c, int argc, char **argv);
fl_status fl_cli_sample(fl_comm *c, int argc, char **argv);
fl_status fl_cli_summary(fl_comm *c, int argc, char **argv);
fl_status fl_cli_plan(fl_comm *c, int argc, char **argv);
fl_status fl_cli_slurm(fl_comm *c, int argc, char **argv);
fl_status fl_cli_validate(fl_comm *c, int argc, char **argv);
fl_status fl_cli_config(fl_comm *c, int argc, char **argv);
fl_status fl_cli_convert(fl_comm *c, int argc, char **argv);
fl_status fl_cli_inspect(fl_comm *c, int argc, char **argv);
fl_status fl_cli_study(fl_comm *c, int argc, char **argv);
fl_status fl_cli_simulate(fl_comm *c, int argc, char **argv);
fl_status fl_cli_ls(fl_comm *c, int argc, char **argv);
fl_status fl_cli_cp(fl_comm *c, int argc, char **argv);
fl_status fl_cli_bench(fl_comm *c, int argc, char **argv);
fl_status fl_cli_info(fl_comm *c, int argc, char **argv);
fl_status fl_cli_help(fl_comm *c, int argc, char **argv);

#endif
