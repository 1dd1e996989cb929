/* frostline study --simulate: the same freeze rules on ranks that are not there. What computing
 * takes is measured: by the study's own runs of the rule, with the most ranks that are not more
 * than those simulated (or, where all are more, with the fewest), and scaled to the rows that a
 * rank then has. */
#include <math.h>
#include <string.h>

#include "cli/site.h"
#include "cli/study.h"
#include "frostline/log.h"
#include "frostline/process.h"

fl_status fl_study_simulations(const char *ranks, const char *network, fl_study_conf *c) {
    if (network && !ranks)
        return fl_fail(FL_ERR_CONFIG, "option '--network' is for what is simulated; say on how "
                                      "many ranks, for example --simulate 16,64");
    if (!ranks) return FL_OK;
    FL_TRY(fl_study_ranks("simulate", ranks, &c->n_simulated, &c->simulated));
    FL_TRY(fl_site_check_network(network, c->hosts));
    c->network_measured = network && strcmp(network, "measured") == 0;
    if (c->network_measured && c->np[c->n_np - 1] == 1)
        return fl_fail(FL_ERR_CONFIG, "option '--network measured' wants ranks on several hosts, "
                                      "for example --np 2");
    if (c->network_measured) network = NULL;
    c->network_said = network != NULL;
    FL_TRY(fl_network_open(network ? network : "1gbit", true, &c->network));
    return fl_simulate_ready();
}

/* ---- what a rank does ---- */

static fl_way way_of(const fl_reduce_conf *conf) { /* auto measures first: as overlap */
    const char *name = fl_reducers_all()[conf->reducer]->name;
    return strcmp(name, "blocking") == 0  ? FL_WAY_BLOCKING
           : strcmp(name, "tree") == 0    ? FL_WAY_TREE
           : strcmp(name, "sharded") == 0 ? FL_WAY_SHARDED
                                          : FL_WAY_OVERLAP;
}

void fl_study_sketch(const fl_plan *p, const fl_reduce_conf *conf, fl_script *out) {
    size_t n = (size_t)p->n_buckets;
    *out = (fl_script){.np = p->conf.np,
                       .steps = 1,
                       .way = way_of(conf),
                       .wire = (fl_wire)conf->allreduce_dtype,
                       .memory_bytes_per_second = 1e10,
                       .n_buckets = p->n_buckets,
                       .bucket = fl_alloc(n * sizeof(fl_span)),
                       .ready_seconds = fl_alloc(n * sizeof(double))};
    const fl_cost *c = &p->cost;
    for (int i = 0; i < p->n_buckets; i++) {
        out->bucket[i] = p->bucket[i].span;
        out->ready_seconds[i] = c->known && c->backward > 0 ? c->ready[i] / c->backward : 1;
    }
}

/* Ranks do not change what lies in a bucket, and so not when it is ready but for the rows: what is
 * foretold for those that were measured holds for those simulated. */
static fl_status take_shares(const fl_study_conf *c, const fl_study_run *measured, fl_script *s) {
    fl_study_point_conf p;
    FL_TRY(fl_study_point_open(c, measured->rule, (int)measured->value[FL_STUDY_np], &p));
    FL_CHECK(p.script.n_buckets == s->n_buckets, "%d buckets at %.0f ranks, %d at %d",
             p.script.n_buckets, measured->value[FL_STUDY_np], s->n_buckets, s->np);
    memcpy(s->ready_seconds, p.script.ready_seconds,
           (size_t)s->n_buckets * sizeof *s->ready_seconds);
    fl_study_point_close(&p);
    return FL_OK;
}

static double or_nothing(double seconds) {
    return isfinite(seconds) && seconds > 0 ? seconds : 0;
}

static double most_rows(const double *v) { /* that a rank has */
    return ceil(v[FL_STUDY_batch_size] / v[FL_STUDY_np]);
}

/* The phases are means over all steps, slow ones and the first among them: as parts of the median
 * step, with which what is simulated is compared, they are so much shorter. */
static double share_of_median(const double *m) {
    double mean = 0;
    for (int i = FL_STUDY_time_data; i <= FL_STUDY_time_other; i++) mean += or_nothing(m[i]);
    double share = m[FL_STUDY_step_seconds] / mean;
    return isfinite(share) && share > 0 ? share : 1;
}

