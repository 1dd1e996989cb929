/* What most commands begin with. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "frostline/checkpoint.h"
#include "frostline/log.h"
#include "frostline/process.h"

char *fl_cli_command_line;

fl_status fl_cli_need_config(const char *command, const fl_arguments *a) {
    if (a->config) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "'frostline %s' needs a CONFIG; 'frostline ls' shows those that come with it",
                   command);
}

static fl_status open_local(int argc, char **argv, const fl_option *options, int max_words,
                            fl_cli *out) {
    FL_TRY(fl_arguments_parse(argc, argv, options, max_words, &out->args));
    FL_TRY(fl_cli_need_config(argv[0], &out->args));
    FL_TRY(
        fl_config_open(out->args.config, out->args.n_overrides, out->args.override, &out->config));
    return fl_experiment_open(out->config, &out->x);
}

fl_status fl_cli_open(fl_comm *c, int argc, char **argv, const fl_option *options, int max_words,
                      fl_cli *out) {
    *out = (fl_cli){0};
    fl_status status = open_local(argc, argv, options, max_words, out);
    if (c) status = fl_comm_agree(c, status);
    if (status != FL_OK) fl_cli_close(out);
    return status;
}

void fl_cli_close(fl_cli *cli) {
    fl_experiment_close(cli->x);
    fl_config_close(cli->config);
    fl_arguments_close(&cli->args);
    *cli = (fl_cli){0};
}

fl_status fl_cli_vary(const fl_cli *cli, const char *override, fl_config **config,
                      fl_experiment **x) {
    int n = cli->args.n_overrides;
    const char **all = fl_alloc((size_t)(n + 1) * sizeof *all);
    for (int i = 0; i < n; i++) all[i] = cli->args.override[i];
    all[n] = override;
    *x = NULL;
    fl_status status = fl_config_open(cli->args.config, n + 1, all, config);
    if (status == FL_OK) status = fl_experiment_open(*config, x);
    if (status != FL_OK) fl_config_close(*config), *config = NULL;
    fl_free(all);
    return status;
}

static fl_status find_checkpoint(const fl_experiment *x, const fl_which *which, char **out) {
    char *runs = fl_path_join(x->run.output_dir, x->run.name), *folder = NULL;
    fl_status status =
        fl_checkpoint_find(which->run_dir ? which->run_dir : runs,
                           which->checkpoint ? which->checkpoint : "latest", &folder);
    fl_free(runs);
    FL_TRY(status);
    *out = fl_path_join(folder, "model.safetensors");
    fl_free(folder);
    return FL_OK;
}

fl_status fl_cli_weights(const fl_experiment *x, const fl_which *which, char **out) {
    *out = NULL;
    if (which->weights && (which->checkpoint || which->run_dir))
        return fl_fail(FL_ERR_CONFIG, "give --weights, or a checkpoint of a run, not both");
    if (which->checkpoint || which->run_dir) return find_checkpoint(x, which, out);
    if (which->weights) *out = fl_strdup(which->weights);
    if (which->weights || x->model_conf.weights) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "say which weights: --weights FILE, or --checkpoint best|latest|DIR");
}

/* Seen from the program: ../share/frostline/configs where it is installed, ../configs where it was
 * built. */
char *fl_cli_config_folder(void) {
    static const char *const places[] = {"../share/frostline/configs", "../configs"};
    for (size_t i = 0; i < FL_COUNT(places); i++) {
        char *folder = fl_process_beside(places[i]);
        if (fl_is_dir(folder)) return folder;
        fl_free(folder);
    }
    return NULL;
}

int fl_cli_columns(void) {
    int width = fl_terminal_width(stdout);
    return width > 0 ? width : 100;
}
