/* What an unquoted scalar means: YAML 1.2's core schema, decimal numbers only. YAML 1.1's traps
 * (yes, 010, 1:30, 1_000) are text here, and are quoted when printed, so that every reader agrees.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

static bool among(const char *text, const char *const *words) {
    for (; *words; words++)
        if (strcmp(text, *words) == 0) return true;
    return false;
}

static const char *digits(const char *s) {
    while (isdigit((unsigned char)*s)) s++;
    return s;
}

static const char *sign(const char *s) {
    return *s == '-' || *s == '+' ? s + 1 : s;
}

/* Past a whole number without leading zeros; s itself if there is none. */
static const char *whole(const char *s) {
    const char *end = digits(s);
    return s[0] == '0' && end > s + 1 ? s : end;
}

static const char *exponent(const char *s) {
    if (*s != 'e' && *s != 'E') return s;
    const char *first = sign(s + 1), *end = digits(first);
    return end > first ? end : s;
}

static bool is_int(const char *text) {
    const char *first = sign(text), *end = whole(first);
    return end > first && *end == '\0';
}

static bool is_float(const char *text) {
    const char *first = sign(text), *end = whole(first);
    bool number = end > first;
    if (*end == '.') {
        const char *fraction = end + 1;
        end = digits(fraction);
        number = (number || first[0] == '.') && (number || end > fraction);
    }
    return number && *exponent(end) == '\0';
}

fl_scalar fl_scalar_of(const char *text) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    if (among(text, nulls)) return FL_SCALAR_NULL;
    if (among(text, bools)) return FL_SCALAR_BOOL;
    if (is_int(text)) return FL_SCALAR_INT;
    return is_float(text) ? FL_SCALAR_FLOAT : FL_SCALAR_TEXT;
}

bool fl_scalar_int(const char *text, int64_t *v) {
    if (!is_int(text)) return false;
    errno = 0;
    *v = strtoll(text, NULL, 10);
    return errno == 0;
}

bool fl_scalar_float(const char *text, double *v) {
    if (!is_float(text)) return false;
    *v = strtod(text, NULL);
    return isfinite(*v);
}

static bool starts_plain(const char *s) {
    if (s[0] == '.') return s[1] == '/' || (s[1] == '.' && s[2] == '/');
    return isalpha((unsigned char)s[0]) || s[0] == '_' || s[0] == '/';
}

/* Words that YAML 1.1 takes for booleans, in any case. */
static bool ambiguous(const char *text) {
    static const char *const words[] = {"y", "n", "yes", "no", "on", "off", NULL};
    for (const char *const *w = words; *w; w++)
        if (strcasecmp(text, *w) == 0) return true;
    return false;
}

bool fl_scalar_plain(const char *text) {
    if (!starts_plain(text) || fl_scalar_of(text) != FL_SCALAR_TEXT || ambiguous(text))
        return false;
    const char *end = text;
    while (*end && (isalnum((unsigned char)*end) || strchr("_./-+*?@%=~^() ", *end))) end++;
    return *end == '\0' && end[-1] != ' ';
}
