/* frostline summary, frostline plan */
#include "cli/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/launch.h"
#include "cli/study.h"

fl_data *fl_plan_data(const fl_cli *cli) {
    fl_data *d = NULL;
    const fl_experiment *x = cli->x;
    fl_status status =
        fl_data_open(&x->data, fl_config_section(cli->config, "data"), x->model->input,
                     (uint64_t)x->run.seed, FL_DATA_TRAIN | FL_DATA_VALIDATION, &d);
    return status == FL_OK ? d : NULL;
}

/* Without its data a plan is still worth seeing. */
fl_status fl_cli_plan_features(const fl_cli *cli, int phase, fl_plan *p) {
    fl_data *d = fl_plan_data(cli);
    fl_status status = fl_experiment_features(NULL, cli->x, d, phase, p);
    fl_data_close(d);
    return status;
}

static void print_owned(char *text) {
    fputs(text, stdout);
    fl_free(text);
}
/* ---- the summary ---- */

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

/* ---- the plan's options ---- */

typedef struct wish { /* as given; NULL: not */
    const char *np, *nodes, *phase, *network, *hosts;
    bool json, what_if, measure;
} wish;

static bool is_number(const char *text, long from, long to, int *out) {
    char *end = NULL;
    if (!text) return true;
    errno = 0;
    long n = strtol(text, &end, 10);
    *out = (int)n;
    return *text && !*end && !errno && n >= from && n <= to;
}

static fl_status understand_ranks(const wish *w, fl_plan_wish *out) {
    FL_TRY(fl_study_ranks("np", w->np ? w->np : "1", &out->n_np, &out->np));
    int most = out->np[out->n_np - 1];
    if (out->n_np > 1 && !w->what_if)
        return fl_fail(FL_ERR_CONFIG,
                       "option '--np' cannot be '%s'; a plan is for one number of ranks, and "
                       "several want '--what-if'",
                       w->np);
    if (out->n_np > FL_WHAT_IF_RANKS)
        return fl_fail(FL_ERR_CONFIG, "option '--np': at most %d numbers of ranks fit in a table",
                       FL_WHAT_IF_RANKS);
    if (!is_number(w->nodes, 1, most, &out->nodes))
        return fl_fail(FL_ERR_CONFIG,
                       "option '--nodes' cannot be '%s'; it is a number of nodes from 1 to that of "
                       "ranks, %d ('--np')",
                       w->nodes, most);
    if (w->nodes && w->hosts)
        return fl_fail(FL_ERR_CONFIG, "give '--nodes' or '--hosts', not both");
    return FL_OK;
}

static fl_status understand(const wish *w, int phases, fl_plan_wish *out) {
    FL_TRY(understand_ranks(w, out));
    out->hosts = w->hosts;
    out->network = w->network;
    out->json = w->json;
    out->costs = w->measure || w->what_if || w->network || w->hosts;
    if (w->network && !w->hosts && out->nodes == 1)
        return fl_fail(FL_ERR_CONFIG,
                       "'--network' joins nodes: give '--nodes', or '--hosts' to measure on");
    if (!is_number(w->phase, 0, phases - 1, &out->phase))
        return fl_fail(FL_ERR_CONFIG,
                       "option '--phase' cannot be '%s'; the freeze schedule has phases 0 to %d",
                       w->phase, phases - 1);
    if (w->what_if && w->phase)
        return fl_fail(FL_ERR_CONFIG, "'--what-if' goes through freeze rules of its own, which "
                                      "have no phases; leave out '--phase'");
    return FL_OK;
}

fl_status fl_plan_site(const fl_cli *cli, const fl_plan_wish *w, fl_site **out) {
    fl_site_conf conf = {.hosts = w->hosts,
                         .network = w->network,
                         .nodes = w->nodes,
                         .config = cli->args.config,
                         .n_overrides = cli->args.n_overrides,
                         .override = (const char *const *)cli->args.override,
                         .n_np = w->n_np,
                         .np = w->np};
    fl_process_signals_begin();
    fl_status status = fl_site_open(&conf, cli->x, out);
    fl_process_signals_end();
    return status;
}

/* ---- the plan ---- */

static fl_status foretell(const fl_cli *cli, const fl_plan_wish *w, fl_plan *p) {
    fl_site *site;
    if (!w->costs) {
        fl_experiment_traffic(cli->x, w->nodes, p);
        return FL_OK;
    }
    FL_TRY(fl_plan_site(cli, w, &site));
    fl_site_foretell(site, cli->x, p);
    fl_site_close(site);
    return FL_OK;
}

static fl_status plan(const fl_cli *cli, const fl_plan_wish *w) {
    fl_plan *p;
    FL_TRY(fl_experiment_plan(cli->x, w->phase, w->np[0], &p));
    fl_status status = foretell(cli, w, p);
    if (status == FL_OK) status = fl_cli_plan_features(cli, w->phase, p);
    if (status == FL_OK)
        print_owned(w->json ? fl_plan_json(p) : fl_plan_table(p, fl_cli_columns()));
    fl_plan_close(p);
    return status;
}

fl_status fl_cli_plan(fl_comm *c, int argc, char **argv) {
    (void)c;
    fl_cli cli;
    wish w = {0};
    fl_plan_wish understood = {.nodes = 1};
    const fl_option options[] = {{"np", &w.np, NULL, NULL},
                                 {"nodes", &w.nodes, NULL, NULL},
                                 {"phase", &w.phase, NULL, NULL},
                                 {"network", &w.network, NULL, NULL},
                                 {"hosts", &w.hosts, NULL, NULL},
                                 {"measure", NULL, NULL, &w.measure},
                                 {"what-if", NULL, NULL, &w.what_if},
                                 {"json", NULL, NULL, &w.json},
                                 {NULL, NULL, NULL, NULL}};
    FL_TRY(fl_cli_open(NULL, argc, argv, options, 0, &cli));
    fl_status status = understand(&w, fl_freeze_phases(cli.x->freeze), &understood);
    if (status == FL_OK) status = (w.what_if ? fl_plan_what_if : plan)(&cli, &understood);
    fl_free(understood.np);
    fl_cli_close(&cli);
    return status;
}
