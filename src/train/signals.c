/* Requests to stop. The handler only notes them; the loop decides, on all ranks together. */
#include <signal.h>
#include <unistd.h>

#include "train/run.h"

static volatile sig_atomic_t asked, interrupts, speaks;
static struct sigaction before[3];
static const int signals[] = {SIGUSR1, SIGTERM, SIGINT};

/* A step may take long: that the request was heard is said at once. */
static void note(int signal) {
    static const char text[] = "\nstopping after this step; once more stops at once\n";
    bool first = !asked;
    asked = 1;
    if (signal != SIGINT) return;
    if (++interrupts > 1) _exit(FL_ERR_INTERRUPTED);
    if (first && speaks && write(STDERR_FILENO, text, sizeof text - 1) < 0)
        return; /* nobody listens */
}

void fl_signals_catch(bool first_rank) {
    speaks = first_rank;
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    asked = interrupts = 0;
    for (size_t i = 0; i < FL_COUNT(signals); i++) sigaction(signals[i], &action, &before[i]);
}

void fl_signals_release(void) {
    for (size_t i = 0; i < FL_COUNT(signals); i++) sigaction(signals[i], &before[i], NULL);
}

bool fl_signals_stop(void) {
    return asked != 0;
}
