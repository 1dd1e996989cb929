/* study_page.c: report.html of a study: its head, its tables, what it ran on. */
#include <math.h>

#include "page.h"
#include "study.h"

static const char *plain(double v, char *buf) {
    snprintf(buf, 32, "%.4g", v);
    return buf;
}

static const char *rate(double v, char *buf) {
    return v < 100 ? plain(v, buf) : fl_text_thousands(v, buf);
}

static const char *three_digits(double v, char *buf) {
    snprintf(buf, 32, "%.3f", v);
    return buf;
}

static const char *two_digits(double v, char *buf) {
    snprintf(buf, 32, "%.2f", v);
    return buf;
}

typedef struct column {
    const char *head;
    fl_study_figure figure;
    const char *(*text)(double, char *);
} column;

static const column speed[] = {
    {"Ranks", FL_STUDY_np, fl_text_thousands},
    {"Runs", FL_STUDY_runs, fl_text_thousands},
    {"Median step", FL_STUDY_step_seconds, fl_human_seconds},
    {"p10", FL_STUDY_step_seconds_p10, fl_human_seconds},
    {"p90", FL_STUDY_step_seconds_p90, fl_human_seconds},
    {"Predicted", FL_STUDY_predicted_step_seconds, fl_human_seconds},
    {"off by", FL_STUDY_prediction_error, fl_text_difference},
    {"Samples/s", FL_STUDY_samples_per_second, rate},
};
static const column scaling[] = {
    {"Ranks", FL_STUDY_np, fl_text_thousands},
    {"Speed-up", FL_STUDY_speedup, two_digits},
    {"Efficiency", FL_STUDY_efficiency, fl_text_percent},
    {"Exposed", FL_STUDY_exposed_share, fl_text_percent},
    {"Of unfrozen", FL_STUDY_step_ratio, fl_text_percent},
    {"Accuracy", FL_STUDY_accuracy, three_digits},
};
static const column kept[] = {
    {"Ranks", FL_STUDY_np, fl_text_thousands},
    {"Median step", FL_STUDY_cached_step_seconds, fl_human_seconds},
    {"Predicted", FL_STUDY_predicted_cached_step_seconds, fl_human_seconds},
    {"off by", FL_STUDY_cached_prediction_error, fl_text_difference},
};
static const column bytes[] = {
    {"Ranks", FL_STUDY_np, fl_text_thousands},
    {"Batch", FL_STUDY_batch_size, fl_text_thousands},
    {"Learning", FL_STUDY_trainable, fl_text_thousands},
    {"Payload, planned", FL_STUDY_predicted_payload_bytes, fl_text_thousands},
    {"measured", FL_STUDY_payload_bytes, fl_text_thousands},
    {"of unfrozen", FL_STUDY_payload_ratio, fl_text_percent},
    {"Wire, planned", FL_STUDY_predicted_wire_bytes, fl_text_thousands},
    {"measured", FL_STUDY_wire_bytes, fl_text_thousands},
    {"Through MPI, planned", FL_STUDY_predicted_mpi_bytes, fl_text_thousands},
    {"measured", FL_STUDY_mpi_bytes, fl_text_thousands},
};
static const column memory[] = {
    {"Ranks", FL_STUDY_np, fl_text_thousands},
    {"Node, planned", FL_STUDY_predicted_node_memory_bytes, fl_human_bytes},
    {"measured", FL_STUDY_node_memory_bytes, fl_human_bytes},
    {"of unfrozen", FL_STUDY_memory_ratio, fl_text_percent},
    {"Rank 0", FL_STUDY_memory_bytes, fl_human_bytes},
};

static bool is_empty(const fl_study_runs *points, fl_study_figure f) {
    for (int i = 0; i < points->n; i++)
        if (isfinite(points->run[i].value[f])) return false;
    return true;
}

static void put_row(fl_text *out, const fl_study_page *page, const fl_study_runs *points, int i,
                    int n, const column *columns) {
    const fl_study_run *r = &points->run[i];
    fl_study_row(out, i / page->n_np, r->rule);
    for (int k = 0; k < n; k++)
        if (!is_empty(points, columns[k].figure))
            fl_page_cell(out, r->value[columns[k].figure], columns[k].text);
    fl_text_add(out, "</tr>\n");
}

/* A column without a single number is left out. */
static void put_table(fl_text *out, const fl_study_page *page, const fl_study_runs *points,
                      const char *heading, int n, const column *columns) {
    const char *head[16] = {"Freeze"};
    int m = 1;
    for (int k = 0; k < n; k++)
        if (!is_empty(points, columns[k].figure)) head[m++] = columns[k].head;
    fl_page_section(out, heading);
    fl_page_table(out, heading, m, head);
    for (int i = 0; i < points->n; i++) put_row(out, page, points, i, n, columns);
    fl_page_table_end(out);
    fl_page_section_end(out);
}

