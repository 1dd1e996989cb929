/* frostline study: a grid of rank counts and freeze rules, run, measured, drawn. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/launch.h"
#include "cli/site.h"
#include "cli/study.h"
#include "frostline/log.h"

/* ---- the grid ---- */

/* Every mistake is found before the first run. */
static fl_status check_all(const fl_study_conf *c) {
    for (int i = 0; i < c->n_rules; i++)
        for (int j = 0; j < c->n_np; j++) {
            fl_study_point_conf p;
            FL_TRY(fl_study_point_open(c, c->rule[i], c->np[j], &p));
            fl_study_point_close(&p);
        }
    return fl_study_check_simulated(c);
}

/* Repeats outermost: a slow hour of the machine then falls on all points alike. */
static fl_status run_all(fl_study *s) {
    const fl_study_conf *c = &s->conf;
    for (int k = 1; k <= c->repeat; k++)
        for (int i = 0; i < c->n_rules; i++)
            for (int j = 0; j < c->n_np && !fl_process_interrupted(); j++)
                FL_TRY(fl_study_take(s, c->rule[i], c->np[j], k));
    return FL_OK;
}

/* ---- the command ---- */

static fl_status verdict(const fl_study *s) {
    const fl_study_conf *c = &s->conf;
    if (fl_process_interrupted())
        return fl_fail(FL_ERR_STOPPED,
                       "the study was stopped after %d of %d runs%s; the same command goes on",
                       s->runs.n, (c->n_np * c->repeat + c->n_simulated) * c->n_rules,
                       c->n_simulated ? " and simulations" : "");
    if (!s->failed) return FL_OK;
    bool ours = s->first_code <= FL_ERR_HANG;
    return fl_fail(ours ? (fl_status)s->first_code : FL_ERR_INTERNAL,
                   "%d of %d runs failed, the first with exit code %d: see %s; the same command "
                   "tries them again",
                   s->failed, s->made + s->kept, s->first_code, s->first_log);
}

/* That which simulated ranks are on: as it is between the hosts, if it has been measured. */
static fl_status take_network(fl_study_conf *c, const fl_site *site) {
    const fl_network *between = site ? fl_site_network(site) : NULL;
    if (!c->n_simulated || c->network_said) return FL_OK;
    if (between)
        c->network = *between;
    else if (c->network_measured)
        return fl_fail(FL_ERR_CONFIG, "option '--network measured': the ranks are all on one node, "
                                      "so there is none between them; give 1gbit, 25gbit, or a "
                                      "file of 'frostline bench network --json'");
    else if (c->hosts)
        fl_warn("no network was measured between the hosts, so simulated ranks are on %s",
                c->network.name);
    return FL_OK;
}

/* Rules may name another net than the config's, whose layers were measured. */
static fl_status warn_of_unforetold(const fl_study_conf *c) {
    for (int i = 0; i < c->n_rules && c->site; i++) {
        fl_study_point_conf p;
        FL_TRY(fl_study_point_open(c, c->rule[i], c->np[0], &p));
        if (!p.foretold)
            fl_warn("%s: its net is not the config's, whose layers were measured, so no step of it "
                    "is foretold",
                    c->rule[i]);
        fl_study_point_close(&p);
    }
    return FL_OK;
}

static fl_status run_all_on(fl_study *s, const fl_site *site) {
    fl_study_conf *c = &s->conf;
    c->site = site;
    fl_status status = take_network(c, site), left;
    if (status == FL_OK) status = warn_of_unforetold(c);
    if (status != FL_OK) return status;
    status = run_all(s);
    if (status == FL_OK) status = fl_study_simulate_all(c, &s->known, s->jsonl, &s->runs);
    left = fl_study_leave(c, &s->runs); /* what was measured is shown, whatever came after */
    c->site = NULL;
    return status != FL_OK ? status : left;
}

static fl_status run_grid(fl_study *s, const fl_experiment *x) {
    fl_site *site;
    fl_status status = fl_study_site(&s->conf, x, &site);
    bool needed = s->conf.network_measured || status == FL_ERR_STOPPED || status == FL_ERR_IO;
    if (status != FL_OK && needed) return status;
    if (status != FL_OK) fl_warn("no step is foretold: %s", fl_message());
    status = run_all_on(s, site);
    fl_site_close(site);
    return status;
}

/* Runs of points of this grid, made otherwise: whoever goes on is told why they are made again. */
static int count_left(const fl_study *s) {
    int n = 0;
    for (int i = 0; i < s->known.n; i++)
        for (int j = 0; j < s->runs.n; j++) {
            const fl_study_run *a = &s->known.run[i], *b = &s->runs.run[j];
            bool same = strcmp(a->rule, b->rule) == 0 && strcmp(a->key, b->key) != 0;
            static const fl_study_figure of[] = {FL_STUDY_np, FL_STUDY_repeat, FL_STUDY_simulated};
            for (size_t k = 0; k < FL_COUNT(of) && same; k++) {
                double x = a->value[of[k]], y = b->value[of[k]];
                same = x == y || (isnan(x) && isnan(y));
            }
            n += same;
        }
    return n;
}

