/* study_charts.c: the plots of a study. */
#include <math.h>
#include <string.h>

#include "page.h"
#include "study.h"
#include "svg.h"

enum { WIDTH = 520, HEIGHT = 280, WIDE = 1080, NAME_COLUMNS = 15 };

/* The series of one chart and their points. */
typedef struct plot {
    int n;
    fl_series *series;
    double *x, *y;
    char (*name)[4 * NAME_COLUMNS + 8];
    int each; /* points that a series has room for */
} plot;

static plot plot_of(int series, int each) {
    size_t n = (size_t)series * (size_t)each;
    return (plot){.series = fl_alloc((size_t)series * sizeof(fl_series)),
                  .x = fl_alloc(n * sizeof(double)),
                  .y = fl_alloc(n * sizeof(double)),
                  .name = fl_alloc((size_t)series * sizeof(char[4 * NAME_COLUMNS + 8])),
                  .each = each};
}

static void plot_close(plot *p) {
    fl_free(p->series);
    fl_free(p->x);
    fl_free(p->y);
    fl_free(p->name);
}

/* A new series without points; long names are cut, for they stand beside the plot. */
static fl_series *add_series(plot *p, const char *name, int color, unsigned style) {
    fl_series *s = &p->series[p->n];
    bool cut = fl_text_columns(name) > NAME_COLUMNS;
    snprintf(p->name[p->n], sizeof p->name[0], "%.*s%s",
             (int)fl_text_prefix(name, NAME_COLUMNS - cut), name, cut ? "…" : "");
    *s = (fl_series){.name = p->name[p->n],
                     .x = p->x + p->n * p->each,
                     .y = p->y + p->n * p->each,
                     .color = color,
                     .style = style};
    p->n++;
    return s;
}

static void add_point(plot *p, fl_series *s, double x, double y) {
    size_t at = (size_t)((s - p->series) * p->each + s->n++);
    p->x[at] = x, p->y[at] = y;
}

static void put(fl_text *out, plot *p, fl_chart c, const char *note) {
    c.width = WIDTH, c.height = HEIGHT;
    c.n_series = p->n, c.series = p->series;
    fl_page_figure(out, c.title, note);
    fl_svg_lines(out, &c);
    fl_page_figure_end(out);
    plot_close(p);
}

/* ---- over the ranks ---- */

static void add_rules(plot *p, const fl_study_page *page, const fl_study_runs *points,
                      fl_study_figure figure) {
    for (int i = 0; i < page->n_rules; i++) {
        fl_series *s = add_series(p, page->rule[i], i, FL_LINE_DOTS);
        for (int j = 0; j < page->n_np; j++)
            add_point(p, s, page->np[j], fl_study_point(page, points, i, j)->value[figure]);
    }
}

static fl_chart over_ranks(const char *title, const char *description) {
    return (fl_chart){.title = title,
                      .description = description,
                      .x_label = "ranks",
                      .x_integers = true,
                      .from_zero = true};
}

static void put_speedup(fl_text *out, const fl_study_page *page, const fl_study_runs *points) {
    plot p = plot_of(page->n_rules + 1, page->n_np);
    fl_series *ideal = add_series(&p, "ideal", 6, FL_LINE_DASHED);
    for (int j = 0; j < page->n_np; j++)
        add_point(&p, ideal, page->np[j], (double)page->np[j] / page->np[0]);
    add_rules(&p, page, points, FL_STUDY_speedup);
    put(out, &p, over_ranks("Speed-up", "Samples per second over those of the fewest ranks."),
        "samples per second over those of the rule's fewest ranks");
}

static void put_efficiency(fl_text *out, const fl_study_page *page, const fl_study_runs *points) {
    plot p = plot_of(page->n_rules + 1, page->n_np);
    fl_series *ideal = add_series(&p, "ideal", 6, FL_LINE_DASHED);
    for (int j = 0; j < page->n_np; j++) add_point(&p, ideal, page->np[j], 1);
    add_rules(&p, page, points, FL_STUDY_efficiency);
    put(out, &p, over_ranks("Efficiency", "Speed-up as a share of the ideal one."),
        "speed-up as a share of the ideal one");
}

static void put_exposed(fl_text *out, const fl_study_page *page, const fl_study_runs *points) {
    plot p = plot_of(page->n_rules, page->n_np);
    add_rules(&p, page, points, FL_STUDY_exposed_share);
    put(out, &p,
        over_ranks("Exposed communication", "Share of time that ranks wait for sums of gradients."),
        "share of training time in which computing did not hide the sums");
}

/* ---- bytes against frozen share ---- */

static double frozen_share(const fl_study_run *p) {
    return 1 - p->value[FL_STUDY_trainable] / p->value[FL_STUDY_parameters];
}