/* What depends on rows is scaled by them; what depends on parameters is not. */
static void take_times(const fl_study_run *measured, fl_study_run *r, fl_script *s) {
    static const fl_study_figure by_rows[] = {FL_STUDY_time_data, FL_STUDY_time_static,
                                              FL_STUDY_time_forward, FL_STUDY_time_backward};
    const double *m = measured->value;
    double *v = r->value, typical = share_of_median(m),
           scale = typical * most_rows(v) / most_rows(m);
    for (size_t i = 0; i < FL_COUNT(by_rows); i++)
        v[by_rows[i]] = scale * or_nothing(m[by_rows[i]]);
    v[FL_STUDY_time_update] = typical * or_nothing(m[FL_STUDY_time_update]);
    v[FL_STUDY_time_other] = typical * or_nothing(m[FL_STUDY_time_other]);
    s->ahead_seconds = v[FL_STUDY_time_static];
    s->before_seconds = v[FL_STUDY_time_data] + v[FL_STUDY_time_static] + v[FL_STUDY_time_forward];
    s->backward_seconds = v[FL_STUDY_time_backward];
    s->update_seconds = v[FL_STUDY_time_update] + v[FL_STUDY_time_other];
    for (int i = 0; i < s->n_buckets; i++) s->ready_seconds[i] *= s->backward_seconds;
}

/* ---- one simulation ---- */

static void take_result(const fl_script *s, const fl_simulated *got, fl_study_run *r) {
    double *v = r->value;
    v[FL_STUDY_exit_code] = 0;
    v[FL_STUDY_steps] = s->steps;
    v[FL_STUDY_payload_bytes] = v[FL_STUDY_predicted_payload_bytes];
    v[FL_STUDY_wire_bytes] = got->sent_bytes / s->np;
    v[FL_STUDY_mpi_bytes] = got->sent_bytes;
    v[FL_STUDY_predicted_mpi_bytes] = got->foretold_sent_bytes;
    v[FL_STUDY_step_seconds] = got->step_seconds;
    v[FL_STUDY_samples_per_second] = v[FL_STUDY_batch_size] / got->step_seconds;
    v[FL_STUDY_time_reduce_exposed] = got->exposed_seconds;
    v[FL_STUDY_exposed_share] = got->exposed_seconds / got->step_seconds;
    r->step = fl_alloc(sizeof *r->step);
    r->step[r->n_steps++] = got->step_seconds;
}

static fl_status simulate(const fl_study_conf *c, const fl_script *s, fl_study_run *r) {
    fl_simulated got;
    char *all = fl_path_join(c->dir, "simulated"), *dir = fl_path_join(all, r->key), seconds[32];
    fl_status status = fl_make_dirs(dir);
    if (status == FL_OK) status = fl_simulate(s, &c->network, dir, &got);
    if (status == FL_OK) {
        take_result(s, &got, r);
        printf("%d simulated ranks on %s  %-24s %s a step\n", s->np, c->network.name, r->rule,
               fl_human_seconds(got.step_seconds, seconds));
        fflush(stdout);
    }
    fl_free(all);
    fl_free(dir);
    return status;
}

static char *key_of(const fl_study_conf *c, const fl_script *s, const char *rule) {
    char *text = fl_script_json(s);
    uint64_t h = fl_hash(text, strlen(text), fl_hash(rule, strlen(rule), 0));
    fl_free(text);
    const double speed[] = {c->network.latency, c->network.bytes_per_second};
    return fl_format("%016llx-np%d-simulated", (unsigned long long)fl_hash(speed, sizeof speed, h),
                     s->np);
}

/* ---- all ---- */

typedef struct simulations {
    const fl_study_conf *conf;
    const fl_study_page *page;
    const fl_study_runs *points; /* what was measured: (rules, np) */
    fl_study_runs *known, *runs; /* in the file; of this grid */
    const char *jsonl;
} simulations;

/* Moves what stands in the file to this grid's runs. */
static bool keep(const simulations *x, const char *key) {
    for (int i = 0; i < x->known->n; i++) {
        fl_study_run *r = &x->known->run[i];
        if (strcmp(r->key, key) != 0) continue;
        fl_study_runs_add(x->runs, *r);
        *r = fl_study_run_new("", "");
        return true;
    }
    return false;
}

