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

static void print_owned(char *text) {
    fputs(text, stdout);
    fl_free(text);
}

/* ---- options ---- */

typedef struct wish {
    const char *np, *nodes, *phase; /* as given; NULL: not */
    bool json;
} wish;

typedef struct place {
    long np, nodes, phase;
} place;

static bool is_number(const char *text, long from, long to, long *out) {
    char *end = NULL;
    if (!text) return true;
    errno = 0;
    *out = strtol(text, &end, 10);
    return *text && !*end && !errno && *out >= from && *out <= to;
}

static fl_status understand(const wish *w, int phases, place *out) {
    *out = (place){.np = 1, .nodes = 1};
    if (!is_number(w->np, 1, 1 << 24, &out->np))
        return fl_fail(FL_ERR_CONFIG,
                       "option '--np' cannot be '%s'; it is a number of ranks from 1", w->np);
    if (!is_number(w->nodes, 1, out->np, &out->nodes))
        return fl_fail(FL_ERR_CONFIG,
                       "option '--nodes' cannot be '%s'; it is a number of nodes from 1 to that of "
                       "ranks, %ld ('--np')",
                       w->nodes, out->np);
    if (!is_number(w->phase, 0, phases - 1, &out->phase))
        return fl_fail(FL_ERR_CONFIG,
                       "option '--phase' cannot be '%s'; the freeze schedule has phases 0 to %d",
                       w->phase, phases - 1);
    return FL_OK;
}

/* ---- the commands ---- */

static fl_status summarise(const fl_cli *cli) {
    fl_plan *p;
    FL_TRY(fl_experiment_plan(cli->x, 0, 1, &p));
    print_owned(fl_summary_text(p, cli->x->optim.ops->name, fl_cli_columns()));
    fl_plan_close(p);
    return FL_OK;
}

fl_status fl_cli_summary(fl_comm *c, int argc, char **argv) {
    (void)c;
    fl_cli cli;
    FL_TRY(fl_cli_open(NULL, argc, argv, NULL, 0, &cli));
    fl_status status = summarise(&cli);
    fl_cli_close(&cli);
    return status;
}

static fl_status plan(const fl_cli *cli, const wish *w) {
    place at;
    fl_plan *p;
    FL_TRY(understand(w, fl_freeze_phases(cli->x->freeze), &at));
    FL_TRY(fl_experiment_plan(cli->x, (int)at.phase, (int)at.np, &p));
    fl_experiment_traffic(cli->x, (int)at.nodes, p);
    fl_status status = fl_cli_plan_features(cli, (int)at.phase, p);
    if (status == FL_OK)
        print_owned(w->json ? fl_plan_json(p) : fl_plan_table(p, fl_cli_columns()));
    fl_plan_close(p);
    return status;
}

fl_status fl_cli_plan(fl_comm *c, int argc, char **argv) {
    (void)c;
    fl_cli cli;
    wish w = {0};
    const fl_option options[] = {{"np", &w.np, NULL, NULL},
                                 {"nodes", &w.nodes, NULL, NULL},
                                 {"phase", &w.phase, NULL, NULL},
                                 {"json", NULL, NULL, &w.json},
                                 {NULL, NULL, NULL, NULL}};
    FL_TRY(fl_cli_open(NULL, argc, argv, options, 0, &cli));
    fl_status status = plan(&cli, &w);
    fl_cli_close(&cli);
    return status;
}
