/* frostline config */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/schema.h"

static fl_status print_owned(char *text) {
    fputs(text, stdout);
    fl_free(text);
    return FL_OK;
}

fl_status fl_cli_config(fl_comm *c, int argc, char **argv) {
    (void)c;
    bool defaults = false, schema = false;
    const fl_option options[] = {{"defaults", NULL, NULL, &defaults},
                                 {"schema", NULL, NULL, &schema},
                                 {NULL, NULL, NULL, NULL}};
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, options, 0, &a);
    bool page = defaults || schema;
    if (status == FL_OK && page && (a.config || (defaults && schema)))
        status = fl_fail(FL_ERR_CONFIG, "give CONFIG, --defaults or --schema: one of them");
    fl_arguments_close(&a);
    FL_TRY(status);
    if (page) return print_owned(schema ? fl_cli_schema() : fl_cli_reference());
    fl_cli cli;
    FL_TRY(fl_cli_open(NULL, argc, argv, options, 0, &cli));
    print_owned(fl_config_text(cli.config));
    fl_cli_close(&cli);
    return FL_OK;
}
