/* table.c: text tables in box drawing characters. */
#include "table.h"

#include <string.h>

#include "text.h"

enum { SHRINKS_TO = 8 };

typedef struct layout {
    bool boxed;
    size_t width[FL_TABLE_COLUMNS];
} layout;

fl_table fl_table_open(int n_columns, const fl_table_column *columns) {
    FL_CHECK(n_columns <= FL_TABLE_COLUMNS, "a table of %d columns", n_columns);
    return (fl_table){.n_columns = n_columns, .column = columns};
}

void fl_table_close(fl_table *t) {
    for (int i = 0; i < t->n_rows * t->n_columns; i++) fl_free(t->cell[i]);
    fl_free(t->cell);
}

static char **row_of(const fl_table *t, int row) {
    return t->cell + (size_t)row * (size_t)t->n_columns;
}

static char **add_row(fl_table *t) {
    size_t cells = (size_t)(t->n_rows + 1) * (size_t)t->n_columns;
    t->cell = fl_resize(t->cell, cells * sizeof *t->cell);
    char **row = row_of(t, t->n_rows++);
    memset(row, 0, (size_t)t->n_columns * sizeof *row);
    return row;
}

void fl_table_row(fl_table *t) {
    char **row = add_row(t);
    for (int c = 0; c < t->n_columns; c++) row[c] = fl_strdup("");
}

void fl_table_rule(fl_table *t) {
    add_row(t);
}

void fl_table_cell(fl_table *t, int column, const char *format, ...) {
    char **cell = row_of(t, t->n_rows - 1) + column;
    fl_text text = {0};
    va_list args;
    va_start(args, format);
    fl_text_addv(&text, format, args);
    va_end(args);
    fl_free(*cell);
    *cell = text.s;
}

/* ---- layout ---- */

static size_t natural_width(const fl_table *t, int column) {
    size_t most = fl_text_columns(t->column[column].head);
    for (int r = 0; r < t->n_rows; r++) {
        const char *cell = row_of(t, r)[column];
        size_t n = cell ? fl_text_columns(cell) : 0;
        if (n > most) most = n;
    }
    return most;
}

static size_t total_width(const fl_table *t, const layout *l) {
    size_t n = (size_t)t->n_columns;
    size_t total = l->boxed ? 3 * n + 1 : 2 * (n - 1);
    for (int c = 0; c < t->n_columns; c++) total += l->width[c];
    return total;
}

/* The widest of those that may be cut; -1 if none can be cut further. */
static int widest(const fl_table *t, const layout *l) {
    int best = -1;
    for (int c = 0; c < t->n_columns; c++) {
        bool can = t->column[c].shrinks && l->width[c] > SHRINKS_TO;
        if (can && (best < 0 || l->width[c] > l->width[best])) best = c;
    }
    return best;
}

static layout fit(const fl_table *t, int width) {
    layout l = {.boxed = true};
    for (int c = 0; c < t->n_columns; c++) l.width[c] = natural_width(t, c);
    if (width <= 0 || total_width(t, &l) <= (size_t)width) return l;
    l.boxed = false;
    while (total_width(t, &l) > (size_t)width) {
        int c = widest(t, &l);
        if (c < 0) break;
        l.width[c]--;
    }
    return l;
}

/* ---- printing ---- */

static void put_times(fl_text *out, const char *s, size_t n) {
    while (n--) fl_text_add(out, "%s", s);
}

static void put_cell(fl_text *out, const char *s, size_t width, bool right) {
    size_t columns = fl_text_columns(s);
    size_t pad = columns < width ? width - columns : 0;
    if (right) put_times(out, " ", pad);
    if (columns > width) {
        fl_text_put(out, s, fl_text_prefix(s, width - 1));
        fl_text_add(out, "…");
    } else {
        fl_text_add(out, "%s", s);
    }
    if (!right) put_times(out, " ", pad);
}

static void trim(fl_text *out) {
    while (out->len && out->s[out->len - 1] == ' ') out->s[--out->len] = '\0';
}

static void put_row(const fl_table *t, const layout *l, const char *const *cell, const char *edge,
                    fl_text *out) {
    for (int c = 0; c < t->n_columns; c++) {
        if (l->boxed) fl_text_add(out, "%s%s ", c ? " " : "", edge);
        if (!l->boxed && c) fl_text_add(out, "  ");
        put_cell(out, cell[c], l->width[c], t->column[c].right);
    }
    if (l->boxed) fl_text_add(out, " %s", edge);
    trim(out);
    fl_text_add(out, "\n");
}

/* mark: left end, line, crossing, right end */
static void put_line(const fl_table *t, const layout *l, const char *const mark[4], fl_text *out) {
    for (int c = 0; c < t->n_columns; c++) {
        fl_text_add(out, "%s", c ? mark[2] : mark[0]);
        put_times(out, mark[1], l->width[c] + 2);
    }
    fl_text_add(out, "%s\n", mark[3]);
}

static void put_head(const fl_table *t, const layout *l, fl_text *out) {
    static const char *const top[] = {"┏", "━", "┳", "┓"}, *const under[] = {"┡", "━", "╇", "┩"};
    const char *head[FL_TABLE_COLUMNS];
    for (int c = 0; c < t->n_columns; c++) head[c] = t->column[c].head;
    if (l->boxed) put_line(t, l, top, out);
    put_row(t, l, head, "┃", out);
    if (l->boxed) {
        put_line(t, l, under, out);
    } else {
        put_times(out, "─", total_width(t, l));
        fl_text_add(out, "\n");
    }
}

void fl_table_print(const fl_table *t, int width, fl_text *out) {
    static const char *const rule[] = {"├", "─", "┼", "┤"}, *const end[] = {"└", "─", "┴", "┘"};
    layout l = fit(t, width);
    put_head(t, &l, out);
    for (int r = 0; r < t->n_rows; r++) {
        char **row = row_of(t, r);
        if (row[0]) {
            put_row(t, &l, (const char *const *)row, "│", out);
        } else if (l.boxed) {
            put_line(t, &l, rule, out);
        }
    }
    if (l.boxed) put_line(t, &l, end, out);
}
