/* plan.h: what the command line of `frostline plan` asks for. */
#ifndef FROSTLINE_CLI_PLAN_H
#define FROSTLINE_CLI_PLAN_H

#include "cli/site.h"

typedef struct fl_plan_wish {
    int n_np, *np; /* ascending; one, but for --what-if */
    int nodes, phase;
    const char *network, *hosts; /* or NULL */
    bool json, costs;
} fl_plan_wish;

/* The sets of the config; NULL if they cannot be read here. Close with fl_data_close. */
fl_data *fl_plan_data(const fl_cli *cli);
/* Measures what the cost model needs. */
fl_status fl_plan_site(const fl_cli *cli, const fl_plan_wish *w, fl_site **out);
/* Prints every depth at which the net may be frozen. */
fl_status fl_plan_what_if(const fl_cli *cli, const fl_plan_wish *w);

#endif
