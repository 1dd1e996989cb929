/* page.h: the parts of report.html. */
#ifndef FROSTLINE_REPORT_PAGE_H
#define FROSTLINE_REPORT_PAGE_H

#include "tally.h"

extern const char *const fl_page_style; /* the page's CSS, without that of the charts */

/* "<h2>…</h2>" and the section around it; every section has a heading. */
void fl_page_section(fl_text *out, const char *heading);
void fl_page_section_end(fl_text *out);

/* To "<body>"; the title is followed by the program's name. */
void fl_page_head(fl_text *out, const char *title);
/* Sections: a text as it is (NULL or "": none), and names with values (0: none). */
void fl_page_text(fl_text *out, const char *heading, const char *text);
void fl_page_facts(fl_text *out, int n, const char *const (*fact)[2]);
/* Around a chart, with its title and a note (or NULL); around a table's rows. */
void fl_page_figure(fl_text *out, const char *title, const char *note);
void fl_page_figure_end(fl_text *out);
void fl_page_table(fl_text *out, const char *label, int n, const char *const *head);
void fl_page_table_end(fl_text *out);
/* A cell with a number as `text` writes it (into ≥ 40 bytes), or with a dash if it is not finite.
 */
void fl_page_cell(fl_text *out, double v, const char *(*text)(double, char *));

void fl_page_figures(fl_text *out, const fl_history *h); /* the headline numbers */
void fl_page_charts(fl_text *out, const fl_history *h);  /* loss, accuracy, learning rate, time */
/* Planned against measured bytes. */
void fl_page_ledger(fl_text *out, const fl_history *h, const fl_tallies *t);
void fl_page_epochs(fl_text *out, const fl_history *h);
void fl_page_confusion(fl_text *out, const fl_html_page *page);

#endif