/* The rules' indices, by the share that they freeze at the most ranks; what failed comes last. */
static void by_share(const fl_study_page *page, const fl_study_runs *points, int *order) {
    for (int i = 0; i < page->n_rules; i++) {
        double share = frozen_share(fl_study_point(page, points, i, page->n_np - 1));
        int k = i;
        for (; k > 0; k--) {
            double other = frozen_share(fl_study_point(page, points, order[k - 1], page->n_np - 1));
            if (!(share < other || isnan(other))) break;
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
}

static void put_bytes(fl_text *out, const fl_study_page *page, const fl_study_runs *points) {
    static const struct {
        const char *name;
        fl_study_figure figure;
        int color;
        unsigned style;
    } lines[] = {
        {"planned payload", FL_STUDY_predicted_payload_bytes, 0, FL_LINE_DASHED},
        {"payload", FL_STUDY_payload_bytes, 0, FL_LINE_DOTS | FL_LINE_FAINT},
        {"planned wire", FL_STUDY_predicted_wire_bytes, 1, FL_LINE_DASHED},
        {"wire", FL_STUDY_wire_bytes, 1, FL_LINE_DOTS | FL_LINE_FAINT},
    };
    char note[160];
    int *order = fl_alloc((size_t)page->n_rules * sizeof *order), last = page->n_np - 1;
    by_share(page, points, order);
    plot p = plot_of((int)FL_COUNT(lines), page->n_rules);
    for (size_t k = 0; k < FL_COUNT(lines); k++) {
        fl_series *s = add_series(&p, lines[k].name, lines[k].color, lines[k].style);
        for (int i = 0; i < page->n_rules; i++) {
            const fl_study_run *r = fl_study_point(page, points, order[i], last);
            add_point(&p, s, 100 * frozen_share(r), r->value[lines[k].figure]);
        }
    }
    fl_free(order);
    snprintf(
        note, sizeof note,
        "per step, %d ranks; payload: gradients summed; wire: a ring's, of a rank; dots: measured",
        page->np[last]);
    fl_chart c = {.title = "Bytes against frozen share",
                  .description = "Bytes of gradient per step over the share of frozen parameters.",
                  .x_label = "frozen parameters, %",
                  .from_zero = true,
                  .x_from_zero = true};
    put(out, &p, c, note);
}

/* ---- accuracy ---- */

static int most_epochs(const fl_study_page *page, const fl_study_runs *points) {
    int most = 0;
    for (int i = 0; i < page->n_rules; i++) {
        int n = fl_study_point(page, points, i, page->n_np - 1)->n_epochs;
        most = n > most ? n : most;
    }
    return most;
}

static void put_accuracy(fl_text *out, const fl_study_page *page, const fl_study_runs *points,
                         bool bytes) {
    plot p = plot_of(page->n_rules, most_epochs(page, points) + 1);
    char note[120];
    for (int i = 0; i < page->n_rules; i++) {
        const fl_study_run *r = fl_study_point(page, points, i, page->n_np - 1);
        fl_series *s = add_series(&p, page->rule[i], i, FL_LINE_DOTS);
        for (int e = 0; e < r->n_epochs; e++)
            add_point(&p, s, bytes ? r->epoch[e].payload_bytes : r->epoch[e].seconds,
                      r->epoch[e].accuracy);
    }
    snprintf(note, sizeof note, "%d ranks, at the end of each epoch; %s", page->np[page->n_np - 1],
             bytes ? "gradients summed so far" : "training time so far");
    fl_chart c = {.title = bytes ? "Accuracy against bytes" : "Accuracy against time",
                  .description = "Accuracy at the end of each epoch.",
                  .x_label = bytes ? "bytes" : "seconds",
                  .log_x = bytes};
    put(out, &p, c, note);
}

/* ---- step time by phase ---- */

static void put_phases(fl_text *out, const fl_study_page *page, const fl_study_runs *points) {
    enum { PARTS = 7 };
    static const char *const part[PARTS] = {"static", "forward", "backward", "reduction",
                                            "update", "data",    "other"};
    static const int color[PARTS] = {0, 2, 5, 1, 4, 3, 6};
    static const fl_study_figure figure[PARTS] = {
        FL_STUDY_time_static,         FL_STUDY_time_forward, FL_STUDY_time_backward,
        FL_STUDY_time_reduce_exposed, FL_STUDY_time_update,  FL_STUDY_time_data,
        FL_STUDY_time_other};
    size_t n = (size_t)points->n;
    double *value = fl_alloc(n * PARTS * sizeof *value);
    const char **name = fl_alloc(n * sizeof *name);
    char(*text)[24] = fl_alloc(n * sizeof *text), letter[8];
    fl_text note = {0};
    fl_text_add(&note, "mean of rank 0; a letter is a freeze rule, the number its ranks:");
    for (int i = 0; i < page->n_rules; i++)
        fl_text_add(&note, "%s %s %s", i ? "," : "", fl_study_letter(i, letter), page->rule[i]);
    for (size_t i = 0; i < n; i++) {
        fl_study_letter((int)i / page->n_np, letter);
        snprintf(text[i], sizeof text[i], "%s%d", letter, page->np[i % (size_t)page->n_np]);
        name[i] = text[i];
        for (int k = 0; k < PARTS; k++)
            value[i * PARTS + (size_t)k] = 1e3 * points->run[i].value[figure[k]];
    }
    fl_bars bars = {.title = "Step time by phase",
                    .description = "Milliseconds of a step, stacked by what they were spent on.",
                    .x_label = "rule and ranks",
                    .y_label = "ms",
                    .width = WIDE,
                    .height = HEIGHT,
                    .n_bars = points->n,
                    .name = name,
                    .n_parts = PARTS,
                    .part = part,
                    .color = color,
                    .value = value};
    fl_page_figure(out, bars.title, note.s);
    fl_svg_bars(out, &bars);
    fl_page_figure_end(out);
    fl_free(value);
    fl_free(name);
    fl_free(text);
    fl_free(note.s);
}

void fl_study_charts(fl_text *out, const fl_study_page *page, const fl_study_runs *points) {
    fl_page_section(out, "Plots");
    put_phases(out, page, points);
    fl_text_add(out, "<p></p>\n<div class=\"charts\">\n");
    put_bytes(out, page, points);
    put_speedup(out, page, points);
    put_efficiency(out, page, points);
    put_exposed(out, page, points);
    put_accuracy(out, page, points, false);
    put_accuracy(out, page, points, true);
    fl_text_add(out, "</div>\n");
    fl_page_section_end(out);
}
