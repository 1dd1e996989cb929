/* Where the time from a process's start to the end of its first step goes. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "train/run.h"

/* Of this process, in clock ticks after the machine's; 0 where the system does not say. */
static unsigned long long start_ticks(void) {
    FILE *f = fopen("/proc/self/stat", "r");
    char line[1024] = "";
    unsigned long long ticks = 0;
    if (f && fgets(line, sizeof line, f)) {
        const char *behind = strrchr(line, ')'); /* the name before it may hold anything */
        if (behind)
            sscanf(behind + 1,
                   " %*c" /* state, then 18 numbers */
                   " %*s %*s %*s %*s %*s %*s %*s %*s %*s"
                   " %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
                   &ticks);
    }
    if (f) fclose(f);
    return ticks;
}

static double seconds_since_start(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    double began = (double)start_ticks() / (double)sysconf(_SC_CLK_TCK);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec - began;
}

void fl_startup_mark(fl_startup *s, const char *phase) {
    double now = fl_clock();
    if (s->n == FL_MAX_PHASES) return;
    double seconds = s->n ? now - s->last : seconds_since_start();
    s->phase[s->n] = phase;
    s->seconds[s->n++] = seconds;
    s->last = now;
}

void fl_startup_tell(const fl_startup *s, int64_t step, fl_report *report) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    fl_text line = {0};
    fl_text_add(&line, "{\"event\":\"start\",\"step\":%lld,\"ended\":%lld.%06ld,\"seconds\":{",
                (long long)step, (long long)t.tv_sec, t.tv_nsec / 1000);
    for (int i = 0; i < s->n; i++)
        fl_text_add(&line, "%s\"%s\":%.4f", i ? "," : "", s->phase[i], s->seconds[i]);
    fl_text_add(&line, "}}");
    fl_report_event(report, line.s);
    fl_free(line.s);
}
