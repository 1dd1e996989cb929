/* frostline study: a grid of rank counts and freeze rules, run, measured, drawn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/launch.h"
#include "cli/site.h"
#include "cli/study.h"
#include "frostline/log.h"

typedef struct study {
    fl_study_conf conf;
    fl_study_runs known; /* what study.jsonl told */
    fl_study_runs runs;  /* this grid's */
    char *jsonl;
    int failed, made, kept;
    int first_code;
    char *first_log;
} study;

/* ---- one run ---- */

static const fl_study_run *find(const fl_study_runs *s, const char *key) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->run[i].key, key) == 0) return &s->run[i];
    return NULL;
}

static void note_failure(study *s, fl_study_run *r, int code, const char *log) {
    r->message = code ? fl_process_last_words(log) : fl_strdup(fl_message());
    r->value[FL_STUDY_exit_code] = code ? code : FL_ERR_INPUT;
    fl_warn("%.0f rank(s), %s: exit code %.0f: %s (%s)", r->value[FL_STUDY_np], r->rule,
            r->value[FL_STUDY_exit_code], r->message, log);
    if (!s->failed++) {
        s->first_code = (int)r->value[FL_STUDY_exit_code];
        s->first_log = fl_strdup(log);
    }
}

static void say(const fl_study_run *r) {
    char seconds[32], bytes[32];
    printf("%3.0f rank(s)  %-24s run %.0f  %s a step, %.1f samples/s, %s reduced\n",
           r->value[FL_STUDY_np], r->rule, r->value[FL_STUDY_repeat],
           fl_human_seconds(r->value[FL_STUDY_step_seconds], seconds),
           r->value[FL_STUDY_samples_per_second],
           fl_human_bytes(r->value[FL_STUDY_payload_bytes], bytes));
    fflush(stdout);
}

static fl_status launch(const fl_study_conf *c, const fl_study_point_conf *p, int np,
                        const char *run_dir, const char *log, int *code) {
    int n = 0;
    const char **word = fl_alloc((size_t)(p->n + 4) * sizeof *word);
    char *folder = fl_format("--run-dir=%s", run_dir);
    word[n++] = "train";
    word[n++] = c->config;
    for (int i = 0; i < p->n; i++) word[n++] = p->override[i];
    word[n++] = "--progress=none";
    word[n++] = folder;
    fl_launch l = {.hosts = c->hosts, .np = np, .n = n, .word = word, .out = log, .log = log};
    fl_status status = fl_launch_run(&l, code);
    fl_free(folder);
    fl_free(word);
    return status;
}

/* A point that an interruption ended is as if it had never begun. */
static fl_status run_into(study *s, const fl_study_point_conf *p, fl_study_run *r, const char *dir,
                          const char *log) {
    int code = 0;
    char *checkpoints = fl_path_join(dir, "checkpoints");
    fl_status status = fl_remove_tree(dir);
    if (status == FL_OK) status = launch(&s->conf, p, (int)r->value[FL_STUDY_np], dir, log, &code);
    if (status == FL_OK && !fl_process_interrupted()) {
        r->value[FL_STUDY_exit_code] = code;
        if (code || fl_study_measure(dir, r) != FL_OK)
            note_failure(s, r, code, log);
        else
            say(r);
        fl_remove_tree(checkpoints);
        status = fl_study_append(s->jsonl, r);
    }
    fl_free(checkpoints);
    return status;
}

static fl_status run_one(study *s, const fl_study_point_conf *p, const char *key, const char *rule,
                         int repeat) {
    fl_study_run r = fl_study_run_new(key, rule);
    fl_study_predict(p->plan, &r);
    r.value[FL_STUDY_repeat] = repeat;
    char *dir = fl_path_join(s->conf.runs, key), *log = fl_format("%s.log", dir);
    fl_status status = fl_make_dirs(s->conf.runs);
    if (status == FL_OK) status = run_into(s, p, &r, dir, log);
    if (status == FL_OK && !fl_process_interrupted()) {
        fl_study_runs_add(&s->runs, r);
        s->made++;
    } else {
        fl_study_run_close(&r);
    }
    fl_free(dir);
    fl_free(log);
    return status;
}

