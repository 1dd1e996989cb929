/* frostline train */
#include <stdio.h>

#include "cli/cli.h"

static fl_status dry_run(fl_comm *c, const fl_experiment *x) {
    fl_plan *p;
    FL_TRY(fl_comm_agree(c, fl_experiment_check_weights(x)));
    FL_TRY(fl_experiment_plan(x, 0, fl_comm_size(c), &p));
    fl_experiment_traffic(x, fl_comm_nodes(c), p);
    char *text = fl_plan_table(p, fl_cli_columns());
    if (fl_comm_rank(c) == 0) fputs(text, stdout);
    fl_free(text);
    fl_plan_close(p);
    return FL_OK;
}

static void say_done(fl_comm *c, const fl_train_result *r) {
    if (fl_comm_rank(c) != 0 || r->steps == 0) return;
    printf("run folder: %s\n", r->run_dir);
}

fl_status fl_cli_train(fl_comm *c, int argc, char **argv) {
    fl_train_options o = {.command = fl_cli_command_line};
    bool dry = false;
    const fl_option options[] = {
        {"run-dir", &o.run_dir, NULL, NULL},
        {"resume", &o.resume, "auto", NULL},
        {"dry-run", NULL, NULL, &dry},
        {NULL, NULL, NULL, NULL},
    };
    fl_cli cli;
    fl_train_result result;
    FL_TRY(fl_cli_open(c, argc, argv, options, 0, &cli));
    o.progress = fl_cli_progress;
    fl_status status = dry ? dry_run(c, cli.x) : fl_train(c, cli.x, &o, &result);
    if (status == FL_OK && !dry) say_done(c, &result);
    fl_cli_close(&cli);
    return status;
}
