/* Errors: recorded as they are found, shown in the order of their places with the line they mean.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

enum { MAX_DIAGS = 100, MAX_LISTED = 40, SHOWN = 96, BEFORE = 40 };

/* ---- one error as text ---- */

typedef struct window { /* the part of a source line that is shown */
    const char *s;
    size_t len;
    bool cut_left, cut_right;
} window;

static size_t skip(const char *s, size_t len, int characters) {
    size_t i = 0;
    for (uint32_t point; i < len && characters > 0; characters--) {
        int n = fl_utf8_decode(s + i, len - i, &point);
        i += n ? (size_t)n : 1;
    }
    return i;
}

static int count(const char *s, size_t len) {
    int n = 0;
    for (size_t i = 0; i < len; n++) i += skip(s + i, len - i, 1);
    return n;
}

static window line_of(const fl_place *at) {
    const char *s = at->source->text, *end = s + at->source->len;
    for (int line = 1; line < at->line; line++) {
        const char *feed = memchr(s, '\n', (size_t)(end - s));
        if (!feed) return (window){.s = end};
        s = feed + 1;
    }
    const char *feed = memchr(s, '\n', (size_t)(end - s));
    size_t len = (size_t)((feed ? feed : end) - s);
    while (len > 0 && strchr(" \t\r", s[len - 1])) len--;
    return (window){.s = s, .len = len};
}

static window shown_of(const fl_place *at) {
    window w = line_of(at);
    if (at->column > SHOWN - BEFORE / 2) {
        size_t left = skip(w.s, w.len, at->column - BEFORE);
        w.s += left;
        w.len -= left;
        w.cut_left = true;
    }
    size_t right = skip(w.s, w.len, SHOWN);
    w.cut_right = right < w.len;
    w.len = right;
    return w;
}

/* Tabs are repeated, so that the caret stands under its character however wide they are. */
static void add_caret(fl_text *t, const fl_place *at, const window *w) {
    int before = w->cut_left ? BEFORE - 1 : at->column - 1;
    size_t from = skip(w->s, w->len, before);
    if (w->cut_left) fl_text_add(t, " ");
    for (size_t i = 0; i < from; i += skip(w->s + i, from - i, 1))
        fl_text_add(t, "%c", w->s[i] == '\t' ? '\t' : ' ');
    int width = count(w->s + from, w->len - from);
    if (width > at->width) width = at->width;
    fl_text_add(t, "^");
    for (int i = 1; i < width; i++) fl_text_add(t, "~");
}

static void add_source_line(fl_text *t, const fl_place *at) {
    window w = shown_of(at);
    if (w.len == 0) return;
    fl_text_add(t, "\n%5d | %s", at->line, w.cut_left ? "…" : "");
    fl_utf8_clean(t, w.s, w.len);
    fl_text_add(t, "%s\n      | ", w.cut_right ? "…" : "");
    add_caret(t, at, &w);
}

static void add_diag(fl_text *t, const fl_diag *d) {
    size_t first = strcspn(d->text, "\n");
    fl_text_add(t, "%s:", d->at.source->name);
    if (d->at.line > 0) fl_text_add(t, "%d:%d:", d->at.line, d->at.column);
    fl_text_add(t, " error: %.*s", (int)first, d->text);
    if (d->at.line > 0) add_source_line(t, &d->at);
    for (const char *hint = d->text + first; *hint; hint += first) {
        first = strcspn(++hint, "\n");
        if (first > 0) fl_text_add(t, "\n  %.*s", (int)first, hint);
    }
}

/* ---- the record ---- */

static bool same_place(const fl_place *a, const fl_place *b) {
    return a->source == b->source && a->line == b->line && a->column == b->column;
}

static bool known(const fl_config *c, const fl_place *at, const char *text) {
    for (int i = 0; i < c->n_diags; i++)
        if (same_place(&c->diags[i].at, at) && strcmp(c->diags[i].text, text) == 0) return true;
    return false;
}

static void record(fl_config *c, fl_place at, const char *text) {
    fl_diag d = {.at = at, .text = text};
    fl_text shown = {0};
    add_diag(&shown, &d);
    fl_fail_text(FL_ERR_CONFIG, shown.s);
    fl_free(shown.s);
    if (known(c, &at, text)) return;
    if (c->n_diags == MAX_DIAGS) {
        c->unshown++;
        return;
    }
    c->diags = fl_resize(c->diags, (size_t)(c->n_diags + 1) * sizeof d);
    d.text = fl_config_keep(c, text, strlen(text));
    c->diags[c->n_diags++] = d;
}