static void put_failures(fl_text *out, const fl_study_runs *points) {
    bool any = false;
    for (int i = 0; i < points->n; i++) {
        const fl_study_run *r = &points->run[i];
        if (!(r->value[FL_STUDY_failed] > 0)) continue;
        if (!any) fl_page_section(out, "Failed");
        any = true;
        fl_text_add(out, "<p class=\"bad\">%.0f ranks, ", r->value[FL_STUDY_np]);
        fl_text_escape(out, r->rule);
        fl_text_add(out, ": ");
        fl_text_escape(out, r->message ? r->message : "no message");
        fl_text_add(out, "</p>\n");
    }
    if (any) fl_page_section_end(out);
}

static void put_header(fl_text *out, const fl_study_page *page) {
    fl_text_add(out, "<header>\n<p class=\"kicker\">Frostline scaling study</p>\n<h1>");
    fl_text_escape(out, page->title);
    fl_text_add(out, "</h1>\n<p class=\"meta\">%d freeze rule%s × %d rank count%s · <code>",
                page->n_rules, page->n_rules > 1 ? "s" : "", page->n_np, page->n_np > 1 ? "s" : "");
    fl_text_escape(out, page->command ? page->command : "");
    fl_text_add(out, "</code></p>\n");
    if (page->warning) {
        fl_text_add(out, "<p class=\"bad\"><strong>Warning:</strong> ");
        fl_text_escape(out, page->warning);
        fl_text_add(out, "</p>\n");
    }
    fl_text_add(out, "</header>\n");
}

/* How far the cost model was off, in size: of all points, steps on kept features among them. */
static void put_prediction(fl_text *out, const fl_study_runs *points) {
    static const fl_study_figure errors[] = {FL_STUDY_prediction_error,
                                             FL_STUDY_cached_prediction_error};
    double *v = fl_alloc((size_t)points->n * FL_COUNT(errors) * sizeof *v);
    char middle[32], worst[32];
    int n = 0;
    for (int i = 0; i < points->n; i++)
        for (size_t k = 0; k < FL_COUNT(errors); k++)
            if (isfinite(points->run[i].value[errors[k]]))
                v[n++] = fabs(points->run[i].value[errors[k]]);
    if (n)
        fl_text_add(out,
                    "<p>The steps that were foretold, from layers and network measured apart, are "
                    "off by %s at the median and by %s at worst.</p>\n",
                    fl_text_percent(fl_quantile(n, v, sizeof *v, 0.5), middle),
                    fl_text_percent(fl_quantile(n, v, sizeof *v, 1), worst));
    fl_free(v);
}

void fl_study_tables(fl_text *out, const fl_study_page *page, const fl_study_runs *points) {
    put_table(out, page, points, "Speed", (int)FL_COUNT(speed), speed);
    put_table(out, page, points, "Scaling", (int)FL_COUNT(scaling), scaling);
    if (!is_empty(points, FL_STUDY_cached_step_seconds))
        put_table(out, page, points, "Speed once all features are kept", (int)FL_COUNT(kept), kept);
    put_prediction(out, points);
    put_table(out, page, points, "Bytes", (int)FL_COUNT(bytes), bytes);
    put_table(out, page, points, "Memory", (int)FL_COUNT(memory), memory);
    fl_text_add(
        out, "<p class=\"quiet\">Bytes are those of a step. Payload: gradients summed over "
             "the ranks; wire: what one of n ranks sends in a ring, 2 (n − 1)/n payloads; through "
             "MPI: what all ranks hand to it, counted: gradients only if they share no memory; "
             "node: memory of all its ranks, shared pages once. Unfrozen: the same ranks "
             "with nothing frozen.</p>\n");
}

void fl_study_html(fl_text *out, const fl_study_page *page, const fl_study_runs *points,
                   const fl_study_runs *simulated) {
    fl_page_head(out, page->title);
    put_header(out, page);
    fl_text_add(out, "<main>\n");
    put_failures(out, points);
    fl_study_charts(out, page, points);
    fl_study_tables(out, page, points);
    fl_study_simulated_section(out, page, points, simulated);
    fl_page_facts(out, page->n_facts, page->fact);
    fl_page_text(out, "Resolved config", page->config_text);
    fl_text_add(out, "</main>\n<footer>Made from ");
    fl_text_escape(out, page->source);
    fl_text_add(out, ". This file needs no network and runs no scripts.</footer>\n</body>\n"
                     "</html>\n");
}