static void keep(study *s, const char *key) { /* moves what is known to this grid's runs */
    fl_study_run *r = (fl_study_run *)find(&s->known, key);
    fl_study_runs_add(&s->runs, *r);
    *r = fl_study_run_new("", "");
    s->kept++;
}

static fl_status take_point(study *s, const char *rule, int np, int repeat) {
    fl_study_point_conf p;
    FL_TRY(fl_study_point_open(&s->conf, rule, np, &p));
    char *key = fl_format("%016llx-np%d-r%d", (unsigned long long)p.hash, np, repeat);
    const fl_study_run *known = find(&s->known, key);
    fl_status status = FL_OK;
    if (known && known->value[FL_STUDY_exit_code] == 0)
        keep(s, key);
    else
        status = run_one(s, &p, key, rule, repeat);
    fl_free(key);
    fl_study_point_close(&p);
    return status;
}

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
static fl_status run_all(study *s) {
    const fl_study_conf *c = &s->conf;
    for (int k = 1; k <= c->repeat; k++)
        for (int i = 0; i < c->n_rules; i++)
            for (int j = 0; j < c->n_np && !fl_process_interrupted(); j++)
                FL_TRY(take_point(s, c->rule[i], c->np[j], k));
    return FL_OK;
}

/* ---- the command ---- */

static fl_status verdict(const study *s) {
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

static fl_status run_grid(study *s, const fl_experiment *x) {
    fl_study_conf *c = &s->conf;
    fl_site *site;
    fl_status status = fl_study_site(&s->conf, x, &site), left;
    if (status == FL_ERR_STOPPED || status == FL_ERR_IO) return status;
    if (status != FL_OK) fl_warn("no step is foretold: %s", fl_message());
    c->site = site;
    if (site && !c->network_said && fl_site_network(site)) c->network = *fl_site_network(site);
    status = run_all(s);
    if (status == FL_OK) status = fl_study_simulate_all(c, &s->known, s->jsonl, &s->runs);
    left = fl_study_leave(c, &s->runs); /* what was measured is shown, whatever came after */
    c->site = NULL;
    fl_site_close(site);
    return status != FL_OK ? status : left;
}

static fl_status study_all(study *s, const fl_experiment *x) {
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
    if (s->kept) printf("%d of %d runs stood in %s\n", s->kept, s->kept + s->made, s->jsonl);
    printf("study: %s/report.html\n", s->conf.dir);
    return verdict(s);
}

/* Of runs that are there already. */
static fl_status collect_all(study *s) {
    FL_TRY(fl_study_collect(&s->conf, &s->runs));
    FL_TRY(fl_study_leave(&s->conf, &s->runs));
    printf("%d runs\nstudy: %s/report.html\n", s->runs.n, s->conf.dir);
    return FL_OK;
}

typedef struct words { /* of the command line */
    const char *np, *freeze, *steps, *mode, *repeat, *run_dir, *collect, *simulate, *network;
} words;

static fl_status understand_collect(study *s, const words *w) {
    if (!w->collect) return FL_OK;
    if (w->np || w->freeze || w->steps || w->mode || w->repeat || w->simulate || w->network ||
        s->conf.hosts)
        return fl_fail(FL_ERR_CONFIG, "'--collect' takes runs as they are: only '--run-dir' and "
                                      "'--gnuplot' go with it");
    return FL_OK;
}

static fl_status understand(study *s, const words *w, const fl_cli *cli) {
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

static void close_study(study *s) {
    fl_study_runs_close(&s->known);
    fl_study_runs_close(&s->runs);
    fl_study_conf_close(&s->conf);
    fl_free(s->jsonl);
    fl_free(s->first_log);
}

fl_status fl_cli_study(fl_comm *c, int argc, char **argv) {
    (void)c;
    words w = {0};
    study s = {0};
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
