/* Diagnostics on stderr, from rank 0 alone. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "frostline/log.h"

static int log_rank;
static fl_color log_color;

void fl_log_set_rank(int rank) {
    log_rank = rank;
}
void fl_log_set_color(fl_color mode) {
    log_color = mode;
}

int fl_terminal_width(FILE *stream) {
    struct winsize size;
    int fd = fileno(stream);
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0) return 0;
    return size.ws_col;
}

static bool colored(void) {
    if (log_color != FL_COLOR_AUTO) return log_color == FL_COLOR_ALWAYS;
    const char *no = getenv("NO_COLOR");
    return !(no && no[0]) && fl_terminal_width(stderr) > 0;
}

static void say(const char *word, const char *color, const char *format, va_list args) {
    if (log_rank != 0) return;
    bool paint = colored();
    fl_text t = {0};
    fl_text_addv(&t, format, args);
    fprintf(stderr, "%s%s:%s %s\n", paint ? color : "", word, paint ? "\033[0m" : "", t.s);
    fl_free(t.s);
}

void fl_note(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("note", "\033[36m", format, args);
    va_end(args);
}

void fl_warn(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say("warning", "\033[33m", format, args);
    va_end(args);
}
