/* frostline validate */
#include <stdio.h>

#include "cli/cli.h"

static fl_status validate(const fl_arguments *a) {
    fl_config *config;
    FL_TRY(fl_cli_need_config("validate", a));
    FL_TRY(fl_config_open(a->config, a->n_overrides, a->override, &config));
    fl_status status = fl_experiment_validate(config);
    fl_config_close(config);
    if (status == FL_OK) printf("%s: valid\n", a->config);
    return status;
}

fl_status fl_cli_validate(fl_comm *c, int argc, char **argv) {
    (void)c;
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, NULL, 0, &a);
    if (status == FL_OK) status = validate(&a);
    fl_arguments_close(&a);
    return status;
}
