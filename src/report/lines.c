/* lines.c: line charts. */
#include <math.h>

#include "frame.h"
#include "text.h"

enum { Y_TICKS = 5, X_TICKS = 9, DOTS_MOST = 60 };

static bool drawable(const fl_chart *c, const fl_series *s, int i) {
    if (!isfinite(s->x[i]) || !isfinite(s->y[i])) return false;
    return (!c->log_x || s->x[i] > 0) && (!c->log_y || s->y[i] > 0);
}

typedef struct extent {
    double x_lo, x_hi, y_lo, y_hi;
    bool any;
} extent;

static extent extent_of(const fl_chart *c) {
    extent e = {INFINITY, -INFINITY, INFINITY, -INFINITY, false};
    for (int k = 0; k < c->n_series; k++) {
        const fl_series *s = &c->series[k];
        for (int i = 0; i < s->n; i++) {
            if (!drawable(c, s, i)) continue;
            e.x_lo = fmin(e.x_lo, s->x[i]);
            e.x_hi = fmax(e.x_hi, s->x[i]);
            e.y_lo = fmin(e.y_lo, s->y[i]);
            e.y_hi = fmax(e.y_hi, s->y[i]);
            e.any = true;
        }
    }
    if (c->x_from_zero && e.any) e.x_lo = fmin(e.x_lo, 0);
    if (c->from_zero && e.any) e.y_lo = fmin(e.y_lo, 0), e.y_hi = fmax(e.y_hi, 0);
    return e;
}

static fl_scale scale_x(const fl_chart *c, extent e) {
    if (c->log_x) return (c->x_integers ? fl_scale_doubling : fl_scale_log)(e.x_lo, e.x_hi);
    return fl_scale_linear(e.x_lo, e.x_hi, X_TICKS, c->x_integers ? 1 : 0, false);
}

static void set_scales(fl_frame *f, const fl_chart *c, extent e) {
    f->x = scale_x(c, e);
    f->y =
        c->log_y ? fl_scale_log(e.y_lo, e.y_hi) : fl_scale_linear(e.y_lo, e.y_hi, Y_TICKS, 0, true);
}

static void put_axes(fl_text *out, const fl_frame *f, const fl_chart *c) {
    char label[32];
    fl_frame_grid_y(out, f, c->y_label);
    for (int i = 0; i < f->x.n; i++)
        fl_frame_tick_x(out, f, fl_frame_x(f, f->x.tick[i]),
                        fl_scale_label(&f->x, f->x.tick[i], label));
    fl_frame_base(out, f, c->x_label);
}

static void put_marks(fl_text *out, const fl_frame *f, const fl_chart *c) {
    for (int i = 0; i < c->n_marks; i++) {
        double at = fl_scale_at(&f->x, c->mark[i].x);
        if (!(at >= 0 && at <= 1)) continue;
        double x = f->left + f->width * at;
        fl_text_add(out, "<path class=\"mark\" d=\"M%.1f %.1fv%.1f\"/>\n", x, f->top, f->height);
        fl_svg_text(out, x + 4, f->top + 10, "note", c->mark[i].label);
    }
}

/* A gap in the data is a gap in the line. */
static void put_path(fl_text *out, const fl_frame *f, const fl_chart *c, const fl_series *s) {
    bool pen = false;
    fl_text_add(out, "<path class=\"line s%d%s%s\" d=\"", s->color % FL_SVG_COLORS,
                s->style & FL_LINE_FAINT ? " faint" : "",
                s->style & FL_LINE_DASHED ? " dashed" : "");
    for (int i = 0; i < s->n; i++) {
        bool draw = drawable(c, s, i);
        if (draw)
            fl_text_add(out, "%c%.1f %.1f", pen ? 'L' : 'M', fl_frame_x(f, s->x[i]),
                        fl_frame_y(f, s->y[i]));
        pen = draw;
    }
    fl_text_add(out, "\"/>\n");
}

static void put_dots(fl_text *out, const fl_frame *f, const fl_chart *c, const fl_series *s) {
    for (int i = 0; i < s->n; i++) {
        if (!drawable(c, s, i)) continue;
        fl_text_add(out, "<circle class=\"%s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>",
                    s->style & FL_LINE_HOLLOW ? "hollow s" : "f", s->color % FL_SVG_COLORS,
                    fl_frame_x(f, s->x[i]), fl_frame_y(f, s->y[i]));
        fl_text_escape(out, s->name);
        fl_text_add(out, ", ");
        fl_text_escape(out, c->x_label ? c->x_label : "x");
        fl_text_add(out, " %.6g: %.6g</title></circle>\n", s->x[i], s->y[i]);
    }
}

static int last_drawable(const fl_chart *c, const fl_series *s) {
    int i = s->n - 1;
    while (i >= 0 && !drawable(c, s, i)) i--;
    return i;
}

/* A line without two points next to each other shows nothing unless it has dots. */
static bool wants_dots(const fl_series *s) {
    return s->n <= DOTS_MOST && (s->n == 1 || (s->style & FL_LINE_DOTS));
}

static void put_series(fl_text *out, const fl_frame *f, const fl_chart *c) {
    for (int k = 0; k < c->n_series; k++) {
        put_path(out, f, c, &c->series[k]);
        if (wants_dots(&c->series[k])) put_dots(out, f, c, &c->series[k]);
    }
}

/* Names at the ends of the lines; what has no end has no name. */
static void put_names(fl_text *out, const fl_frame *f, const fl_chart *c) {
    int n = 0, *which = fl_alloc((size_t)c->n_series * sizeof *which);
    double *y = fl_alloc((size_t)c->n_series * sizeof *y);
    for (int k = 0; k < c->n_series; k++) {
        int last = last_drawable(c, &c->series[k]);
        if (last < 0) continue;
        which[n] = k;
        y[n++] = fl_frame_y(f, c->series[k].y[last]);
    }
    fl_spread(n, y, 15, f->top, f->top + f->height);
    for (int i = 0; i < n; i++) {
        char class_name[32];
        const fl_series *s = &c->series[which[i]];
        snprintf(class_name, sizeof class_name, "label t%d", s->color % FL_SVG_COLORS);
        fl_svg_text(out, f->left + f->width + 8, y[i] + 4, class_name, s->name);
    }
    fl_free(which);
    fl_free(y);
}

void fl_svg_lines(fl_text *out, const fl_chart *c) {
    int width = c->width, height = c->height;
    fl_frame f = fl_frame_in(&width, &height, c->y_label);
    fl_svg_begin(out, width, height, c->title, c->description);
    extent e = extent_of(c);
    if (e.any) {
        set_scales(&f, c, e);
        put_axes(out, &f, c);
        put_marks(out, &f, c);
        put_series(out, &f, c);
        put_names(out, &f, c);
    } else {
        fl_frame_empty(out, &f);
    }
    fl_svg_end(out);
}
