/* html.c: report.html, one file that needs nothing else. */
#include <string.h>

#include "page.h"
#include "svg.h"
#include "text.h"

static const char *status_class(const char *status) {
    static const char *const quiet[] = {"running", "stopped", "resumable"};
    if (strcmp(status, "finished") == 0) return "good";
    for (size_t i = 0; i < FL_COUNT(quiet); i++)
        if (strcmp(status, quiet[i]) == 0) return "quiet";
    return "bad";
}

void fl_page_head(fl_text *out, const char *title) {
    fl_text_add(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    fl_text_escape(out, title);
    fl_text_add(out, " · Frostline</title>\n<style>\n%s%s</style>\n</head>\n<body>\n",
                fl_svg_style(), fl_page_style);
}

static void put_header(fl_text *out, const fl_html_page *page, const char *title) {
    const char *status = page->status ? page->status : "unknown";
    fl_text_add(out, "<header>\n<p class=\"kicker\">Frostline run</p>\n<h1>");
    fl_text_escape(out, title);
    fl_text_add(out, "</h1>\n<p class=\"meta\"><span class=\"pill %s\">", status_class(status));
    fl_text_escape(out, status);
    fl_text_add(out, "</span>%d rank%s", page->np, page->np == 1 ? "" : "s");
    if (page->command) {
        fl_text_add(out, " · <code>");
        fl_text_escape(out, page->command);
        fl_text_add(out, "</code>");
    }
    fl_text_add(out, "</p>\n</header>\n");
}

void fl_page_text(fl_text *out, const char *heading, const char *text) {
    if (!text || !*text) return;
    fl_page_section(out, heading);
    fl_text_add(out,
                "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">"
                "<pre><code>",
                heading);
    fl_text_escape(out, text);
    fl_text_add(out, "</code></pre></div>\n");
    fl_page_section_end(out);
}

void fl_page_facts(fl_text *out, int n, const char *const (*fact)[2]) {
    if (n <= 0) return;
    fl_page_section(out, "Hardware and versions");
    fl_text_add(out, "<dl class=\"facts\">\n");
    for (int i = 0; i < n; i++) {
        fl_text_add(out, "<dt>");
        fl_text_escape(out, fact[i][0]);
        fl_text_add(out, "</dt><dd>");
        fl_text_escape(out, fact[i][1] ? fact[i][1] : "–");
        fl_text_add(out, "</dd>\n");
    }
    fl_text_add(out, "</dl>\n");
    fl_page_section_end(out);
}

static void put_page(fl_text *out, const fl_html_page *page, const fl_history *h,
                     const fl_tallies *tallies) {
    const char *title = page->title ? page->title : "run";
    fl_page_head(out, title);
    put_header(out, page, title);
    fl_text_add(out, "<main>\n");
    fl_page_section(out, "Result");
    fl_page_figures(out, h);
    fl_page_section_end(out);
    fl_page_charts(out, h);
    fl_page_ledger(out, h, tallies);
    fl_page_epochs(out, h);
    fl_page_confusion(out, page);
    fl_page_text(out, "Model", page->summary_text);
    fl_page_facts(out, page->n_facts, page->fact);
    fl_page_text(out, "Resolved config", page->config_text);
    fl_text_add(out, "</main>\n<footer>Made from metrics.jsonl and comm.csv in the folder of this "
                     "run. This file "
                     "needs no network and runs no scripts.</footer>\n</body>\n</html>\n");
}

static fl_status write_page(const char *path, const fl_html_page *page, const fl_history *h,
                            const fl_tallies *tallies) {
    fl_text out = {0};
    put_page(&out, page, h, tallies);
    fl_status status = fl_file_replace(path, out.s, out.len);
    fl_free(out.s);
    return status;
}

fl_status fl_report_html(const char *dir, const fl_html_page *page) {
    fl_history h = {0};
    fl_tallies tallies = {0};
    char *metrics = fl_path_join(dir, "metrics.jsonl"), *path = fl_path_join(dir, "report.html"),
         *comm = fl_path_join(dir, "comm.csv");
    fl_status status = fl_history_read(metrics, &h);
    if (status == FL_OK) status = fl_tallies_read(comm, &h, &tallies);
    if (status == FL_OK) status = write_page(path, page, &h, &tallies);
    fl_history_free(&h);
    fl_tallies_free(&tallies);
    fl_free(metrics);
    fl_free(path);
    fl_free(comm);
    return status;
}
