/* Vectors of the ranks of a node side by side in one memory, so that a sum needs no copy: each rank
 * adds its slice of all of them and writes the result where all look for it. Between nodes, the
 * ranks that have the same slice sum it in a lane of their own (lane.c).
 *
 * What is begun is numbered, in an order that is the same on every rank. Each rank tells its
 * neighbours with two counters how far it is: what it has `begun` (its numbers are there) and what
 * it has `ended` (its slice of the result is everywhere). */
#include <string.h>

#include "comm/patience.h"
#include "comm/sum.h"
#include "comm/window.h"
#include "comm_internal.h"

/* ---- one job ---- */

static uint64_t bytes_of_others(const fl_window *w, const fl_window_job *j) {
    return (uint64_t)(w->at.peers - 1) * j->slice.len * sizeof(float);
}

static void add_peers(fl_window *w, const fl_window_job *j) {
    if (!j->work.adds) return;
    j->count->node_bytes += bytes_of_others(w, j);
    for (int r = 0; r < w->at.peers; r++) w->term[r] = w->vector[r] + j->slice.off;
    if (j->work.spreads && fl_seat_is_whole(&w->at))
        fl_sum_everywhere(w->term, w->at.peers, j->slice.len);
    else
        fl_sum_into(w->term, w->at.peers, w->at.me, j->slice.len);
}

static bool has_lane(const fl_window *w, const fl_window_job *j) {
    return w->lane && j->work.crosses && j->slice.len > 0;
}

static bool is_back(const fl_window *w, const fl_window_job *j) {
    return !has_lane(w, j) || fl_lane_ended(w->lane) > j->number;
}

static void spread(const fl_window *w, const fl_window_job *j) {
    const float *from = w->vector[w->at.me] + j->slice.off;
    if (j->work.spreads && !w->at.common) j->count->node_bytes += bytes_of_others(w, j);
    bool is_there = !j->work.spreads || w->at.common || (j->work.adds && fl_seat_is_whole(&w->at));
    for (int r = 0; r < w->at.peers && !is_there; r++)
        if (r != w->at.me) memcpy(w->vector[r] + j->slice.off, from, j->slice.len * sizeof *from);
}

/* ---- their order ---- */

static bool all_have_begun(const fl_window *w, uint64_t jobs) {
    for (int r = 0; r < w->at.peers; r++)
        if (atomic_load_explicit(&w->mark[r].begun, memory_order_acquire) < jobs) return false;
    return true;
}

static bool all_have_ended(const fl_window *w, uint64_t jobs) {
    for (int r = 0; r < w->at.peers; r++)
        if (atomic_load_explicit(&w->mark[r].ended, memory_order_acquire) < jobs) return false;
    return true;
}

static fl_window_job *job_at(fl_window *w, uint64_t number) {
    return &w->open[number % FL_WINDOW_OPEN];
}

static void push(fl_window *w) {
    for (; w->added < w->begun && all_have_begun(w, w->added + 1); w->added++) {
        fl_window_job *j = job_at(w, w->added);
        add_peers(w, j);
        if (has_lane(w, j))
            j->number =
                fl_lane_begin(w->lane, j->work.task, w->vector[w->at.me], j->slice, j->count);
    }
    if (w->lane) fl_lane_progress(w->lane);
    while (w->ended < w->added && is_back(w, job_at(w, w->ended))) {
        spread(w, job_at(w, w->ended));
        atomic_store_explicit(&w->mark[w->at.me].ended, ++w->ended, memory_order_release);
    }
}

void fl_window_progress(fl_window *w) {
    fl_comm_lock(w->comm);
    push(w);
    fl_comm_unlock(w->comm);
}

bool fl_window_push(void *window) {
    fl_window *w = window;
    if (w->waits) return true;
    push(w);
    return w->ended < w->begun;
}

void fl_window_wait(fl_window *w, uint64_t number) {
    FL_WAITING(w->comm, "a sum over all ranks");
    w->waits = true;
    for (int round = 0; !all_have_ended(w, number + 1); fl_patience(&round, w->spins))
        fl_window_progress(w);
    w->waits = false;
}

static uint64_t begin(fl_window *w, fl_window_work work, fl_span s) {
    uint64_t ended = atomic_load_explicit(&w->mark[w->at.me].ended, memory_order_relaxed);
    if (w->begun - ended == FL_WINDOW_OPEN) fl_window_wait(w, ended);
    fl_comm_lock(w->comm);
    fl_window_job *j = job_at(w, w->begun);
    *j = (fl_window_job){
        .work = fl_works[work], .slice = fl_window_slice(w, s), .count = w->comm->count};
    atomic_store_explicit(&w->mark[w->at.me].begun, ++w->begun, memory_order_release);
    push(w);
    if (w->courier) fl_courier_wake(w->courier);
    fl_comm_unlock(w->comm);
    return w->begun - 1;
}

uint64_t fl_window_sum_begin(fl_window *w, fl_span s) {
    return begin(w, FL_WINDOW_SUM, s);
}
uint64_t fl_window_slice_begin(fl_window *w, fl_span s) {
    return begin(w, FL_WINDOW_SLICE, s);
}
uint64_t fl_window_scatter_begin(fl_window *w, fl_span s) {
    return begin(w, FL_WINDOW_SCATTER, s);
}
uint64_t fl_window_gather_begin(fl_window *w, fl_span s) {
    return begin(w, FL_WINDOW_GATHER, s);
}
uint64_t fl_window_spread_begin(fl_window *w, fl_span s) {
    return begin(w, FL_WINDOW_SPREAD, s);
}
