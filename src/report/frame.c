/* frame.c: the SVG element, axes and grid. */
#include "frame.h"

#include <math.h>

#include "text.h"

void fl_svg_begin(fl_text *out, int width, int height, const char *title, const char *description) {
    fl_text_add(out,
                "<svg class=\"chart\" width=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n<title>",
                width, width, height);
    fl_text_escape(out, title ? title : "Chart");
    fl_text_add(out, "</title>\n<desc>");
    fl_text_escape(out, description ? description : "");
    fl_text_add(out, "</desc>\n");
}

void fl_svg_end(fl_text *out) {
    fl_text_add(out, "</svg>\n");
}

void fl_svg_text(fl_text *out, double x, double y, const char *class_name, const char *text) {
    fl_text_add(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class_name);
    fl_text_escape(out, text);
    fl_text_add(out, "</text>\n");
}

fl_frame fl_frame_in(int *width, int *height, bool y_named) {
    if (*width <= 0) *width = 720;
    if (*height <= 0) *height = 280;
    double left = 52, right = 118, top = y_named ? 30 : 12, bottom = 42;
    return (fl_frame){.left = left,
                      .top = top,
                      .width = fmax(*width - left - right, 40),
                      .height = fmax(*height - top - bottom, 40)};
}

double fl_frame_x(const fl_frame *f, double v) {
    return f->left + f->width * fl_scale_at(&f->x, v);
}

double fl_frame_y(const fl_frame *f, double v) {
    return f->top + f->height * (1 - fl_scale_at(&f->y, v));
}

void fl_frame_grid_y(fl_text *out, const fl_frame *f, const char *label) {
    char text[32];
    for (int i = 0; i < f->y.n; i++) {
        double y = fl_frame_y(f, f->y.tick[i]);
        fl_text_add(out, "<path class=\"grid\" d=\"M%.1f %.1fh%.1f\"/>\n", f->left, y, f->width);
        fl_svg_text(out, f->left - 8, y + 4, "tick end", fl_scale_label(&f->y, f->y.tick[i], text));
    }
    if (label) fl_svg_text(out, 4, 14, "name", label);
}

void fl_frame_tick_x(fl_text *out, const fl_frame *f, double x, const char *label) {
    fl_text_add(out, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>\n", x, f->top + f->height);
    fl_svg_text(out, x, f->top + f->height + 18, "tick middle", label);
}

void fl_frame_base(fl_text *out, const fl_frame *f, const char *x_label) {
    fl_text_add(out, "<path class=\"axis\" d=\"M%.1f %.1fh%.1f\"/>\n", f->left, f->top + f->height,
                f->width);
    if (x_label)
        fl_svg_text(out, f->left + f->width / 2, f->top + f->height + 36, "name middle", x_label);
}

void fl_frame_empty(fl_text *out, const fl_frame *f) {
    fl_frame_base(out, f, NULL);
    fl_svg_text(out, f->left + f->width / 2, f->top + f->height / 2, "name middle", "no data");
}

/* Sorted by height: each is pushed below the one before it, then all are pulled up from the bottom.
 */
static void push_apart(int n, double **at, double gap, double lo, double hi) {
    for (int i = 0; i < n; i++) *at[i] = fmax(*at[i], i ? *at[i - 1] + gap : lo);
    for (int i = n - 1; i >= 0; i--) *at[i] = fmin(*at[i], i + 1 < n ? *at[i + 1] - gap : hi);
}

void fl_spread(int n, double *y, double gap, double lo, double hi) {
    double **at = fl_alloc((size_t)n * sizeof *at);
    for (int i = 0; i < n; i++) {
        int k = i;
        for (; k > 0 && *at[k - 1] > y[i]; k--) at[k] = at[k - 1];
        at[k] = &y[i];
    }
    push_apart(n, at, gap, lo, hi);
    fl_free(at);
}
