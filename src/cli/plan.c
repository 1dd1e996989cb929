/* frostline summary, frostline plan */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

/* Without its data a plan is still worth seeing. */
fl_status fl_cli_plan_features(const fl_cli *cli, int phase, fl_plan *p) {
    fl_data *d = NULL;
    const fl_experiment *x = cli->x;
    fl_status status =
        fl_data_open(&x->data, fl_config_section(cli->config, "data"), x->model->input,
                     (uint64_t)x->run.seed, FL_DATA_TRAIN | FL_DATA_VALIDATION, &d);
    status = fl_experiment_features(NULL, x, status == FL_OK ? d : NULL, phase, p);
    fl_data_close(d);
    return status;
}

static fl_status with_plan(int argc, char **argv, const fl_option *options, const char **np,
                           const char **phase,
                           fl_status (*print)(const fl_experiment *, const fl_plan *)) {
    fl_cli cli;
    fl_plan *p = NULL;
    FL_TRY(fl_cli_open(NULL, argc, argv, options, 0, &cli));
    char *end = NULL, *end2 = NULL;
    long n = np && *np ? strtol(*np, &end, 10) : 1,
         i = phase && *phase ? strtol(*phase, &end2, 10) : 0;
    fl_status status = FL_OK;
    if ((end && *end) || n < 1 || n > 1 << 24)
        status = fl_fail(FL_ERR_CONFIG,
                         "option '--np' cannot be '%s'; it is a number of ranks from 1", *np);
    else if ((end2 && *end2) || i < 0 || i >= fl_freeze_phases(cli.x->freeze))
        status = fl_fail(FL_ERR_CONFIG,
                         "option '--phase' cannot be '%s'; the freeze schedule has phases 0 to %d",
                         *phase, fl_freeze_phases(cli.x->freeze) - 1);
    if (status == FL_OK) status = fl_experiment_plan(cli.x, (int)i, (int)n, &p);
    if (status == FL_OK && np) status = fl_cli_plan_features(&cli, (int)i, p);
    if (status == FL_OK) status = print(cli.x, p);
    fl_plan_close(p);
    fl_cli_close(&cli);
    return status;
}

static fl_status print_owned(char *text) {
    fputs(text, stdout);
    fl_free(text);
    return FL_OK;
}

static fl_status print_summary(const fl_experiment *x, const fl_plan *p) {
    return print_owned(fl_summary_text(p, x->optim.ops->name, fl_cli_columns()));
}

static fl_status print_table(const fl_experiment *x, const fl_plan *p) {
    (void)x;
    return print_owned(fl_plan_table(p, fl_cli_columns()));
}

static fl_status print_json(const fl_experiment *x, const fl_plan *p) {
    (void)x;
    return print_owned(fl_plan_json(p));
}

fl_status fl_cli_summary(fl_comm *c, int argc, char **argv) {
    (void)c;
    return with_plan(argc, argv, NULL, NULL, NULL, print_summary);
}

static bool plan_as_json;

static fl_status print_plan(const fl_experiment *x, const fl_plan *p) {
    return (plan_as_json ? print_json : print_table)(x, p);
}

fl_status fl_cli_plan(fl_comm *c, int argc, char **argv) {
    (void)c;
    const char *np = NULL, *phase = NULL;
    const fl_option options[] = {{"np", &np, NULL, NULL},
                                 {"phase", &phase, NULL, NULL},
                                 {"json", NULL, NULL, &plan_as_json},
                                 {NULL, NULL, NULL, NULL}};
    return with_plan(argc, argv, options, &np, &phase, print_plan);
}
