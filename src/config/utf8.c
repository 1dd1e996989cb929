/* Characters: what may stand in a source, and what may be shown of it. */
#include <limits.h>
#include <string.h>

#include "config/tree.h"

enum { EXCERPT_CHARACTERS = 48 };

static int length_of(unsigned char lead) {
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead < 0xE0) return 2;
    if (lead >= 0xE0 && lead < 0xF0) return 3;
    return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

int fl_utf8_decode(const char *s, size_t len, uint32_t *point) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    int n = len ? length_of((unsigned char)s[0]) : 0;
    if (n == 0 || (size_t)n > len) return 0;
    uint32_t v = (unsigned char)s[0] & mask[n];
    for (int i = 1; i < n; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80) return 0;
        v = v << 6 | ((unsigned char)s[i] & 0x3F);
    }
    if (v < least[n] || v > 0x10FFFF || (v >= 0xD800 && v <= 0xDFFF)) return 0;
    *point = v;
    return n;
}

/* The line separators that only some programs count as lines are left out, so that everyone agrees
 * on what line 14 is. */
bool fl_utf8_allowed(uint32_t point) {
    if (point < 0xA0) return point == '\t' || point == '\n' || (point >= 0x20 && point < 0x7F);
    return point != 0x2028 && point != 0x2029 && point != 0xFEFF && point != 0xFFFE &&
           point != 0xFFFF;
}

static int step(const char *s, size_t len, bool *shown) {
    uint32_t point = 0;
    int n = fl_utf8_decode(s, len, &point);
    *shown = n > 0 && point != '\n' && fl_utf8_allowed(point);
    return n ? n : 1;
}

void fl_utf8_clean(fl_text *t, const char *s, size_t len) {
    for (size_t i = 0; i < len;) {
        bool shown;
        int n = step(s + i, len - i, &shown);
        if (shown)
            fl_text_put(t, s + i, (size_t)n);
        else
            fl_text_put(t, "?", 1);
        i += (size_t)n;
    }
}

char *fl_excerpt(const char *s) {
    size_t len = strlen(s), cut = 0;
    bool shown;
    for (int i = 0; i < EXCERPT_CHARACTERS && cut < len; i++)
        cut += (size_t)step(s + cut, len - cut, &shown);
    fl_text t = {0};
    fl_text_put(&t, "", 0);
    fl_utf8_clean(&t, s, cut);
    if (cut < len) fl_text_add(&t, "…");
    return t.s;
}

fl_place fl_source_end(const fl_source *s) {
    fl_place at = {.source = s, .line = 1, .column = 1};
    size_t len = s->len;
    while (len > 0 && strchr(" \t\r\n", s->text[len - 1])) len--;
    for (size_t i = 0; i < len; i++) {
        bool first = ((unsigned char)s->text[i] & 0xC0) != 0x80;
        at.line += s->text[i] == '\n';
        at.column = s->text[i] == '\n' ? 1 : at.column + first;
    }
    return at;
}

static fl_status refuse_byte(fl_config *c, fl_place at, unsigned char byte) {
    return fl_diag_add(c, at, "byte 0x%02X is not UTF-8\nsave the file as UTF-8", byte);
}

static fl_status refuse_point(fl_config *c, fl_place at, uint32_t point) {
    return fl_diag_add(c, at,
                       "the control character U+%04X\ntake it out, or write it as an escape in "
                       "double quotes: \"\\u%04x\"",
                       point, point);
}

static bool windows_break(const char *s, size_t len) {
    return len > 1 && s[0] == '\r' && s[1] == '\n';
}

fl_status fl_source_check(fl_config *c, const fl_source *s) {
    fl_place at = {.source = s, .line = 1, .column = 1, .width = 1};
    if (s->len > FL_MAX_BYTES)
        return fl_diag_add(c, (fl_place){.source = s},
                           "%zu bytes are too much for a config\nit may have 4 MiB; data belongs "
                           "into files that the config names",
                           s->len);
    for (size_t i = 0; i < s->len;) {
        uint32_t point = 0;
        int n = fl_utf8_decode(s->text + i, s->len - i, &point);
        if (n == 0) return refuse_byte(c, at, (unsigned char)s->text[i]);
        if (!fl_utf8_allowed(point) && !windows_break(s->text + i, s->len - i))
            return refuse_point(c, at, point);
        at.line += point == '\n';
        at.column = point == '\n' ? 1 : at.column + 1;
        i += (size_t)n;
    }
    return FL_OK;
}
