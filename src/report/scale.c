/* scale.c: axes with ticks at round numbers. */
#include <math.h>

#include "svg.h"

static const double round_numbers[] = {1, 2, 5, 10};

/* The smallest of 1, 2, 5 times a power of ten that is not below v. */
static double round_up(double v) {
    double power = pow(10, floor(log10(v)));
    for (size_t i = 0; i < FL_COUNT(round_numbers); i++)
        if (round_numbers[i] * power >= v * (1 - 1e-9)) return round_numbers[i] * power;
    return 10 * power;
}

/* A range to draw on for data that has none. */
static void mend(double *lo, double *hi, double least_step) {
    if (!isfinite(*lo) || !isfinite(*hi) || *hi < *lo) *lo = 0, *hi = 1;
    double size = fmax(fabs(*lo), fabs(*hi));
    if (*hi - *lo > 1e-9 * size && *hi > *lo) return;
    double margin = fmax(least_step / 2, size > 0 ? 0.1 * size : 0.5);
    *lo -= margin;
    *hi += margin;
}

/* Ticks are whole multiples of the step, so that zero is exactly zero. */
static void set_ticks(fl_scale *s, double first, double last) {
    s->n = 0;
    for (double k = first; k <= last && s->n < FL_SCALE_TICKS; k++) s->tick[s->n++] = k * s->step;
}

fl_scale fl_scale_linear(double lo, double hi, int most, double least_step, bool widen) {
    mend(&lo, &hi, least_step);
    fl_scale s = {.lo = lo, .hi = hi};
    s.step = round_up(fmax((hi - lo) / most, least_step));
    double slack = 1e-9 * (hi - lo) / s.step;
    if (widen) {
        double first = floor(lo / s.step + slack), last = ceil(hi / s.step - slack);
        s.lo = fmin(lo, first * s.step);
        s.hi = fmax(hi, last * s.step);
        set_ticks(&s, first, last);
    } else {
        set_ticks(&s, ceil(lo / s.step - slack), floor(hi / s.step + slack));
    }
    return s;
}

/* The largest of 1, 2, 5 times a power of ten (or of the powers alone) that is not above v. */
static double log_floor(double v, bool powers) {
    double power = pow(10, floor(log10(v) + 1e-9));
    for (int i = 2; i > 0 && !powers; i--)
        if (round_numbers[i] * power <= v * (1 + 1e-9)) return round_numbers[i] * power;
    return power;
}

static double log_next(double tick, bool powers, double stride) {
    if (powers) return tick * stride;
    double power = pow(10, floor(log10(tick) + 1e-9));
    double digit = round(tick / power);
    return (digit < 1.5 ? 2 : digit < 3 ? 5 : 10) * power;
}

fl_scale fl_scale_log(double lo, double hi) {
    if (!(lo > 0) || !isfinite(hi) || hi < lo) lo = 0.1, hi = 10;
    double decades = log10(hi / lo);
    bool powers = decades > 3;
    double stride = pow(10, fmax(1, ceil(decades / 10)));
    fl_scale s = {.log = true, .lo = log_floor(lo, powers)};
    for (double t = s.lo; s.n < FL_SCALE_TICKS; t = log_next(t, powers, stride)) {
        s.tick[s.n++] = t;
        if (t >= hi * (1 - 1e-9) && s.n > 1) break;
    }
    s.hi = s.tick[s.n - 1];
    return s;
}

fl_scale fl_scale_doubling(double lo, double hi) {
    if (!(lo >= 1) || !isfinite(hi) || hi < lo) lo = hi = 1;
    int first = (int)floor(log2(lo) + 1e-9), last = (int)ceil(log2(hi) - 1e-9);
    if (last == first) last++;
    int stride = (last - first) / FL_SCALE_TICKS + 1;
    fl_scale s = {.log = true, .lo = ldexp(1, first), .hi = ldexp(1, last)};
    for (int k = first; k <= last; k += stride) s.tick[s.n++] = ldexp(1, k);
    return s;
}

double fl_scale_at(const fl_scale *s, double v) {
    if (s->log) return log(v / s->lo) / log(s->hi / s->lo);
    return (v - s->lo) / (s->hi - s->lo);
}

static int decimals(double step) {
    return (int)fmin(fmax(0, -floor(log10(step) + 1e-9)), 6);
}

const char *fl_scale_label(const fl_scale *s, double v, char *buf) {
    static const char *const unit[] = {"", " k", " M", " G", " T"};
    double size = s->log ? fabs(v) : fmax(fabs(s->lo), fabs(s->hi));
    size_t u = 0;
    while (u + 1 < FL_COUNT(unit) && size >= 1e4) v /= 1e3, size /= 1e3, u++;
    if (v == 0) {
        snprintf(buf, 32, "0");
    } else if (u || s->log || s->step < 1e-3) {
        snprintf(buf, 32, "%.6g%s", v, unit[u]);
    } else {
        snprintf(buf, 32, "%.*f", decimals(s->step), v);
    }
    return buf;
}
