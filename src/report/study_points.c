/* study_points.c: the points of a study from its runs; study.csv and the gnuplot figure. */
#include <math.h>
#include <string.h>

#include "columns.h"
#include "study.h"

const fl_study_run *fl_study_point(const fl_study_page *page, const fl_study_runs *points, int i,
                                   int j) {
    return &points->run[i * page->n_np + j];
}

const char *fl_study_letter(int rule, char *buf) {
    snprintf(buf, 8, rule < 26 ? "%c" : "%c%d", 'A' + rule % 26, rule / 26);
    return buf;
}

void fl_study_row(fl_text *out, int rule, const char *name) {
    char letter[8];
    fl_text_add(out, "<tr><th scope=\"row\">%s ", fl_study_letter(rule, letter));
    fl_text_escape(out, name);
    fl_text_add(out, "</th>");
}

/* ---- from the runs ---- */

static bool is_simulated(const fl_study_run *r) {
    return r->value[FL_STUDY_simulated] == 1;
}

static bool belongs(const fl_study_run *r, const char *rule, int np) {
    return strcmp(r->rule, rule) == 0 && r->value[FL_STUDY_np] == np;
}

static bool is_good(const fl_study_run *r) {
    return r->value[FL_STUDY_exit_code] == 0;
}

static void take_medians(fl_study_run *p, const fl_study_runs *runs, const bool *mine) {
    double *v = fl_alloc((size_t)runs->n * sizeof *v);
    for (int f = 0; f < FL_STUDY_MEASURED; f++) {
        int n = 0;
        for (int i = 0; i < runs->n; i++)
            if (mine[i] && isfinite(runs->run[i].value[f])) v[n++] = runs->run[i].value[f];
        p->value[f] = fl_quantile(n, v, sizeof *v, 0.5);
    }
    fl_free(v);
}

static void take_steps(fl_study_run *p, const fl_study_run *r) {
    p->step = fl_resize(p->step, (size_t)(p->n_steps + r->n_steps + 1) * sizeof *p->step);
    if (r->n_steps) memcpy(p->step + p->n_steps, r->step, (size_t)r->n_steps * sizeof *r->step);
    p->n_steps += r->n_steps;
}

static void take_epochs(fl_study_run *p, const fl_study_run *r) { /* the first run stands for all */
    if (p->n_epochs || !r->n_epochs) return;
    p->epoch = fl_alloc((size_t)r->n_epochs * sizeof *p->epoch);
    memcpy(p->epoch, r->epoch, (size_t)r->n_epochs * sizeof *p->epoch);
    p->n_epochs = r->n_epochs;
}

static fl_study_run point_of(const fl_study_runs *runs, const char *rule, int np, bool simulated) {
    fl_study_run p = fl_study_run_new("", rule);
    bool *mine = fl_alloc((size_t)runs->n * sizeof *mine);
    int good = 0, failed = 0;
    for (int i = 0; i < runs->n; i++) {
        const fl_study_run *r = &runs->run[i];
        bool here = belongs(r, rule, np) && is_simulated(r) == simulated;
        mine[i] = here && is_good(r);
        good += mine[i], failed += here && !mine[i];
        if (mine[i]) take_steps(&p, r), take_epochs(&p, r);
        if (here && r->message && !p.message) p.message = fl_strdup(r->message);
    }
    take_medians(&p, runs, mine);
    if (good) fl_study_quantiles(&p);
    p.value[FL_STUDY_np] = np;
    p.value[FL_STUDY_simulated] = simulated;
    p.value[FL_STUDY_runs] = good;
    p.value[FL_STUDY_failed] = failed;
    fl_free(mine);
    return p;
}

/* ---- what follows from several points ---- */

static void judge_prediction(double *v) {
    v[FL_STUDY_prediction_error] =
        v[FL_STUDY_predicted_step_seconds] / v[FL_STUDY_step_seconds] - 1;
    v[FL_STUDY_cached_prediction_error] =
        v[FL_STUDY_predicted_cached_step_seconds] / v[FL_STUDY_cached_step_seconds] - 1;
}

static void compare(double *v, const double *one) {
    v[FL_STUDY_speedup] = v[FL_STUDY_samples_per_second] / one[FL_STUDY_samples_per_second];
    v[FL_STUDY_efficiency] = v[FL_STUDY_speedup] * one[FL_STUDY_np] / v[FL_STUDY_np];
}

static void compare_ranks(fl_study_run *row, int n_np) {
    int first = 0;
    while (first < n_np && row[first].value[FL_STUDY_runs] == 0) first++;
    for (int j = first; j < n_np; j++) {
        compare(row[j].value, row[first].value);
        judge_prediction(row[j].value);
    }
}

static void compare_rules(fl_study_run *p, const fl_study_run *none) {
    double *v = p->value;
    v[FL_STUDY_payload_ratio] = v[FL_STUDY_payload_bytes] / v[FL_STUDY_unfrozen_payload_bytes];
    if (!none) return;
    v[FL_STUDY_step_ratio] = v[FL_STUDY_step_seconds] / none->value[FL_STUDY_step_seconds];
    v[FL_STUDY_memory_ratio] =
        v[FL_STUDY_node_memory_bytes] / none->value[FL_STUDY_node_memory_bytes];
}

fl_study_runs fl_study_points(const fl_study_page *page, const fl_study_runs *runs) {
    fl_study_runs s = {0};
    int none = -1;
    for (int i = 0; i < page->n_rules; i++) {
        if (page->none && strcmp(page->rule[i], page->none) == 0) none = i;
        for (int j = 0; j < page->n_np; j++)
            fl_study_runs_add(&s, point_of(runs, page->rule[i], page->np[j], false));
    }
    for (int i = 0; i < page->n_rules; i++) {
        compare_ranks(&s.run[i * page->n_np], page->n_np);
        for (int j = 0; j < page->n_np; j++)
            compare_rules(&s.run[i * page->n_np + j],
                          none < 0 ? NULL : fl_study_point(page, &s, none, j));
    }
    return s;
}

fl_study_runs fl_study_simulated(const fl_study_page *page, const fl_study_runs *runs,
                                 const fl_study_runs *points) {
    fl_study_runs s = {0};
    for (int i = 0; i < page->n_rules; i++) {
        int first = 0;
        while (first < page->n_np - 1 &&
               fl_study_point(page, points, i, first)->value[FL_STUDY_runs] == 0)
            first++;
        const double *one = fl_study_point(page, points, i, first)->value;
        for (int j = 0; j < page->n_simulated; j++) {
            fl_study_run p = point_of(runs, page->rule[i], page->simulated[j], true);
            compare(p.value, one);
            compare_rules(&p, NULL);
            fl_study_runs_add(&s, p);
        }
    }
    return s;
}
