/* What each bucket's reduction really did: bytes as they are handed on, times by the clock, both
 * read where a reduction waits anyway. */
#include "frostline/trace.h"
#include "reduce_internal.h"

fl_span fl_reduce_enter(fl_reduce *r, int bucket) {
    fl_span s = r->bucket[bucket];
    fl_account *a = &r->account[bucket];
    a->calls++;
    a->payload_bytes += s.len * sizeof(float);
    r->watch[bucket].begun = r->now;
    r->ledger.calls++;
    r->step_payload += s.len * sizeof(float);
    if (r->started == 0) r->started = r->now;
    fl_comm_count(r->comm, &a->moved);
    return s;
}

void fl_reduce_spend(fl_reduce *r, int bucket) {
    uint64_t now = fl_ticks();
    r->watch[bucket].exposed += now - r->now;
    r->exposed += now - r->now;
    r->now = now;
}

void fl_reduce_leave(fl_reduce *r, int bucket) {
    fl_stopwatch *w = &r->watch[bucket];
    fl_reduce_spend(r, bucket);
    w->spent += r->now - w->begun;
    fl_trace_add(FL_TRACE_BUCKET, bucket, r->bucket[bucket].len * sizeof(float), w->begun, r->now);
}

void fl_reduce_close_step(fl_reduce *r) {
    uint64_t size = (uint64_t)fl_comm_size(r->comm);
    r->ledger.payload_bytes += r->step_payload;
    r->ledger.wire_bytes += r->step_payload * 2 * (size - 1) / size;
    if (r->started > 0) r->spent += r->now - r->started;
    r->step_payload = 0;
    r->started = 0;
}

fl_ledger fl_reduce_take(fl_reduce *r) {
    fl_ledger l = r->ledger;
    double tick = fl_tick();
    l.seconds = (double)r->spent * tick;
    l.exposed_seconds = (double)r->exposed * tick;
    r->spent = r->exposed = 0;
    r->ledger = (fl_ledger){0};
    return l;
}

const fl_account *fl_reduce_accounts(fl_reduce *r) {
    double tick = fl_tick();
    for (int i = 0; i < r->n; i++) {
        fl_account *a = &r->account[i];
        fl_traffic sum = fl_foretell_sum(r->ops, fl_window_seat(r->gradients), r->bucket[i]);
        fl_traffic published = fl_foretell_publishing(r, r->bucket[i]);
        a->foretold = (fl_traffic){0};
        fl_traffic_add(&a->foretold, &sum, a->calls);
        fl_traffic_add(&a->foretold, &published, a->publications);
        a->seconds = (double)r->watch[i].spent * tick;
        a->exposed_seconds = (double)r->watch[i].exposed * tick;
    }
    return r->account;
}

void fl_reduce_clear_accounts(fl_reduce *r) {
    for (int i = 0; i < r->n; i++) {
        r->account[i] = (fl_account){0};
        r->watch[i] = (fl_stopwatch){0};
    }
}
