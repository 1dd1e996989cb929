/* frame.h: what line charts and bar charts share: the SVG element, the axes, the grid. */
#ifndef FROSTLINE_REPORT_FRAME_H
#define FROSTLINE_REPORT_FRAME_H

#include "svg.h"

typedef struct fl_frame {
    double left, top, width, height; /* of the plot inside the picture */
    fl_scale x, y;
} fl_frame;

void fl_svg_begin(fl_text *out, int width, int height, const char *title, const char *description);
void fl_svg_end(fl_text *out);
void fl_svg_text(fl_text *out, double x, double y, const char *class_name, const char *text);

/* The plot's place in a picture of that size (0: 720 by 280), with room on the right for names and,
 * if the y axis has a name, above for it. */
fl_frame fl_frame_in(int *width, int *height, bool y_named);
double fl_frame_x(const fl_frame *f, double v); /* in the picture */
double fl_frame_y(const fl_frame *f, double v);
void fl_frame_grid_y(fl_text *out, const fl_frame *f,
                     const char *label); /* lines, labels, axis name */
void fl_frame_tick_x(fl_text *out, const fl_frame *f, double x, const char *label);
void fl_frame_base(fl_text *out, const fl_frame *f, const char *x_label);
void fl_frame_empty(fl_text *out, const fl_frame *f); /* "no data" */

/* Heights of n labels, moved apart to at least `gap`, kept between lo and hi, in their order. */
void fl_spread(int n, double *y, double gap, double lo, double hi);

#endif
