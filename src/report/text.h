/* text.h: small helpers for text that people read. */
#ifndef FROSTLINE_REPORT_TEXT_H
#define FROSTLINE_REPORT_TEXT_H

#include "frostline/base.h"

/* Text into a buffer of fixed size; what does not fit is left out. */
typedef struct fl_clip {
    char *s;
    size_t size, len;
} fl_clip;
void fl_clip_add(fl_clip *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

size_t fl_text_columns(const char *s);                /* on screen: UTF-8 characters */
size_t fl_text_prefix(const char *s, size_t columns); /* bytes of the part that fits */

/* A whole number in groups of three, "1 030", into buf (≥ 40 bytes), which is returned; "–" for
 * NaN. */
const char *fl_text_grouped(double n, const char *separator, char *buf);
const char *fl_text_thousands(double n, char *buf); /* with thin spaces */
/* "0.046 %", "12.5 %" of a share from 0 to 1, into buf (≥ 32 bytes). */
const char *fl_text_percent(double share, char *buf);
const char *fl_text_difference(double share, char *buf); /* "+4.2 %" */
/* Bytes in powers of 1024, as Keras writes them: "34.66 KB", into buf (≥ 32 bytes). */
const char *fl_text_kib(double bytes, char *buf);

/* As HTML or SVG text and attribute value. Control characters and bytes that are not UTF-8 become
 * U+FFFD. */
void fl_text_escape(fl_text *t, const char *s);

#endif
