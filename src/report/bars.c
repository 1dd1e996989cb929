/* bars.c: stacked bars. */
#include <math.h>
#include <string.h>

#include "frame.h"
#include "text.h"

enum { Y_TICKS = 5, NAMES_MOST = 20 };
static const double widest_bar = 48;

static double value_of(const fl_bars *b, int bar, int part) {
    double v = b->value[(size_t)bar * (size_t)b->n_parts + (size_t)part];
    return isfinite(v) && v > 0 ? v : 0;
}

static double height_of(const fl_bars *b, int bar, int parts) {
    double sum = 0;
    for (int p = 0; p < parts; p++) sum += value_of(b, bar, p);
    return sum;
}

static double total_of(const fl_bars *b, int part) {
    double sum = 0;
    for (int i = 0; i < b->n_bars; i++) sum += value_of(b, i, part);
    return sum;
}

static double highest(const fl_bars *b) {
    double most = 0;
    for (int i = 0; i < b->n_bars; i++) most = fmax(most, height_of(b, i, b->n_parts));
    return most;
}

static double slot(const fl_frame *f, const fl_bars *b) {
    return f->width / b->n_bars;
}

static double middle(const fl_frame *f, const fl_bars *b, int bar) {
    return f->left + slot(f, b) * (bar + 0.5);
}

/* All pieces of one part are one path: with hundreds of bars the file stays small. */
static void put_part(fl_text *out, const fl_frame *f, const fl_bars *b, int part) {
    double width = fmin(slot(f, b) * (b->n_bars > 100 ? 1 : 0.78), widest_bar);
    fl_text_add(out, "<path class=\"f%d\" d=\"", b->color[part] % FL_SVG_COLORS);
    for (int i = 0; i < b->n_bars; i++) {
        if (value_of(b, i, part) <= 0) continue;
        double low = fl_frame_y(f, height_of(b, i, part));
        double high = fl_frame_y(f, height_of(b, i, part + 1));
        fl_text_add(out, "M%.2f %.2fh%.2fV%.2fh-%.2fz", middle(f, b, i) - width / 2, low, width,
                    high, width);
    }
    fl_text_add(out, "\"/>\n");
}

/* Every first, second, fifth, tenth … bar is named, so that names do not run into each other. */
static void put_bar_names(fl_text *out, const fl_frame *f, const fl_bars *b) {
    fl_scale s = fl_scale_linear(0, b->n_bars, NAMES_MOST, 1, false);
    size_t longest = 1;
    for (int i = 0; i < b->n_bars; i++)
        longest = (size_t)fmax(longest, fl_text_columns(b->name[i]));
    int stride = (int)s.step;
    while (stride * slot(f, b) < 7.0 * (double)longest && stride < b->n_bars) stride *= 2;
    for (int i = 0; i < b->n_bars; i++)
        if ((i + 1) % stride == 0) fl_frame_tick_x(out, f, middle(f, b, i), b->name[i]);
}

/* From the top as they are stacked, each with its share of the whole. */
static void put_legend(fl_text *out, const fl_frame *f, const fl_bars *b) {
    double x = f->left + f->width + 12, y = f->top + 4, all = 0;
    for (int p = 0; p < b->n_parts; p++) all += total_of(b, p);
    for (int p = b->n_parts - 1; p >= 0; p--) {
        double total = total_of(b, p);
        if (total <= 0) continue;
        fl_text_add(out,
                    "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" "
                    "rx=\"2\"/>\n",
                    b->color[p] % FL_SVG_COLORS, x, y - 5);
        fl_text_add(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"tick\">", x + 16, y + 4);
        fl_text_escape(out, b->part[p]);
        fl_text_add(out, " <tspan class=\"note\">%.0f %%</tspan></text>\n", 100 * total / all);
        y += 18;
    }
}

void fl_svg_bars(fl_text *out, const fl_bars *b) {
    int width = b->width, height = b->height;
    fl_frame f = fl_frame_in(&width, &height, b->y_label);
    fl_svg_begin(out, width, height, b->title, b->description);
    double most = highest(b);
    if (most > 0) {
        f.y = fl_scale_linear(0, most, Y_TICKS, 0, true);
        fl_frame_grid_y(out, &f, b->y_label);
        for (int p = 0; p < b->n_parts; p++) put_part(out, &f, b, p);
        put_bar_names(out, &f, b);
        fl_frame_base(out, &f, b->x_label);
        put_legend(out, &f, b);
    } else {
        fl_frame_empty(out, &f);
    }
    fl_svg_end(out);
}