static fl_status study_all(fl_study *s, const fl_experiment *x) {
    FL_TRY(check_all(&s->conf));
    FL_TRY(fl_make_dirs(s->conf.dir));
    FL_TRY(fl_study_read(s->jsonl, &s->known));
    char *warning = fl_study_cores_warning(&s->conf);
    if (warning) fl_warn("%s", warning);
    fl_free(warning);
    fl_process_signals_begin();
    fl_status status = run_grid(s, x);
    fl_process_signals_end();
    FL_TRY(status);
    int left = count_left(s);
    if (left)
        fl_note("%d run%s in %s had another config, version or environment: left aside", left,
                left > 1 ? "s" : "", s->jsonl);
    if (s->kept) printf("%d of %d runs stood in %s\n", s->kept, s->kept + s->made, s->jsonl);
    printf("study: %s/report.html\n", s->conf.dir);
    return verdict(s);
}

/* Of runs that are there already. */
static fl_status collect_all(fl_study *s) {
    FL_TRY(fl_study_collect(&s->conf, &s->runs));
    FL_TRY(fl_make_dirs(s->conf.dir));
    FL_TRY(fl_study_leave(&s->conf, &s->runs));
    printf("%d runs\nstudy: %s/report.html\n", s->runs.n, s->conf.dir);
    return FL_OK;
}

typedef struct words { /* of the command line */
    const char *np, *freeze, *steps, *mode, *repeat, *run_dir, *collect, *simulate, *network;
} words;

static fl_status understand_collect(fl_study *s, const words *w) {
    if (!w->collect) return FL_OK;
    if (w->np || w->freeze || w->steps || w->mode || w->repeat || w->simulate || w->network ||
        s->conf.hosts)
        return fl_fail(FL_ERR_CONFIG, "'--collect' takes runs as they are: only '--run-dir' and "
                                      "'--gnuplot' go with it");
    return FL_OK;
}

static fl_status understand(fl_study *s, const words *w, const fl_cli *cli) {
    fl_study_conf *c = &s->conf;
    FL_TRY(understand_collect(s, w));
    c->config = cli->args.config;
    c->n_overrides = cli->args.n_overrides;
    c->override = (const char *const *)cli->args.override;
    c->repeat = 1;
    if (!w->collect) {
        FL_TRY(fl_study_ranks("np", w->np ? w->np : "1", &c->n_np, &c->np));
        FL_TRY(fl_study_simulations(w->simulate, w->network, c));
        fl_study_rules(w->freeze ? w->freeze : "config", c);
    }
    if (w->steps) FL_TRY(fl_bench_number("steps", w->steps, &c->steps));
    FL_TRY(fl_bench_number("repeat", w->repeat, &c->repeat));
    int mode = w->mode ? fl_cli_choice("mode", w->mode, "strong|weak") : 0;
    if (mode < 0) return FL_ERR_CONFIG;
    c->weak = mode == 1;
    FL_TRY(fl_launch_check_hosts(c->hosts));
    const fl_run_conf *run = &cli->x->run;
    c->dir = w->run_dir   ? fl_strdup(w->run_dir)
             : w->collect ? fl_strdup(w->collect)
                          : fl_format("%s/%s/study", run->output_dir, run->name);
    c->runs = w->collect ? fl_strdup(w->collect) : fl_path_join(c->dir, "runs");
    s->jsonl = fl_path_join(c->dir, "study.jsonl");
    c->title = fl_strdup(run->name);
    c->config_text = fl_config_text(cli->config);
    return FL_OK;
}

static void close_study(fl_study *s) {
    fl_study_runs_close(&s->known);
    fl_study_runs_close(&s->runs);
    fl_study_conf_close(&s->conf);
    fl_free(s->jsonl);
    fl_free(s->first_log);
}

fl_status fl_cli_study(fl_comm *c, int argc, char **argv) {
    (void)c;
    words w = {0};
    fl_study s = {0};
    fl_cli cli;
    const fl_option options[] = {{"np", &w.np, NULL, NULL},
                                 {"freeze", &w.freeze, NULL, NULL},
                                 {"steps", &w.steps, NULL, NULL},
                                 {"mode", &w.mode, NULL, NULL},
                                 {"hosts", &s.conf.hosts, NULL, NULL},
                                 {"repeat", &w.repeat, NULL, NULL},
                                 {"run-dir", &w.run_dir, NULL, NULL},
                                 {"collect", &w.collect, NULL, NULL},
                                 {"simulate", &w.simulate, NULL, NULL},
                                 {"network", &w.network, NULL, NULL},
                                 {"gnuplot", NULL, NULL, &s.conf.gnuplot},
                                 {NULL, NULL, NULL, NULL}};
    if (getenv("OMPI_COMM_WORLD_SIZE"))
        return fl_fail(FL_ERR_CONFIG, "'frostline study' starts mpirun itself: leave it out");
    FL_TRY(fl_cli_open(NULL, argc, argv, options, 0, &cli));
    fl_status status = understand(&s, &w, &cli);
    if (status == FL_OK) status = w.collect ? collect_all(&s) : study_all(&s, cli.x);
    close_study(&s);
    fl_cli_close(&cli);
    return status;
}
