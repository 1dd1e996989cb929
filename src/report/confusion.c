/* confusion.c: which classes are taken for which. */
#include "page.h"
#include "svg.h"
#include "text.h"

enum { PICTURE_MOST = 100, PAIRS_MOST = 10 };

typedef struct pair {
    int truth, prediction;
    int64_t count;
} pair;

/* The most frequent mistakes, the most frequent one first. */
static int worst_pairs(const fl_html_page *p, pair worst[PAIRS_MOST]) {
    int n = 0;
    for (int t = 0; t < p->n_classes; t++) {
        for (int c = 0; c < p->n_classes; c++) {
            int64_t count = p->confusion[(size_t)t * (size_t)p->n_classes + (size_t)c];
            if (t == c || count <= 0) continue;
            if (n == PAIRS_MOST && worst[n - 1].count >= count) continue;
            int k = n < PAIRS_MOST ? n++ : n - 1;
            for (; k > 0 && worst[k - 1].count < count; k--) worst[k] = worst[k - 1];
            worst[k] = (pair){t, c, count};
        }
    }
    return n;
}

static int64_t row_total(const fl_html_page *p, int row) {
    int64_t sum = 0;
    for (int c = 0; c < p->n_classes; c++)
        sum += p->confusion[(size_t)row * (size_t)p->n_classes + (size_t)c];
    return sum;
}

static void put_pairs(fl_text *out, const fl_html_page *p, const char *const *name) {
    pair worst[PAIRS_MOST];
    int n = worst_pairs(p, worst);
    fl_text_add(out, "<div class=\"aside\">\n<h3>Most frequent mistakes</h3>\n");
    if (!n) fl_text_add(out, "<p>None: every row was classified right.</p>\n");
    if (n) {
        fl_text_add(out,
                    "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Truth</th>"
                    "<th scope=\"col\" class=\"text\">Taken for</th><th scope=\"col\">Rows</th>"
                    "<th scope=\"col\">Of the class</th></tr></thead>\n<tbody>\n");
        for (int i = 0; i < n; i++) {
            char share[32];
            double all = (double)row_total(p, worst[i].truth);
            fl_text_add(out, "<tr><th scope=\"row\">");
            fl_text_escape(out, name[worst[i].truth]);
            fl_text_add(out, "</th><td class=\"text\">");
            fl_text_escape(out, name[worst[i].prediction]);
            fl_text_add(out, "</td><td>%lld</td><td>%s</td></tr>\n", (long long)worst[i].count,
                        fl_text_percent((double)worst[i].count / all, share));
        }
        fl_text_add(out, "</tbody>\n</table></div>\n");
    }
    fl_text_add(out, "</div>\n");
}

static void put_picture(fl_text *out, const fl_html_page *p, const char *const *name) {
    fl_heat heat = {.title = "Confusion matrix",
                    .description = "Rows are true classes, columns predictions; a darker cell is a "
                                   "larger share of its row.",
                    .row_label = "truth",
                    .column_label = "prediction",
                    .n = p->n_classes,
                    .name = name,
                    .count = p->confusion};
    fl_text_add(out, "<figure>\n");
    fl_svg_heat(out, &heat);
    fl_text_add(out, "</figure>\n");
}

/* Classes without a name are called by their number. */
static char **names_of(const fl_html_page *p) {
    char **name = fl_alloc((size_t)p->n_classes * sizeof *name);
    for (int i = 0; i < p->n_classes; i++)
        name[i] =
            p->class_name && p->class_name[i] ? fl_strdup(p->class_name[i]) : fl_format("%d", i);
    return name;
}

void fl_page_confusion(fl_text *out, const fl_html_page *p) {
    if (!p->confusion || p->n_classes <= 0) return;
    char **name = names_of(p);
    const char *const *names = (const char *const *)name;
    fl_page_section(out, "Confusion matrix");
    fl_text_add(out, "<div class=\"pair\">\n");
    if (p->n_classes <= PICTURE_MOST) put_picture(out, p, names);
    put_pairs(out, p, names);
    fl_text_add(out, "</div>\n");
    fl_page_section_end(out);
    for (int i = 0; i < p->n_classes; i++) fl_free(name[i]);
    fl_free(name);
}
