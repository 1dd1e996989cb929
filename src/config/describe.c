/* Options and values in words: what is expected, what was found, what may have been meant. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "config/tree.h"

bool fl_field_nullable(const fl_field *f) {
    return f->fallback && fl_scalar_of(f->fallback) == FL_SCALAR_NULL;
}

const char **fl_choices_split(const char *choices, int *n) {
    *n = 1;
    for (const char *s = choices; *s; s++) *n += *s == '|';
    const char **list = fl_alloc((size_t)*n * sizeof *list + strlen(choices) + 1);
    char *copy = (char *)(list + *n);
    strcpy(copy, choices);
    for (int i = 0; i < *n; i++) list[i] = strsep(&copy, "|");
    return list;
}

/* ---- what is expected ---- */

static void add_range(fl_text *t, const fl_field *f) {
    bool low = isfinite(f->min), high = isfinite(f->max);
    if (f->min == 0 && f->max == 0) return;
    if (low && high)
        fl_text_add(t, " between %.15g and %.15g", f->min, f->max);
    else if (low)
        fl_text_add(t, " of at least %.15g", f->min);
    else if (high)
        fl_text_add(t, " of at most %.15g", f->max);
}

static void add_choices(fl_text *t, const fl_field *f) {
    int n;
    const char **choices = fl_choices_split(f->choices, &n);
    char *list = fl_diag_list(choices, (size_t)n);
    fl_text_add(t, "%s%s", n > 1 ? "one of " : "", list);
    fl_free(list);
    fl_free(choices);
}

static void add_type(fl_text *t, const fl_field *f) {
    switch (f->type) {
    case FL_BOOL: fl_text_add(t, "true or false"); break;
    case FL_INT: fl_text_add(t, "an integer"); break;
    case FL_FLOAT: fl_text_add(t, "a number"); break;
    case FL_STRING: fl_text_add(t, "text"); break;
    case FL_CHOICE: add_choices(t, f); break;
    case FL_INTS: fl_text_add(t, "a list of integers"); break;
    case FL_FLOATS: fl_text_add(t, "a list of numbers"); break;
    case FL_STRINGS: fl_text_add(t, "text or a list of texts"); break;
    case FL_PAIR: fl_text_add(t, "an integer or two of them [a, b], each"); break;
    case FL_PADDING:
        fl_text_add(t, "valid, same, an integer, or [top, bottom, left, right], each");
        break;
    case FL_TREE: fl_text_add(t, "a value"); break;
    }
}

static void drop_each(fl_text *t) { /* ", each of at least 1": without a range there is no "each" */
    size_t tail = strlen(", each");
    if (t->len < tail || strcmp(t->s + t->len - tail, ", each") != 0) return;
    t->len -= tail;
    t->s[t->len] = '\0';
}

char *fl_field_expects(const fl_field *f) {
    fl_text t = {0};
    add_type(&t, f);
    add_range(&t, f);
    drop_each(&t);
    if (fl_field_nullable(f) && f->type != FL_TREE) fl_text_add(&t, ", or null");
    return t.s;
}

/* ---- what was found ---- */

char *fl_node_found(const fl_node *n) {
    switch (fl_node_kind_of(n)) {
    case FL_NODE_NULL: return fl_strdup("null");
    case FL_NODE_LIST: return fl_format("a list of %d", n->n);
    case FL_NODE_MAP: return fl_strdup("a map");
    default: break;
    }
    char *shown = fl_excerpt(n->text);
    char *found = fl_format(n->quoted ? "the quoted text \"%s\"" : "'%s'", shown);
    fl_free(shown);
    return found;
}

/* ---- what may have been meant ---- */

static bool numeric(const fl_field *f) {
    return f->type == FL_INT || f->type == FL_FLOAT || f->type == FL_PAIR || f->type == FL_PADDING;
}

static char *bool_hint(const char *text) {
    static const char *const yes[] = {"yes", "on", "y", "1", "enable", "enabled"};
    static const char *const no[] = {"no", "off", "n", "0", "disable", "disabled"};
    static const char form[] = "\nonly true and false are booleans here: write %s";
    for (size_t i = 0; i < FL_COUNT(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0) return fl_format(form, "true");
        if (strcasecmp(text, no[i]) == 0) return fl_format(form, "false");
    }
    return fl_strdup("");
}

static bool infinite(const char *s) {
    static const char *const words[] = {"inf", ".inf", "nan", ".nan", "infinity"};
    s += *s == '-' || *s == '+';
    for (size_t i = 0; i < FL_COUNT(words); i++)
        if (strcasecmp(s, words[i]) == 0) return true;
    return false;
}

/* 1_000 and 007 without what keeps them from being numbers. */
static char *repaired(const char *text) {
    char *fixed = fl_alloc(strlen(text) + 1), *to = fixed;
    if (*text == '-') *to++ = *text++;
    while (*text == '0' && isdigit((unsigned char)text[1])) text++;
    for (; *text; text++)
        if (*text != '_') *to++ = *text;
    return fixed;
}

static char *number_hint(const fl_field *f, const char *text) {
    double v;
    if (infinite(text)) return fl_strdup("\ninfinity and NaN are not allowed: write a number");
    bool whole = fl_scalar_float(text, &v) && v == floor(v) && fabs(v) < 1e15;
    if (whole && fl_scalar_of(text) == FL_SCALAR_FLOAT && f->type != FL_FLOAT)
        return fl_format("\nintegers have neither point nor exponent: write %.0f", v);
    char *fixed = repaired(text), *hint = NULL;
    if (fl_scalar_of(text) == FL_SCALAR_TEXT && fl_scalar_float(fixed, &v))
        hint = fl_format("\nnumbers have neither underscores nor leading zeros: write %s", fixed);
    fl_free(fixed);
    return hint ? hint : fl_strdup("");
}

static bool is_number(fl_scalar s) {
    return s == FL_SCALAR_INT || s == FL_SCALAR_FLOAT;
}

static char *null_hint(const fl_field *f) {
    if (!f->fallback) return fl_strdup("\nit has no default: give a value");
    return fl_format("\nleave the key out for its default, %s", f->fallback);
}

char *fl_value_hint(const fl_field *f, const fl_node *n) {
    if (n->kind == FL_NODE_NULL) return null_hint(f);
    if (n->kind != FL_NODE_SCALAR) return fl_strdup("");
    if (f->type == FL_INTS || f->type == FL_FLOATS)
        return fl_strdup("\na list needs brackets: [a, b], or [a] for one");
    fl_scalar meaning = fl_scalar_of(n->text);
    bool suits = numeric(f) ? is_number(meaning) : f->type == FL_BOOL && meaning == FL_SCALAR_BOOL;
    if (n->quoted) return suits ? fl_format("\ntake the quotes off: %s", n->text) : fl_strdup("");
    if (f->type == FL_BOOL) return bool_hint(n->text);
    return numeric(f) ? number_hint(f, n->text) : fl_strdup("");
}
