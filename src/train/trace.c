/* The timeline of the steps log.trace_steps: recorded on every rank, brought together once. */
#include "frostline/trace.h"

#include <unistd.h>

#include "frostline/log.h"
#include "train/run.h"

void fl_run_trace_open(const fl_run *r) {
    if (r->at.step < r->x->log.trace_steps[1]) fl_trace_open();
}

/* The ranks' times are counted from a barrier, since their clocks may differ. */
static void start(fl_run *r) {
    fl_comm_barrier(r->c);
    fl_trace_start();
    r->tracing = true;
}

void fl_run_trace_begin(fl_run *r) {
    const int64_t *steps = r->x->log.trace_steps;
    int64_t step = r->at.step + 1;
    if (step < steps[0] || step > steps[1]) return;
    if (!r->tracing) start(r);
    fl_trace_step(step);
}

static void warn_lost(const fl_timeline *t) {
    for (int r = 0; r < t->ranks; r++)
        if (t->rank[r].lost > 0) {
            fl_warn("trace.json has the last %d events of rank %d and lacks %llu before them; name "
                    "fewer steps in log.trace_steps",
                    FL_TRACE_EVENTS, r, (unsigned long long)t->rank[r].lost);
            return;
        }
}

/* Collective. All ranks' events, those of each apart by the most that one of them has. */
static void gather(fl_comm *c, fl_timeline *t, fl_trace_rank *rank, fl_trace_event **event) {
    fl_trace_event *mine = fl_alloc(FL_TRACE_EVENTS * sizeof *mine);
    fl_trace_rank me = {.host = ""};
    me.n = fl_trace_take(mine, &me.lost);
    gethostname(me.host, sizeof me.host - 1);
    fl_comm_gather(c, &me, sizeof me, rank);
    for (int r = 0; r < t->ranks; r++)
        t->most = (size_t)rank[r].n > t->most ? (size_t)rank[r].n : t->most;
    *event = fl_alloc((size_t)t->ranks * t->most * sizeof **event);
    fl_comm_gather(c, mine, t->most * sizeof *mine, *event);
    fl_free(mine);
}

/* What goes over the link for this is no part of what the epoch's steps were planned to send. */
static void gather_apart(fl_run *r, fl_timeline *t, fl_trace_rank *rank, fl_trace_event **event) {
    uint64_t before = fl_comm_transport().link_bytes;
    gather(r->c, t, rank, event);
    r->counts.transport.link_bytes += fl_comm_transport().link_bytes - before;
}

static fl_status bring_together(fl_run *r) {
    fl_timeline t = {.ranks = fl_comm_size(r->c), .model = r->x->model};
    fl_trace_rank *rank = fl_alloc((size_t)t.ranks * sizeof *rank);
    fl_trace_event *event;
    gather_apart(r, &t, rank, &event);
    t.rank = rank;
    t.event = event;
    warn_lost(&t);
    fl_status status = fl_comm_rank(r->c) == 0 ? fl_report_trace(r->dir, &t) : FL_OK;
    fl_free(rank);
    fl_free(event);
    fl_trace_close();
    r->tracing = false;
    return fl_comm_agree(r->c, status);
}

fl_status fl_run_trace_end(fl_run *r) {
    fl_trace_step(0);
    return r->tracing && r->at.step >= r->x->log.trace_steps[1] ? bring_together(r) : FL_OK;
}

fl_status fl_run_trace_close(fl_run *r, fl_status status) {
    char *message = fl_strdup(fl_message());
    fl_status written = r->tracing ? bring_together(r) : FL_OK;
    fl_trace_close();
    if (status != FL_OK) fl_fail_text(status, message);
    fl_free(message);
    return status != FL_OK ? status : written;
}
