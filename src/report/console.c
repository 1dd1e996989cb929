/* console.c: when to draw, and where. */
#include "console.h"

#include "frostline/log.h"

enum { DEFAULT_WIDTH = 80, LINE = 1024 };
static const double redraw_seconds = 0.1;
static const double quiet_seconds = 5; /* between lines of a log that nobody asked to be full */

void fl_console_open(fl_console *c, fl_progress mode, int64_t every) {
    *c = (fl_console){.mode = mode, .every = every, .drawn = -1, .phase = -1};
    if (mode != FL_PROGRESS_AUTO) return;
    c->mode = fl_terminal_width(stderr) ? FL_PROGRESS_BAR : FL_PROGRESS_PLAIN;
    c->quiet = c->mode == FL_PROGRESS_PLAIN;
    if (c->quiet) c->drawn = fl_clock();
}

static void draw(fl_console *c, const fl_step_record *s) {
    double now = fl_clock();
    bool last = s->step_of_epoch >= s->steps_per_epoch;
    if (!last && c->drawn >= 0 && now - c->drawn < redraw_seconds) return;
    int width = fl_terminal_width(stderr);
    char text[LINE];
    fl_console_bar_text(s, c->seconds / (double)c->steps, width ? width : DEFAULT_WIDTH, text,
                        sizeof text);
    fprintf(stderr, "\r%s\033[K", text);
    fflush(stderr);
    c->drawn = now;
    c->shown = true;
}

static void say(fl_console *c, const fl_step_record *s) {
    double now = fl_clock();
    if (c->quiet && now - c->drawn < quiet_seconds) return;
    char text[LINE];
    fl_console_plain_text(s, c->seconds / (double)c->steps, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    c->drawn = now;
}

void fl_console_step(fl_console *c, const fl_step_record *s) {
    if (c->epoch != s->epoch) {
        c->epoch = s->epoch;
        c->steps = 0;
        c->seconds = 0;
    }
    c->steps++;
    c->seconds += s->seconds;
    if (c->mode == FL_PROGRESS_BAR) draw(c, s);
    if (c->mode == FL_PROGRESS_PLAIN && c->every > 0 && s->step % c->every == 0) say(c, s);
}

void fl_console_close(fl_console *c) {
    if (!c->shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    c->shown = false;
}

void fl_console_epoch(fl_console *c, const fl_epoch_record *e) {
    fl_console_close(c);
    char text[LINE];
    fl_console_epoch_text(e, c->phase >= 0 && e->phase != c->phase, text, sizeof text);
    c->phase = e->phase;
    puts(text);
    fflush(stdout);
}
