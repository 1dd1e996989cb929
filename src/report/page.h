/* page.h: the parts of report.html. */
#ifndef FROSTLINE_REPORT_PAGE_H
#define FROSTLINE_REPORT_PAGE_H

#include "history.h"

extern const char *const fl_page_style; /* the page's CSS, without that of the charts */

/* "<h2>…</h2>" and the section around it; every section has a heading. */
void fl_page_section(fl_text *out, const char *heading);
void fl_page_section_end(fl_text *out);

void fl_page_figures(fl_text *out, const fl_history *h); /* the headline numbers */
void fl_page_charts(fl_text *out, const fl_history *h);  /* loss, accuracy, learning rate, time */
void fl_page_ledger(fl_text *out, const fl_history *h);  /* planned against measured bytes */
void fl_page_epochs(fl_text *out, const fl_history *h);
void fl_page_confusion(fl_text *out, const fl_html_page *page);

#endif
