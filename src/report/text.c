/* text.c: small helpers for text that people read. */
#include "text.h"

#include <math.h>
#include <string.h>

void fl_clip_add(fl_clip *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(c->s + c->len, c->size - c->len, format, args);
    va_end(args);
    if (n > 0) c->len += (size_t)n;
    if (c->len >= c->size) c->len = c->size - 1;
}

static bool continues(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t fl_text_columns(const char *s) {
    size_t n = 0;
    for (; *s; s++) n += !continues(*s);
    return n;
}

size_t fl_text_prefix(const char *s, size_t columns) {
    size_t bytes = 0, n = 0;
    for (; s[bytes]; bytes++)
        if (!continues(s[bytes]) && n++ == columns) break;
    return bytes;
}

const char *fl_text_grouped(double n, const char *separator, char *buf) {
    char digits[32];
    if (!isfinite(n) || fabs(n) >= 1e18) return strcpy(buf, "–");
    int len = snprintf(digits, sizeof digits, "%.0f", n);
    char *to = buf;
    for (int i = 0; i < len; i++) {
        bool inside = i > 0 && digits[i - 1] != '-';
        if (inside && (len - i) % 3 == 0) to = stpcpy(to, separator);
        *to++ = digits[i];
    }
    *to = '\0';
    return buf;
}

const char *fl_text_thousands(double n, char *buf) {
    return fl_text_grouped(n, "\u202f", buf); /* which keeps what it parts on one line */
}

const char *fl_text_percent(double share, char *buf) {
    double percent = 100 * share;
    snprintf(buf, 32, percent < 1 ? "%.2g %%" : percent < 1000 ? "%.3g %%" : "%.0f %%", percent);
    return buf;
}

const char *fl_text_difference(double share, char *buf) {
    snprintf(buf, 32, "%+.1f %%", round(1000 * share) / 10 + 0.0); /* which is never -0 */
    return buf;
}

const char *fl_text_kib(double bytes, char *buf) {
    static const char *const unit[] = {"B", "KB", "MB", "GB", "TB"};
    size_t u = 0;
    while (u + 1 < FL_COUNT(unit) && bytes >= 1024) bytes /= 1024, u++;
    snprintf(buf, 32, "%.2f %s", bytes, unit[u]);
    return buf;
}

/* Bytes of the well-formed UTF-8 character at s, 0 if there is none. Overlong forms and surrogates
 * are refused. */
static size_t character(const unsigned char *s) {
    if (s[0] < 0x80) return 1;
    size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
    for (size_t i = 1; i < n; i++)
        if (!continues((char)s[i])) return 0;
    if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F)) return 0;
    if ((s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) return 0;
    return n;
}

static const char *entity(char c) {
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

static bool is_control(char c) {
    unsigned char u = (unsigned char)c;
    return (u < 0x20 && c != '\n' && c != '\t') || u == 0x7F;
}

void fl_text_escape(fl_text *t, const char *s) {
    while (*s) {
        size_t n = character((const unsigned char *)s);
        const char *name = entity(*s);
        if (name) {
            fl_text_add(t, "%s", name);
        } else if (n == 0 || is_control(*s)) {
            fl_text_add(t, "\xEF\xBF\xBD");
        } else {
            fl_text_put(t, s, n);
        }
        s += n ? n : 1;
    }
}
