/* human.c: numbers as people read them. */
#include "frostline/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BUF = 32, UNITS = 6 };

static const char *none(char *buf) {
    snprintf(buf, BUF, "–");
    return buf;
}

/* One decimal once a unit is used. The thresholds are where rounding would print 1000. */
static const char *scaled(double n, const char *const unit[UNITS], char *buf) {
    if (!isfinite(n)) return none(buf);
    int u = 0;
    while (u + 1 < UNITS && fabs(n) >= (u ? 999.95 : 999.5)) n /= 1000, u++;
    int len = u ? snprintf(buf, BUF, "%.1f", n) : snprintf(buf, BUF, "%.3g", n);
    if (*unit[u] && len < BUF) snprintf(buf + len, (size_t)(BUF - len), " %s", unit[u]);
    return buf;
}

const char *fl_human_count(double n, char *buf) {
    static const char *const unit[UNITS] = {"", "k", "M", "G", "T", "P"};
    return scaled(n, unit, buf);
}

const char *fl_human_bytes(double n, char *buf) {
    static const char *const unit[UNITS] = {"B", "kB", "MB", "GB", "TB", "PB"};
    return scaled(n, unit, buf);
}

/* "4 min 05 s": s in units of the smaller one. */
static void two_units(double s, double ratio, const char *large, const char *small, char *buf) {
    double whole = floor(s / ratio);
    snprintf(buf, BUF, "%.0f %s %02.0f %s", whole, large, s - whole * ratio, small);
}

const char *fl_human_seconds(double s, char *buf) {
    if (!isfinite(s)) return none(buf);
    double size = fabs(s);
    if (size < 0.99995e-3) {
        snprintf(buf, BUF, "%.3g µs", s * 1e6);
    } else if (size < 0.99995) {
        snprintf(buf, BUF, "%.1f ms", s * 1e3);
    } else if (size < 59.95) {
        snprintf(buf, BUF, "%.1f s", s);
    } else if (s < 3599.5) {
        two_units(round(s), 60, "min", "s", buf);
    } else if (s < 24 * 3600 - 30) {
        two_units(round(s / 60), 60, "h", "min", buf);
    } else {
        two_units(round(s / 3600), 24, "d", "h", buf);
    }
    return buf;
}
