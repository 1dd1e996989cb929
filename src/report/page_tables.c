/* page_tables.c: the frame of tables, and the table of epochs, in report.html. */
#include <math.h>

#include "page.h"
#include "text.h"

void fl_page_section(fl_text *out, const char *heading) {
    fl_text_add(out, "<section>\n<h2>");
    fl_text_escape(out, heading);
    fl_text_add(out, "</h2>\n");
}

void fl_page_section_end(fl_text *out) {
    fl_text_add(out, "</section>\n");
}

void fl_page_table(fl_text *out, const char *label, int n, const char *const *head) {
    fl_text_add(out,
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n"
                "<table>\n<thead><tr>",
                label);
    for (int i = 0; i < n; i++) fl_text_add(out, "<th scope=\"col\">%s</th>", head[i]);
    fl_text_add(out, "</tr></thead>\n<tbody>\n");
}

void fl_page_table_end(fl_text *out) {
    fl_text_add(out, "</tbody>\n</table>\n</div>\n");
}

void fl_page_cell(fl_text *out, double v, const char *(*text)(double, char *)) {
    char buf[40] = "–";
    if (isfinite(v)) text(v, buf);
    fl_text_add(out, "<td>%s</td>", buf);
}

static void number(fl_text *out, const char *format, double v) {
    char text[64] = "–";
    if (isfinite(v)) snprintf(text, sizeof text, format, v);
    fl_text_add(out, "<td>%s</td>", text);
}

/* ---- the epochs ---- */

static const struct metric {
    const char *head, *format;
    size_t offset;
} metrics[] = {
    {"Loss", "%.4f", offsetof(fl_epoch_record, loss)},
    {"Accuracy", "%.4f", offsetof(fl_epoch_record, accuracy)},
    {"Val. loss", "%.4f", offsetof(fl_epoch_record, val_loss)},
    {"Val. accuracy", "%.4f", offsetof(fl_epoch_record, val_accuracy)},
    {"Val. top 5", "%.4f", offsetof(fl_epoch_record, val_top5)},
    {"Learning rate", "%.2e", offsetof(fl_epoch_record, learning_rate)},
};
enum { METRICS = FL_COUNT(metrics) };

static double metric_of(const fl_epoch_record *e, int i) {
    return *(const double *)((const char *)e + metrics[i].offset);
}

/* A column without a single number is left out. */
static bool has_metric(const fl_history *h, int i) {
    for (int k = 0; k < h->n_epochs; k++)
        if (isfinite(metric_of(&h->epoch[k], i))) return true;
    return false;
}

static void begin_epochs(fl_text *out, const fl_history *h) {
    static const char *const last[] = {"Time", "Samples/s", "Reduced", "Memory"};
    const char *head[2 + METRICS + FL_COUNT(last)] = {"Epoch", "Step"};
    int n = 2;
    for (int i = 0; i < METRICS; i++)
        if (has_metric(h, i)) head[n++] = metrics[i].head;
    for (size_t i = 0; i < FL_COUNT(last); i++) head[n++] = last[i];
    fl_page_table(out, "Epochs", n, head);
}

static void put_epoch(fl_text *out, const fl_history *h, int k, bool best) {
    const fl_epoch_record *e = &h->epoch[k];
    fl_text_add(out, "<tr%s><th scope=\"row\">%lld%s</th>", best ? " class=\"best\"" : "",
                (long long)e->epoch, best ? " ★" : "");
    fl_page_cell(out, (double)e->step, fl_text_thousands);
    for (int i = 0; i < METRICS; i++)
        if (has_metric(h, i)) number(out, metrics[i].format, metric_of(e, i));
    fl_page_cell(out, e->seconds, fl_human_seconds);
    number(out, "%.1f", e->samples_per_second);
    fl_page_cell(out, (double)e->payload_bytes, fl_human_bytes);
    fl_page_cell(out, (double)e->memory_bytes, fl_human_bytes);
    fl_text_add(out, "</tr>\n");
}

void fl_page_epochs(fl_text *out, const fl_history *h) {
    if (!h->n_epochs) return;
    fl_page_section(out, "Epochs");
    begin_epochs(out, h);
    int best = fl_history_best(h);
    for (int i = 0; i < h->n_epochs; i++) put_epoch(out, h, i, i == best);
    fl_page_table_end(out);
    fl_text_add(out, "<p class=\"quiet\">★ the best epoch</p>\n");
    fl_page_section_end(out);
}
