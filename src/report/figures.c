/* figures.c: the charts of a run. */
#include <math.h>
#include <string.h>

#include "page.h"
#include "svg.h"
#include "text.h"

enum { WIDTH = 540, HEIGHT = 270, POINTS_MOST = 400, SERIES_MOST = 4, PARTS = 7 };

/* Columns of the history, as charts want them. */
typedef struct curves {
    int n; /* epochs */
    double *x, *loss, *val_loss, *accuracy, *val_accuracy, *val_top5;
    int n_steps, stride; /* points from the steps, each the mean of `stride` of them */
    double *step_x, *step_loss, *rate;
    int n_marks;
    fl_mark *mark;
    double *owned;
} curves;

/* Steps of an epoch, to place steps on the axis of epochs; 0 if no epoch was finished. */
static double steps_per_epoch(const fl_history *h) {
    if (!h->n_epochs) return 0;
    const fl_epoch_record *last = &h->epoch[h->n_epochs - 1];
    return last->epoch > 0 ? (double)last->step / (double)last->epoch : 0;
}

/* Thousands of steps are told by the means of as many as keep the line readable. */
static void thin_steps(const fl_history *h, curves *c) {
    double per_epoch = steps_per_epoch(h);
    c->stride = (h->n_steps + POINTS_MOST - 1) / POINTS_MOST;
    for (int from = 0; from < h->n_steps; from += c->stride) {
        int to = from + c->stride < h->n_steps ? from + c->stride : h->n_steps;
        double loss = 0, at = (double)h->step[to - 1].step;
        for (int i = from; i < to; i++) loss += h->step[i].loss / (to - from);
        c->step_x[c->n_steps] = per_epoch > 0 ? at / per_epoch : at;
        c->rate[c->n_steps] = h->step[to - 1].learning_rate;
        c->step_loss[c->n_steps++] = loss;
    }
}

static void take_epochs(const fl_history *h, curves *c) {
    c->n = h->n_epochs;
    for (int i = 0; i < c->n; i++) {
        const fl_epoch_record *e = &h->epoch[i];
        c->x[i] = (double)e->epoch;
        c->loss[i] = e->loss;
        c->val_loss[i] = e->val_loss;
        c->accuracy[i] = e->accuracy;
        c->val_accuracy[i] = e->val_accuracy;
        c->val_top5[i] = e->val_top5;
    }
}

/* Where the schedule thawed something: between the epoch before and this one. */
static void take_marks(const fl_history *h, curves *c) {
    for (int i = 1; i < h->n_epochs; i++)
        if (h->epoch[i].phase != h->epoch[i - 1].phase)
            c->mark[c->n_marks++] = (fl_mark){(double)h->epoch[i - 1].epoch, "thaw"};
}

static curves curves_of(const fl_history *h) {
    curves c = {0};
    size_t n = (size_t)h->n_epochs, m = POINTS_MOST;
    c.owned = fl_alloc((6 * n + 3 * m) * sizeof *c.owned);
    double **of_epochs[] = {&c.x, &c.loss, &c.val_loss, &c.accuracy, &c.val_accuracy, &c.val_top5};
    double *at = c.owned;
    for (size_t i = 0; i < FL_COUNT(of_epochs); i++, at += n) *of_epochs[i] = at;
    c.step_x = at;
    c.step_loss = at + m;
    c.rate = at + 2 * m;
    c.mark = fl_alloc((n + 1) * sizeof *c.mark);
    take_epochs(h, &c);
    take_marks(h, &c);
    if (h->n_steps) thin_steps(h, &c);
    return c;
}

static void curves_free(curves *c) {
    fl_free(c->owned);
    fl_free(c->mark);
}

static bool any_finite(int n, const double *v) {
    for (int i = 0; i < n; i++)
        if (isfinite(v[i])) return true;
    return false;
}

void fl_page_figure(fl_text *out, const char *caption, const char *note) {
    fl_text_add(out, "<figure>\n<figcaption>");
    fl_text_escape(out, caption);
    if (note) {
        fl_text_add(out, "<small>");
        fl_text_escape(out, note);
        fl_text_add(out, "</small>");
    }
    fl_text_add(out, "</figcaption>\n");
}

void fl_page_figure_end(fl_text *out) {
    fl_text_add(out, "</figure>\n");
}

static void add_series(fl_chart *c, fl_series *series, fl_series s) {
    if (any_finite(s.n, s.y)) series[c->n_series++] = s;
}

