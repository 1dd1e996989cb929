/* Growing text. */
#include <string.h>

#include "frostline/base.h"

static void reserve(fl_text *t, size_t more) {
    if (t->s && t->len + more + 1 <= t->cap) return;
    size_t cap = t->cap ? t->cap * 2 : 64;
    while (cap < t->len + more + 1) cap *= 2;
    t->s = fl_resize(t->s, cap);
    t->cap = cap;
    t->s[t->len] = '\0';
}

void fl_text_put(fl_text *t, const char *bytes, size_t n) {
    reserve(t, n);
    if (n) memcpy(t->s + t->len, bytes, n);
    t->len += n;
    t->s[t->len] = '\0';
}

void fl_text_addv(fl_text *t, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    FL_CHECK(n >= 0, "bad format '%s'", format);
    reserve(t, (size_t)n);
    vsnprintf(t->s + t->len, (size_t)n + 1, format, again);
    va_end(again);
    t->len += (size_t)n;
}

void fl_text_add(fl_text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fl_text_addv(t, format, args);
    va_end(args);
}
