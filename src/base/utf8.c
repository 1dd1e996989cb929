/* Text for where only UTF-8 will do: JSON, above all. */
#include <string.h>

#include "frostline/base.h"

/* Bytes of the valid sequence (RFC 3629) that s begins with, or 0. */
static size_t sequence(const unsigned char *s) {
    static const struct {
        unsigned char lo, hi, first_lo, first_hi;
        size_t n;
    } kinds[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t k = 0; k < FL_COUNT(kinds); k++) {
        if (s[0] < kinds[k].lo || s[0] > kinds[k].hi) continue;
        if (kinds[k].n > 1 && (s[1] < kinds[k].first_lo || s[1] > kinds[k].first_hi)) return 0;
        for (size_t i = 2; i < kinds[k].n; i++)
            if (s[i] < 0x80 || s[i] > 0xbf) return 0;
        return kinds[k].n;
    }
    return 0;
}

char *fl_utf8_repair(const char *s) {
    char *copy = fl_strdup(s);
    for (char *p = copy; *p;) {
        size_t n = sequence((const unsigned char *)p);
        if (n == 0) *p = '?';
        p += n ? n : 1;
    }
    return copy;
}
