/* heat.c: a confusion matrix. */
#include <math.h>

#include "frame.h"
#include "text.h"

enum { NAMES_MOST = 40, NAME_COLUMNS = 18 };
static const double picture = 460, cell_most = 56, char_width = 6.6;

typedef struct grid {
    double left, top, cell;
    bool named, counted;
} grid;

static int64_t row_total(const fl_heat *h, int row) {
    int64_t sum = 0;
    for (int c = 0; c < h->n; c++) sum += h->count[(size_t)row * (size_t)h->n + (size_t)c];
    return sum;
}

static double name_width(const fl_heat *h) {
    size_t longest = 0;
    for (int i = 0; i < h->n; i++) longest = (size_t)fmax(longest, fl_text_columns(h->name[i]));
    return char_width * fmin((double)longest, NAME_COLUMNS);
}

static grid grid_of(const fl_heat *h) {
    grid g = {.named = h->n <= NAMES_MOST};
    double names = g.named ? name_width(h) : 0;
    g.cell = fmin(picture / h->n, cell_most);
    g.counted = g.cell >= 24;
    g.left = 30 + names;
    g.top = 34 + names * 0.75; /* the columns' names stand aslant */
    return g;
}

static char *short_name(const char *name) {
    size_t n = fl_text_prefix(name, NAME_COLUMNS);
    if (!name[n]) return fl_strdup(name);
    n = fl_text_prefix(name, NAME_COLUMNS - 1);
    return fl_format("%.*s…", (int)n, name);
}

static void put_names(fl_text *out, const fl_heat *h, const grid *g) {
    for (int i = 0; i < h->n; i++) {
        double at = g->cell * (i + 0.5);
        char *name = short_name(h->name[i]);
        fl_svg_text(out, g->left - 8, g->top + at + 4, "tick end", name);
        fl_text_add(out, "<text class=\"tick\" transform=\"translate(%.1f %.1f) rotate(-45)\">",
                    g->left + at + 4, g->top - 6);
        fl_text_escape(out, name);
        fl_text_add(out, "</text>\n");
        fl_free(name);
    }
}

static void put_cell(fl_text *out, const fl_heat *h, const grid *g, int row, int column) {
    int64_t n = h->count[(size_t)row * (size_t)h->n + (size_t)column];
    if (n <= 0) return;
    char percent[32];
    double share = (double)n / (double)row_total(h, row);
    double x = g->left + g->cell * column, y = g->top + g->cell * row, gap = g->cell > 12 ? 1 : 0;
    fl_text_add(out,
                "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                "fill-opacity=\"%.3f\"><title>",
                row == column ? "f0" : "f1", x + gap, y + gap, g->cell - 2 * gap, g->cell - 2 * gap,
                0.12 + 0.88 * share);
    fl_text_escape(out, h->name[row]);
    fl_text_add(out, " → ");
    fl_text_escape(out, h->name[column]);
    fl_text_add(out, ": %lld (%s)</title></rect>\n", (long long)n, fl_text_percent(share, percent));
    if (!g->counted) return;
    char count[32];
    snprintf(count, sizeof count, "%lld", (long long)n);
    fl_svg_text(out, x + g->cell / 2, y + g->cell / 2 + 4,
                share > 0.5 ? "count middle on" : "count middle", count);
}

static void put_axis_names(fl_text *out, const fl_heat *h, const grid *g) {
    double side = g->cell * h->n;
    if (h->column_label) fl_svg_text(out, g->left + side / 2, 14, "name middle", h->column_label);
    if (!h->row_label) return;
    fl_text_add(out, "<text class=\"name middle\" transform=\"translate(14 %.1f) rotate(-90)\">",
                g->top + side / 2);
    fl_text_escape(out, h->row_label);
    fl_text_add(out, "</text>\n");
}

void fl_svg_heat(fl_text *out, const fl_heat *h) {
    grid g = grid_of(h);
    double side = g.cell * h->n, overhang = g.named ? 0.75 * name_width(h) : 4;
    fl_svg_begin(out, (int)ceil(g.left + side + overhang), (int)ceil(g.top + side + 8), h->title,
                 h->description);
    put_axis_names(out, h, &g);
    if (g.named) put_names(out, h, &g);
    fl_text_add(out, "<rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                g.left, g.top, side, side);
    for (int r = 0; r < h->n; r++)
        for (int c = 0; c < h->n; c++) put_cell(out, h, &g, r, c);
    fl_svg_end(out);
}
