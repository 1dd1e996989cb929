/* frostline info */
#include <stdio.h>

#include "cli/cli.h"

static void line(const char *what, const char *const *names) {
    printf("%-12s", what);
    for (; *names; names++) printf(" %s", *names);
    printf("\n");
}

/* Prints the names of a registry whose entries begin with their name. */
#define REGISTRY_LINE(what, all)                                                                   \
    do {                                                                                           \
        printf("%-12s", what);                                                                     \
        for (size_t i_ = 0; (all)[i_]; i_++) printf(" %s", (all)[i_]->name);                       \
        printf("\n");                                                                              \
    } while (0)

fl_status fl_cli_info(fl_comm *c, int argc, char **argv) {
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, NULL, 0, &a);
    if (status == FL_OK && a.config)
        status = fl_fail(FL_ERR_CONFIG, "'frostline info' takes no arguments");
    fl_arguments_close(&a);
    FL_TRY(status);
    const fl_kernels *kernels;
    FL_TRY(fl_kernels_select(&kernels));
    printf("frostline    %s\nmpi          %s\nblas         %s\nkernels      %s, of:",
           FROSTLINE_VERSION, fl_comm_version(), fl_blas_version(), kernels->name);
    for (size_t i = 0; fl_kernels_all()[i]; i++) printf(" %s", fl_kernels_all()[i]->name);
    printf("\nranks        %d on %d node%s\n", fl_comm_size(c), fl_comm_nodes(c),
           fl_comm_nodes(c) > 1 ? "s" : "");
    REGISTRY_LINE("layers", fl_layers_all());
    line("bases", fl_bases_all());
    line("data", fl_datasets_all());
    REGISTRY_LINE("optimizers", fl_optims_all());
    REGISTRY_LINE("schedules", fl_rates_all());
    REGISTRY_LINE("reducers", fl_reducers_all());
    return FL_OK;
}
