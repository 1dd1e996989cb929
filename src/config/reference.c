/* A table of options as commented YAML: every option with its default, and what it is for. */
#include <string.h>

#include "config/tree.h"

enum { LINE_COLUMNS = 100, COMMENT_COLUMN = 44, LEAST_TEXT = 32 };

static char *setting(const fl_field *f) {
    if (!f->fallback) return fl_format("# %s:", f->name);
    return fl_format("%s: %s", f->name, f->fallback);
}

/* Where the comments start: past the longest setting that is not overly long itself. */
static int comment_column(const fl_field *fields, int indent) {
    int column = 0;
    for (const fl_field *f = fields; f->name; f++) {
        char *s = setting(f);
        int end = indent + (int)strlen(s) + 3;
        if (end > column && end <= COMMENT_COLUMN) column = end;
        fl_free(s);
    }
    return column ? column : COMMENT_COLUMN;
}

static char *comment(const fl_field *f) {
    char *expected = fl_field_expects(f);
    const char *help = f->help ? f->help : "", *gap = f->help ? " " : "";
    char *text =
        f->type == FL_TREE && f->fallback
            ? fl_strdup(help)
            : fl_format("%s%s(%s%s)", help, gap, f->fallback ? "" : "required: ", expected);
    fl_free(expected);
    return text;
}

/* Bytes of the words that fit; at least one word. */
static size_t fitting(const char *text, int columns) {
    size_t fits = strcspn(text, " ");
    for (size_t end = fits; text[end]; fits = end) {
        end += 1 + strcspn(text + end + 1, " ");
        if (end > (size_t)columns) break;
    }
    return fits;
}

static void add_comment(fl_text *t, const char *text, int at, int column) {
    int columns = LINE_COLUMNS - column - 2;
    if (columns < LEAST_TEXT) columns = LEAST_TEXT;
    while (*text) {
        size_t n = fitting(text, columns);
        fl_text_add(t, "%*s# %.*s\n", column > at ? column - at : 1, "", (int)n, text);
        text += n;
        text += strspn(text, " ");
        at = 0;
    }
}

char *fl_fields_reference(const fl_field *fields, int indent) {
    fl_text t = {0};
    int column = comment_column(fields, indent);
    fl_text_put(&t, "", 0);
    for (const fl_field *f = fields; f->name; f++) {
        char *s = setting(f), *help = comment(f);
        fl_text_add(&t, "%*s%s", indent, "", s);
        if (*help)
            add_comment(&t, help, indent + (int)strlen(s), column);
        else
            fl_text_add(&t, "\n");
        fl_free(s);
        fl_free(help);
    }
    return t.s;
}
