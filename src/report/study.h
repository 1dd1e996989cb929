/* study.h: the parts of a study's report.html. */
#ifndef FROSTLINE_REPORT_STUDY_H
#define FROSTLINE_REPORT_STUDY_H

#include "frostline/report.h"
#include "frostline/study.h"
#include "text.h"

/* The point of rule i and the j-th rank count; points as fl_study_points made them. */
const fl_study_run *fl_study_point(const fl_study_page *page, const fl_study_runs *points, int i,
                                   int j);

/* Step times and samples per second from r->step and the batch size. */
void fl_study_quantiles(fl_study_run *r);

void fl_study_html(fl_text *out, const fl_study_page *page, const fl_study_runs *points,
                   const fl_study_runs *simulated);
void fl_study_simulated_section(fl_text *out, const fl_study_page *page,
                                const fl_study_runs *points, const fl_study_runs *simulated);
void fl_study_charts(fl_text *out, const fl_study_page *page, const fl_study_runs *points);
void fl_study_tables(fl_text *out, const fl_study_page *page, const fl_study_runs *points);
/* "A", "B", …: what a rule is called under a bar, into buf (≥ 8 bytes), which is returned. */
const char *fl_study_letter(int rule, char *buf);
/* Begins a table's row with its letter and name. */
void fl_study_row(fl_text *out, int rule, const char *name);

#endif