fl_status fl_diag_addv(fl_config *c, fl_place at, const char *format, va_list args) {
    fl_text t = {0};
    fl_text_addv(&t, format, args);
    record(c, at, t.s);
    fl_free(t.s);
    return FL_ERR_CONFIG;
}

fl_status fl_diag_add(fl_config *c, fl_place at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fl_status status = fl_diag_addv(c, at, format, args);
    va_end(args);
    return status;
}

/* Nowhere comes last: what is missing is noticed at the end of the text. */
static int by_place(const void *a, const void *b) {
    const fl_diag *p = *(fl_diag *const *)a, *q = *(fl_diag *const *)b;
    int line_p = p->at.line ? p->at.line : INT_MAX, line_q = q->at.line ? q->at.line : INT_MAX;
    int order_p = p->at.source->order, order_q = q->at.source->order;
    if (order_p != order_q) return order_p < order_q ? -1 : 1;
    if (line_p != line_q) return line_p < line_q ? -1 : 1;
    if (p->at.column != q->at.column) return p->at.column < q->at.column ? -1 : 1;
    return p < q ? -1 : p > q;
}

fl_status fl_config_check(const fl_config *c) {
    if (c->n_diags == 0) return FL_OK;
    const fl_diag **sorted = fl_alloc((size_t)c->n_diags * sizeof *sorted);
    for (int i = 0; i < c->n_diags; i++) sorted[i] = &c->diags[i];
    qsort(sorted, (size_t)c->n_diags, sizeof *sorted, by_place);
    fl_text t = {0};
    for (int i = 0; i < c->n_diags; i++) {
        if (i > 0) fl_text_add(&t, "\n");
        add_diag(&t, sorted[i]);
    }
    if (c->unshown > 0) fl_text_add(&t, "\nand %d more errors", c->unshown);
    fl_fail_text(FL_ERR_CONFIG, t.s);
    fl_free(sorted);
    fl_free(t.s);
    return FL_ERR_CONFIG;
}

/* ---- names that were meant ---- */

char *fl_diag_list(const char *const *candidates, size_t n) {
    fl_text t = {0};
    fl_text_put(&t, "", 0);
    for (size_t i = 0; i < n && i < MAX_LISTED; i++)
        fl_text_add(&t, "%s%s", i ? ", " : "", candidates[i]);
    if (n > MAX_LISTED) fl_text_add(&t, " and %zu more", n - MAX_LISTED);
    return t.s;
}

char *fl_diag_suggest(const char *name, const char *const *candidates, size_t n) {
    const char *nearest = n ? fl_nearest(name, candidates, n) : NULL;
    if (nearest) return fl_format("did you mean '%s'?", nearest);
    if (n == 0) return fl_strdup("nothing is known here; take it out");
    char *list = fl_diag_list(candidates, n);
    char *text = fl_format("known: %s", list);
    fl_free(list);
    return text;
}

/* ---- errors of nodes ---- */

static fl_status homeless(const char *format, va_list args) {
    fl_text t = {0};
    fl_text_addv(&t, format, args);
    fl_fail(FL_ERR_CONFIG, "%s", t.s);
    fl_free(t.s);
    return FL_ERR_CONFIG;
}

fl_status fl_node_error(const fl_node *n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (n)
        fl_diag_addv(n->config, n->at, format, args);
    else
        homeless(format, args);
    va_end(args);
    return FL_ERR_CONFIG;
}

fl_status fl_node_error_key(const fl_node *map, int i, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (map && i >= 0 && i < map->n)
        fl_diag_addv(map->config, map->kind == FL_NODE_MAP ? map->pair[i].at : map->at, format,
                     args);
    else
        homeless(format, args);
    va_end(args);
    return FL_ERR_CONFIG;
}

fl_status fl_node_unknown(const fl_node *n, const char *what, const char *name,
                          const char *const *candidates, size_t n_candidates) {
    char *hint = fl_diag_suggest(name, candidates, n_candidates), *shown = fl_excerpt(name);
    fl_node_error(n, "unknown %s '%s'\n%s", what, shown, hint);
    fl_free(shown);
    fl_free(hint);
    return FL_ERR_CONFIG;
}
