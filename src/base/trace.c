/* The ring: its events are in ticks until they are taken. */
#include "frostline/trace.h"

bool fl_trace_on;

static fl_trace_event *ring; /* (FL_TRACE_EVENTS), or NULL */
static uint64_t recorded, zero;
static int64_t current;

void fl_trace_open(void) {
    ring = fl_alloc_pages(FL_TRACE_EVENTS * sizeof *ring); /* those not written take no memory */
    recorded = 0;
}

void fl_trace_start(void) {
    FL_CHECK(ring, "recording was started before it was opened");
    recorded = 0;
    zero = fl_ticks();
}

void fl_trace_step(int64_t step) {
    current = step;
    fl_trace_on = step != 0 && ring;
}

void fl_trace_add(fl_trace_kind kind, int index, uint64_t bytes, uint64_t begin, uint64_t end) {
    if (!fl_trace_on) return;
    ring[recorded++ % FL_TRACE_EVENTS] = (fl_trace_event){
        .begin = begin - zero,
        .end = end - zero,
        .step = current,
        .bytes = bytes,
        .kind = (int32_t)kind,
        .index = index,
    };
}

int fl_trace_take(fl_trace_event *out, uint64_t *lost) {
    double ns = fl_tick() * 1e9;
    uint64_t n = recorded < FL_TRACE_EVENTS ? recorded : FL_TRACE_EVENTS;
    *lost = recorded - n;
    for (uint64_t i = 0; i < n; i++) {
        out[i] = ring[(*lost + i) % FL_TRACE_EVENTS];
        out[i].begin = (uint64_t)((double)out[i].begin * ns);
        out[i].end = (uint64_t)((double)out[i].end * ns);
    }
    recorded = 0;
    return (int)n;
}

void fl_trace_close(void) {
    fl_trace_step(0);
    fl_free_pages(ring, FL_TRACE_EVENTS * sizeof *ring);
    ring = NULL;
}
