/* frostline study --simulate: the same freeze rules on ranks that are not there. What computing
 * takes is measured: by the study's own runs of the rule, with the most ranks that are not more
 * than those simulated, and scaled to the rows that a rank then has. */
#include <math.h>
#include <string.h>

#include "cli/launch.h"
#include "cli/study.h"
#include "frostline/log.h"

fl_status fl_study_simulations(const char *ranks, const char *network, fl_study_conf *c) {
    if (network && !ranks)
        return fl_fail(FL_ERR_CONFIG, "option '--network' is for what is simulated; say on how "
                                      "many ranks, for example --simulate 16,64");
    if (!ranks) return FL_OK;
    FL_TRY(fl_study_ranks("simulate", ranks, &c->n_simulated, &c->simulated));
    if (network && strcmp(network, "measured") == 0) network = NULL; /* between the hosts */
    c->network_said = network != NULL;
    FL_TRY(fl_network_open(network ? network : "1gbit", true, &c->network));
    return fl_simulate_ready();
}

/* ---- what a rank does ---- */

/* Of backward's work what is done once the layer is passed. */
static double share_behind(const fl_plan *p, int layer) {
    double done = 0, all = 0;
    for (int i = 0; i < p->model->n_layers; i++) {
        double work = p->layer[i].flops_dx + p->layer[i].flops_dw;
        all += work;
        done += i >= layer ? work : 0;
    }
    return all > 0 ? done / all : 1;
}

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
    for (int i = 0; i < p->n_buckets; i++) {
        out->bucket[i] = p->bucket[i].span;
        out->ready_seconds[i] = share_behind(p, p->bucket[i].ready);
    }
}

static double or_nothing(double seconds) {
    return isfinite(seconds) && seconds > 0 ? seconds : 0;
}

static double most_rows(const double *v) { /* that a rank has */
    return ceil(v[FL_STUDY_batch_size] / v[FL_STUDY_np]);
}

/* What depends on rows is scaled by them; what depends on parameters is not. */
static void take_times(const fl_study_run *measured, fl_study_run *r, fl_script *s) {
    static const fl_study_figure by_rows[] = {FL_STUDY_time_data, FL_STUDY_time_static,
                                              FL_STUDY_time_forward, FL_STUDY_time_backward};
    const double *m = measured->value;
    double *v = r->value, scale = most_rows(v) / most_rows(m);
    for (size_t i = 0; i < FL_COUNT(by_rows); i++)
        v[by_rows[i]] = scale * or_nothing(m[by_rows[i]]);
    v[FL_STUDY_time_update] = or_nothing(m[FL_STUDY_time_update]);
    v[FL_STUDY_time_other] = or_nothing(m[FL_STUDY_time_other]);
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

static fl_status take(const fl_study_conf *c, const fl_study_run *measured, fl_study_point_conf *p,
                      fl_study_runs *known, const char *jsonl, fl_study_runs *runs) {
    fl_study_run r = fl_study_run_new("", measured->rule);
    fl_study_predict(p->plan, &r);
    r.value[FL_STUDY_simulated] = 1;
    take_times(measured, &r, &p->script);
    fl_free(r.key);
    r.key = key_of(c, &p->script, r.rule);
    for (int i = 0; i < known->n; i++)
        if (strcmp(known->run[i].key, r.key) == 0) {
            fl_study_run_close(&r);
            fl_study_runs_add(runs, known->run[i]);
            known->run[i] = fl_study_run_new("", "");
            return FL_OK;
        }
    fl_status status = simulate(c, &p->script, &r);
    if (status == FL_OK) status = fl_study_append(jsonl, &r);
    if (status == FL_OK)
        fl_study_runs_add(runs, r);
    else
        fl_study_run_close(&r);
    return status;
}

/* ---- all ---- */

static const fl_study_run *nearest(const fl_study_page *page, const fl_study_runs *points, int rule,
                                   int np) {
    const fl_study_run *best = NULL;
    for (int j = 0; j < page->n_np; j++) {
        const fl_study_run *r = &points->run[rule * page->n_np + j];
        bool good = r->value[FL_STUDY_runs] > 0;
        if (good && (!best || r->value[FL_STUDY_np] <= np)) best = r;
    }
    return best;
}

static fl_status simulate_rule(const fl_study_conf *c, const fl_study_page *page,
                               const fl_study_runs *points, int rule, fl_study_runs *known,
                               const char *jsonl, fl_study_runs *runs) {
    for (int j = 0; j < c->n_simulated && !fl_launch_interrupted(); j++) {
        const fl_study_run *measured = nearest(page, points, rule, c->simulated[j]);
        fl_study_point_conf p;
        if (!measured) {
            fl_warn("%s: no run of it ended well, so there are no times to simulate with",
                    c->rule[rule]);
            return FL_OK;
        }
        FL_TRY(fl_study_point_open(c, c->rule[rule], c->simulated[j], &p));
        fl_status status = take(c, measured, &p, known, jsonl, runs);
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
    fl_study_conf bare = *c; /* no site: what is foretold is for what is run */
    bare.site = NULL;
    fl_status status = FL_OK;
    for (int i = 0; i < c->n_rules && c->n_simulated && status == FL_OK; i++)
        status = simulate_rule(&bare, &page, &points, i, known, jsonl, runs);
    fl_study_runs_close(&points);
    return status;
}
