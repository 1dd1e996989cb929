/* study_simulated.c: what a study simulated: its tables, and a plot beside what was measured. */
#include <string.h>

#include "page.h"
#include "study.h"
#include "svg.h"

enum { WIDTH = 1080, HEIGHT = 280, LETTER = 8 };

static const char *factor(double v, char *buf) {
    snprintf(buf, 32, v < 100 ? "%.2f" : "%.0f", v);
    return buf;
}

static const struct {
    const char *head;
    fl_study_figure figure;
    const char *(*text)(double, char *);
} columns[] = {
    {"Ranks", FL_STUDY_np, fl_text_thousands},
    {"Batch", FL_STUDY_batch_size, fl_text_thousands},
    {"Step, simulated", FL_STUDY_step_seconds, fl_human_seconds},
    {"Samples/s", FL_STUDY_samples_per_second, fl_text_thousands},
    {"Speed-up", FL_STUDY_speedup, factor},
    {"Efficiency", FL_STUDY_efficiency, fl_text_percent},
    {"Waiting", FL_STUDY_time_reduce_exposed, fl_human_seconds},
    {"of a step", FL_STUDY_exposed_share, fl_text_percent},
    {"Sent by a rank", FL_STUDY_wire_bytes, fl_text_thousands},
};

static void put_all(fl_text *out, const fl_study_page *page, const fl_study_runs *simulated) {
    const char *head[FL_COUNT(columns) + 1] = {"Freeze"};
    for (size_t k = 0; k < FL_COUNT(columns); k++) head[k + 1] = columns[k].head;
    fl_page_table(out, "Simulated", (int)FL_COUNT(head), head);
    for (int i = 0; i < simulated->n; i++) {
        if (!(simulated->run[i].value[FL_STUDY_runs] > 0)) continue;
        fl_study_row(out, i / page->n_simulated, simulated->run[i].rule);
        for (size_t k = 0; k < FL_COUNT(columns); k++)
            fl_page_cell(out, simulated->run[i].value[columns[k].figure], columns[k].text);
        fl_text_add(out, "</tr>\n");
    }
    fl_page_table_end(out);
}

/* ---- against what was measured ---- */

static const fl_study_run *twin(const fl_study_runs *points, const fl_study_run *r) {
    for (int i = 0; i < points->n; i++) {
        const fl_study_run *p = &points->run[i];
        if (strcmp(p->rule, r->rule) == 0 && p->value[FL_STUDY_np] == r->value[FL_STUDY_np] &&
            p->value[FL_STUDY_runs] > 0 && r->value[FL_STUDY_runs] > 0)
            return p;
    }
    return NULL;
}

static void put_both(fl_text *out, const fl_study_page *page, const fl_study_runs *points,
                     const fl_study_runs *simulated) {
    static const char *const head[] = {"Freeze", "Ranks", "Step, measured", "Step, simulated",
                                       "Difference"};
    int n = 0;
    for (int i = 0; i < simulated->n; i++) {
        const fl_study_run *r = &simulated->run[i], *p = twin(points, r);
        if (!p) continue;
        if (!n++) fl_page_table(out, "Simulated against measured", (int)FL_COUNT(head), head);
        double a = p->value[FL_STUDY_step_seconds], b = r->value[FL_STUDY_step_seconds];
        fl_study_row(out, i / page->n_simulated, r->rule);
        fl_page_cell(out, r->value[FL_STUDY_np], fl_text_thousands);
        fl_page_cell(out, a, fl_human_seconds);
        fl_page_cell(out, b, fl_human_seconds);
        fl_page_cell(out, b / a - 1, fl_text_difference);
        fl_text_add(out, "</tr>\n");
    }
    if (n) fl_page_table_end(out);
}

/* ---- the plot ---- */

static fl_series series_of(const fl_study_runs *points, int rule, int n, double *x, double *y,
                           bool simulated) {
    for (int j = 0; j < n; j++) {
        const double *v = points->run[rule * n + j].value;
        x[j] = v[FL_STUDY_np], y[j] = v[FL_STUDY_step_seconds];
    }
    return (fl_series){.name = "",
                       .n = n,
                       .x = x,
                       .y = y,
                       .color = rule,
                       .style = FL_LINE_DOTS | (simulated ? FL_LINE_DASHED | FL_LINE_HOLLOW : 0)};
}

static void put_plot(fl_text *out, const fl_study_page *page, const fl_study_runs *points,
                     const fl_study_runs *simulated) {
    size_t rules = (size_t)page->n_rules, n = (size_t)page->n_np, m = (size_t)page->n_simulated;
    fl_series *s = fl_alloc(2 * rules * sizeof *s);
    char *letter = fl_alloc(rules * LETTER);
    double *v = fl_alloc(2 * rules * (n + m) * sizeof *v), *at = v;
    for (size_t i = 0; i < rules; i++, at += 2 * (n + m)) {
        s[2 * i] = series_of(points, (int)i, (int)n, at, at + n, false);
        s[2 * i].name = fl_study_letter((int)i, letter + LETTER * i);
        s[2 * i + 1] = series_of(simulated, (int)i, (int)m, at + 2 * n, at + 2 * n + m, true);
    }
    fl_chart c = {.title = "Step time, simulated",
                  .description = "Seconds of a step over the ranks, measured and simulated.",
                  .x_label = "ranks",
                  .log_x = true,
                  .log_y = true,
                  .x_integers = true,
                  .width = WIDTH,
                  .height = HEIGHT,
                  .n_series = (int)(2 * rules),
                  .series = s};
    fl_page_figure(
        out, c.title,
        "seconds; full: measured; dashed and hollow: simulated; the rules' letters as above");
    fl_svg_lines(out, &c);
    fl_page_figure_end(out);
    fl_free(letter);
    fl_free(s);
    fl_free(v);
}

void fl_study_simulated_section(fl_text *out, const fl_study_page *page,
                                const fl_study_runs *points, const fl_study_runs *simulated) {
    char latency[32], speed[32];
    if (!page->n_simulated) return;
    fl_page_section(out, "Simulated");
    fl_text_add(out,
                "<p>Not run: computing takes what it was measured to take, scaled to the rows "
                "of a rank; the sums are this program's own, one rank a node, on the network ");
    fl_text_escape(out, page->network);
    fl_text_add(out, " (%s a message, %s/s each way) as SimGrid models it.</p>\n",
                fl_human_seconds(page->latency_seconds, latency),
                fl_human_bytes(page->bytes_per_second, speed));
    put_plot(out, page, points, simulated);
    put_all(out, page, simulated);
    put_both(out, page, points, simulated);
    fl_page_section_end(out);
}