static fl_status run_new(const simulations *x, const fl_script *s, fl_study_run *r) {
    fl_status status = simulate(x->conf, s, r);
    if (status == FL_OK) status = fl_study_append(x->jsonl, r);
    if (status == FL_OK) {
        fl_study_runs_add(x->runs, *r);
        *r = fl_study_run_new("", "");
    }
    return status;
}

static fl_status take(const simulations *x, const fl_study_run *measured, fl_study_point_conf *p) {
    FL_TRY(take_shares(x->conf, measured, &p->script));
    fl_study_run r = fl_study_run_new("", measured->rule);
    fl_study_predict(p->plan, &r);
    r.value[FL_STUDY_simulated] = 1;
    take_times(measured, &r, &p->script);
    fl_free(r.key);
    r.key = key_of(x->conf, &p->script, r.rule);
    fl_status status = keep(x, r.key) ? FL_OK : run_new(x, &p->script, &r);
    fl_study_run_close(&r);
    return status;
}

static const fl_study_run *nearest(const simulations *x, int rule, int np) {
    const fl_study_run *best = NULL;
    for (int j = 0; j < x->page->n_np; j++) {
        const fl_study_run *r = &x->points->run[rule * x->page->n_np + j];
        bool good = r->value[FL_STUDY_runs] > 0;
        if (good && (!best || r->value[FL_STUDY_np] <= np)) best = r;
    }
    return best;
}

/* What is foretold is for what is run. */
static fl_status open_unforetold(const fl_study_conf *c, const char *rule, int np,
                                 fl_study_point_conf *out) {
    fl_study_conf bare = *c;
    bare.site = NULL;
    return fl_study_point_open(&bare, rule, np, out);
}

static fl_status simulate_rule(const simulations *x, int rule) {
    const fl_study_conf *c = x->conf;
    for (int j = 0; j < c->n_simulated && !fl_process_interrupted(); j++) {
        const fl_study_run *measured = nearest(x, rule, c->simulated[j]);
        fl_study_point_conf p;
        if (!measured) {
            fl_warn("%s: no run of it ended well, so there are no times to simulate with",
                    c->rule[rule]);
            return FL_OK;
        }
        FL_TRY(open_unforetold(c, c->rule[rule], c->simulated[j], &p));
        fl_status status = take(x, measured, &p);
        fl_study_point_close(&p);
        FL_TRY(status);
    }
    return FL_OK;
}

fl_status fl_study_simulate_all(const fl_study_conf *c, fl_study_runs *known, const char *jsonl,
                                fl_study_runs *runs) {
    fl_study_page page = {
        .n_rules = c->n_rules, .n_np = c->n_np, .rule = (const char *const *)c->rule, .np = c->np};
    fl_study_runs points = fl_study_points(&page, runs);
    simulations x = {c, &page, &points, known, runs, jsonl};
    fl_status status = FL_OK;
    if (c->n_simulated && !c->site)
        fl_warn("what layers take is not known, so no simulated gradient is ready before backward "
                "has ended");
    for (int i = 0; i < c->n_rules && c->n_simulated && status == FL_OK; i++)
        status = simulate_rule(&x, i);
    fl_study_runs_close(&points);
    return status == FL_ERR_STOPPED ? FL_OK : status; /* as between two runs: study.c tells */
}

/* ---- before anything runs ---- */

static fl_status check(const fl_study_conf *c, const char *rule, int np) {
    fl_study_point_conf p;
    fl_status status = fl_study_point_open(c, rule, np, &p);
    if (status == FL_OK) {
        fl_study_point_close(&p);
        return FL_OK;
    }
    const char *said = fl_message();
    size_t kind = strncmp(said, "error: ", 7) == 0 ? 7 : 0;
    char *why = fl_strdup(said + kind);
    fl_fail(status, "option '--simulate', %d ranks, %s: %s", np, rule, why);
    fl_free(why);
    return status;
}

fl_status fl_study_check_simulated(const fl_study_conf *c) {
    for (int i = 0; i < c->n_rules; i++)
        for (int j = 0; j < c->n_simulated; j++) FL_TRY(check(c, c->rule[i], c->simulated[j]));
    return FL_OK;
}