static fl_chart chart_of(const curves *c, const char *title, const char *description,
                         fl_series *series) {
    return (fl_chart){.title = title,
                      .description = description,
                      .x_label = c->n ? "epoch" : "step",
                      .width = WIDTH,
                      .height = HEIGHT,
                      .x_integers = true,
                      .x_from_zero = true,
                      .series = series,
                      .n_marks = c->n_marks,
                      .mark = c->mark};
}

static void put_chart(fl_text *out, const fl_chart *chart, const char *note) {
    if (!chart->n_series) return;
    fl_page_figure(out, chart->title, note);
    fl_svg_lines(out, chart);
    fl_page_figure_end(out);
}

static void put_loss(fl_text *out, const curves *c) {
    fl_series series[SERIES_MOST];
    fl_chart chart = chart_of(c, "Loss", "Training and validation loss over the epochs.", series);
    char note[96] = "mean over an epoch";
    add_series(&chart, series,
               (fl_series){"step", c->n_steps, c->step_x, c->step_loss, 6, FL_LINE_FAINT});
    add_series(&chart, series, (fl_series){"training", c->n, c->x, c->loss, 0, FL_LINE_DOTS});
    add_series(
        &chart, series,
        (fl_series){"validation", c->n, c->x, c->val_loss, 1, FL_LINE_DOTS | FL_LINE_DASHED});
    if (c->stride > 1)
        snprintf(note, sizeof note, "mean over an epoch; steps as means of %d logged ones",
                 c->stride);
    put_chart(out, &chart, note);
}

static void put_accuracy(fl_text *out, const curves *c) {
    fl_series series[SERIES_MOST];
    fl_chart chart =
        chart_of(c, "Accuracy", "Training and validation accuracy over the epochs.", series);
    add_series(&chart, series, (fl_series){"training", c->n, c->x, c->accuracy, 0, FL_LINE_DOTS});
    add_series(
        &chart, series,
        (fl_series){"validation", c->n, c->x, c->val_accuracy, 1, FL_LINE_DOTS | FL_LINE_DASHED});
    add_series(
        &chart, series,
        (fl_series){"validation top 5", c->n, c->x, c->val_top5, 3, FL_LINE_DOTS | FL_LINE_DASHED});
    put_chart(out, &chart, "share of rows whose class is right");
}

static void put_rate(fl_text *out, const curves *c) {
    fl_series series[SERIES_MOST];
    fl_chart chart = chart_of(c, "Learning rate", "Learning rate over the logged steps.", series);
    chart.from_zero = true;
    add_series(&chart, series, (fl_series){"learning rate", c->n_steps, c->step_x, c->rate, 2, 0});
    put_chart(out, &chart, "at the logged steps");
}

static void put_time(fl_text *out, const fl_history *h) {
    static const char *const part[PARTS] = {"static", "forward", "backward", "reduction",
                                            "update", "data",    "other"};
    static const int color[PARTS] = {0, 2, 5, 1, 4, 3, 6};
    size_t n = (size_t)h->n_epochs;
    double *value = fl_alloc(n * PARTS * sizeof *value);
    const char **name = fl_alloc(n * sizeof *name);
    char(*text)[24] = fl_alloc(n * sizeof *text);
    for (size_t i = 0; i < n; i++) {
        const fl_times *t = &h->epoch[i].time;
        const double times[PARTS] = {t->fixed,  t->forward, t->backward, t->reduce_exposed,
                                     t->update, t->data,    t->other};
        memcpy(value + i * PARTS, times, sizeof times);
        snprintf(text[i], sizeof text[i], "%lld", (long long)h->epoch[i].epoch);
        name[i] = text[i];
    }
    fl_bars bars = {"Time per epoch",
                    "Seconds of each epoch, stacked by what they were spent on.",
                    "epoch",
                    "seconds",
                    WIDTH,
                    HEIGHT,
                    h->n_epochs,
                    name,
                    PARTS,
                    part,
                    color,
                    value};
    fl_page_figure(out, bars.title, "rank 0; reduction: only the part that computing did not hide");
    fl_svg_bars(out, &bars);
    fl_page_figure_end(out);
    fl_free(value);
    fl_free(name);
    fl_free(text);
}

void fl_page_charts(fl_text *out, const fl_history *h) {
    if (!h->n_steps && !h->n_epochs) return;
    curves c = curves_of(h);
    fl_page_section(out, "Training");
    fl_text_add(out, "<div class=\"charts\">\n");
    put_loss(out, &c);
    put_accuracy(out, &c);
    put_rate(out, &c);
    if (h->n_epochs) put_time(out, h);
    fl_text_add(out, "</div>\n");
    fl_page_section_end(out);
    curves_free(&c);
}
