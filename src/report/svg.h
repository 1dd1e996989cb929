/* svg.h: charts as inline SVG, for one file without scripts and without a network. Colours are CSS
 * variables, so that a page's light, dark and paper styles reach into them (fl_svg_style). Every
 * chart names itself to those who cannot see it. Data that is not finite is left out; a chart with
 * none says so. */
#ifndef FROSTLINE_REPORT_SVG_H
#define FROSTLINE_REPORT_SVG_H

#include "frostline/base.h"

/* ---- scales ---- */

enum { FL_SCALE_TICKS = 24 };

typedef struct fl_scale {
    double lo, hi;
    bool log;
    int n;
    double tick[FL_SCALE_TICKS];
    double step; /* between ticks; linear only */
} fl_scale;

/* Ticks at multiples of 1, 2 or 5 times a power of ten, at most `most` + 2 of them. `widen`: the
 * range grows to the ticks around it; otherwise it stays and the ticks lie inside. least_step: no
 * finer ticks (1 for whole numbers), or 0. A range that is empty or not finite becomes a sensible
 * one. */
fl_scale fl_scale_linear(double lo, double hi, int most, double least_step, bool widen);
/* Powers of ten, and 2 and 5 times them where there are few; the range grows to the ticks. lo must
 * be positive. */
fl_scale fl_scale_log(double lo, double hi);
/* Powers of two, from 1 on. */
fl_scale fl_scale_doubling(double lo, double hi);
double fl_scale_at(const fl_scale *s, double v); /* 0 at lo, 1 at hi */
/* A tick's label, "0.25", "20 k", "1e-05", into buf (≥ 32 bytes), which is returned. */
const char *fl_scale_label(const fl_scale *s, double v, char *buf);

/* ---- charts ---- */

enum { FL_SVG_COLORS = 8 };
enum { FL_LINE_FAINT = 1, FL_LINE_DASHED = 2, FL_LINE_DOTS = 4, FL_LINE_HOLLOW = 8 };

typedef struct fl_series {
    const char *name; /* written at the line's end */
    int n;
    const double *x, *y;
    int color;      /* 0 … FL_SVG_COLORS - 1 */
    unsigned style; /* FL_LINE_… */
} fl_series;

typedef struct fl_mark { /* a vertical line */
    double x;
    const char *label;
} fl_mark;

typedef struct fl_chart {
    const char *title, *description;
    const char *x_label, *y_label;
    int width, height;           /* 0: 720 by 280 */
    bool log_x, log_y;           /* values that are not positive are left out */
    bool x_integers;             /* ticks at whole numbers; with log_x at powers of two */
    bool x_from_zero, from_zero; /* the x axis, the y axis begins at 0 */
    int n_series;
    const fl_series *series;
    int n_marks;
    const fl_mark *mark;
} fl_chart;
void fl_svg_lines(fl_text *out, const fl_chart *c);

typedef struct fl_bars { /* stacked bars */
    const char *title, *description;
    const char *x_label, *y_label;
    int width, height; /* 0: 720 by 280 */
    int n_bars;
    const char *const *name; /* of each bar */
    int n_parts;
    const char *const *part; /* name of each part, from the bottom */
    const int *color;        /* of each part */
    const double *value;     /* (bars, parts) */
} fl_bars;
void fl_svg_bars(fl_text *out, const fl_bars *b);

typedef struct fl_heat { /* a confusion matrix: shades are shares of a row */
    const char *title, *description;
    const char *row_label, *column_label;
    int n;
    const char *const *name;
    const int64_t *count; /* (n, n) */
} fl_heat;
void fl_svg_heat(fl_text *out, const fl_heat *h);

/* The CSS that charts want in their page. */
const char *fl_svg_style(void);

#endif
