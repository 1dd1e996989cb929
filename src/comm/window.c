/* Vectors of the ranks of a node side by side in one memory, so that a sum needs no copy: each rank
 * adds its slice of all of them and writes the result where all look for it. Between nodes, the
 * ranks that have the same slice sum it in a lane of their own (lane.c).
 *
 * What is begun is numbered, in an order that is the same on every rank. Each rank tells its
 * neighbours with two counters how far it is: what it has `begun` (its numbers are there) and what
 * it has `ended` (its slice of the result is everywhere). */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "comm/lane.h"
#include "comm/sum.h"
#include "comm_internal.h"

enum { LINE = 64, MAX_OPEN = 256, SPINS = 2000 };

typedef struct mark { /* of one rank; written by it alone */
    _Alignas(2 * LINE) _Atomic uint64_t begun;
    _Alignas(2 * LINE) _Atomic uint64_t ended; /* apart: who waits for one disturbs not the other */
} mark;

typedef struct job {    /* begun, not yet ended here */
    bool adds, spreads; /* within the node, before and after */
    bool crosses;       /* goes through the lane */
    fl_task task;       /* there */
    fl_span slice;      /* this lane's */
    uint64_t number;    /* in the lane */
    fl_traffic *count;
} job;

struct fl_window {
    fl_comm *comm;
    fl_shared *memory;
    size_t n;       /* floats of each vector */
    int peers, me;  /* ranks that share the memory, and which this is; 1 and 0: it is not shared */
    int lanes;      /* slices that a vector is cut into */
    fl_lane *lane;  /* between nodes; NULL: there is one memory, or this rank has no slice */
    bool whole;     /* there is one memory */
    bool common;    /* and one vector in it, not one a rank */
    float **vector; /* (peers) */
    float **at;     /* (peers): scratch */
    mark *mark;     /* (peers) */
    fl_courier *courier; /* if there is a lane; it and this rank's own thread use all that follows
                            in turns */
    atomic_bool waits;   /* this rank waits, so the courier need not push */
    int spins;           /* rounds of waiting before others are let run */
    uint64_t begun, added, ended; /* jobs: begun; added up within the group; complete here */
    job open[MAX_OPEN];           /* job i is at i % MAX_OPEN */
};

/* ---- who has what ---- */

fl_span fl_window_slice(const fl_window *w, fl_span s) {
    return fl_part_of(s, w->me, w->lanes);
}

fl_span fl_window_owned(const fl_window *w, fl_span s) {
    fl_span slice = fl_window_slice(w, s);
    return w->lane ? fl_lane_owned(w->lane, slice) : slice;
}

/* ---- one job ---- */

static uint64_t bytes_of_others(const fl_window *w, const job *j) {
    return (uint64_t)(w->peers - 1) * j->slice.len * sizeof(float);
}

static void add_peers(fl_window *w, const job *j) {
    if (!j->adds) return;
    j->count->node_bytes += bytes_of_others(w, j);
    for (int r = 0; r < w->peers; r++) w->at[r] = w->vector[r] + j->slice.off;
    if (j->spreads && w->whole)
        fl_sum_everywhere(w->at, w->peers, j->slice.len);
    else
        fl_sum_into(w->at, w->peers, w->me, j->slice.len);
}

static bool has_lane(const fl_window *w, const job *j) {
    return w->lane && j->crosses && j->slice.len > 0;
}

static bool is_back(const fl_window *w, const job *j) {
    return !has_lane(w, j) || fl_lane_ended(w->lane) > j->number;
}

static void spread(const fl_window *w, const job *j) {
    const float *from = w->vector[w->me] + j->slice.off;
    if (j->spreads && !w->common) j->count->node_bytes += bytes_of_others(w, j);
    bool is_there = !j->spreads || w->common || (j->adds && w->whole);
    for (int r = 0; r < w->peers && !is_there; r++)
        if (r != w->me) memcpy(w->vector[r] + j->slice.off, from, j->slice.len * sizeof *from);
}

/* ---- their order ---- */

static bool all_have_begun(const fl_window *w, uint64_t jobs) {
    for (int r = 0; r < w->peers; r++)
        if (atomic_load_explicit(&w->mark[r].begun, memory_order_acquire) < jobs) return false;
    return true;
}

static bool all_have_ended(const fl_window *w, uint64_t jobs) {
    for (int r = 0; r < w->peers; r++)
        if (atomic_load_explicit(&w->mark[r].ended, memory_order_acquire) < jobs) return false;
    return true;
}

static job *job_at(fl_window *w, uint64_t number) {
    return &w->open[number % MAX_OPEN];
}

static void push(fl_window *w) {
    for (; w->added < w->begun && all_have_begun(w, w->added + 1); w->added++) {
        job *j = job_at(w, w->added);
        add_peers(w, j);
        if (has_lane(w, j))
            j->number = fl_lane_begin(w->lane, j->task, w->vector[w->me], j->slice, j->count);
    }
    if (w->lane) fl_lane_progress(w->lane);
    while (w->ended < w->added && is_back(w, job_at(w, w->ended))) {
        spread(w, job_at(w, w->ended));
        atomic_store_explicit(&w->mark[w->me].ended, ++w->ended, memory_order_release);
    }
}

void fl_window_progress(fl_window *w) {
    fl_comm_lock(w->comm);
    push(w);
    fl_comm_unlock(w->comm);
}

static bool push_and_tell(void *window) {
    fl_window *w = window;
    if (w->waits) return true;
    push(w);
    return w->ended < w->begun;
}

/* With more ranks than cores the one that is waited for may not be running. */
static void let_others_run(const fl_window *w, int *round) {
    if ((*round)++ >= w->spins) {
        sched_yield();
        return;
    }
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

void fl_window_wait(fl_window *w, uint64_t number) {
    FL_WAITING(w->comm, "a sum over all ranks");
    w->waits = true;
    for (int round = 0; !all_have_ended(w, number + 1); let_others_run(w, &round))
        fl_window_progress(w);
    w->waits = false;
}

static const job works[] = {
    [FL_WINDOW_SUM] = {.adds = true, .crosses = true, .task = FL_TASK_SUM, .spreads = true},
    [FL_WINDOW_SLICE] = {.adds = true, .crosses = true, .task = FL_TASK_SUM},
    [FL_WINDOW_SCATTER] = {.adds = true, .crosses = true, .task = FL_TASK_SCATTER},
    [FL_WINDOW_GATHER] = {.crosses = true, .task = FL_TASK_GATHER, .spreads = true},
    [FL_WINDOW_SPREAD] = {.spreads = true},
};

static uint64_t begin(fl_window *w, fl_window_work work, fl_span s) {
    uint64_t ended = atomic_load_explicit(&w->mark[w->me].ended, memory_order_relaxed);
    if (w->begun - ended == MAX_OPEN) fl_window_wait(w, ended);
    fl_comm_lock(w->comm);
    job *j = job_at(w, w->begun);
    *j = works[work];
    j->slice = fl_window_slice(w, s);
    j->count = w->comm->count;
    atomic_store_explicit(&w->mark[w->me].begun, ++w->begun, memory_order_release);
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

fl_traffic fl_window_foretell(const fl_window *w, fl_window_work work, fl_span s) {
    job j = works[work];
    fl_traffic t = {0};
    j.slice = fl_window_slice(w, s);
    if (has_lane(w, &j)) t = fl_lane_foretell(w->lane, j.task, j.slice);
    t.node_bytes = (uint64_t)(j.adds + (j.spreads && !w->common)) * bytes_of_others(w, &j);
    return t;
}

/* ---- opening and closing ---- */

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

/* The counters lie behind the vectors, which so begin on pages. */
static void place(fl_window *w, size_t stride) {
    char *memory = fl_shared_data(w->memory);
    int vectors = w->common ? 1 : w->peers;
    w->vector = fl_alloc((size_t)w->peers * sizeof *w->vector);
    w->at = fl_alloc((size_t)w->peers * sizeof *w->at);
    for (int r = 0; r < w->peers; r++)
        w->vector[r] = (float *)(memory + stride * (size_t)(r % vectors));
    w->mark = (mark *)(memory + stride * (size_t)vectors);
    w->spins = w->peers <= sysconf(_SC_NPROCESSORS_ONLN) ? SPINS : 0;
}

/* Each slice is summed between all nodes, so there are as many as the smallest has ranks; and the
 * nodes come in one order in all lanes, however the ranks lie on them. */
static void join_lane(fl_window *w) {
    const fl_comm *c = w->comm;
    MPI_Comm ranks;
    w->lanes = w->peers;
    w->whole = w->peers == c->size;
    if (w->whole) return;
    MPI_Allreduce(MPI_IN_PLACE, &w->lanes, 1, MPI_INT, MPI_MIN, c->world);
    MPI_Comm_split(c->world, w->me < w->lanes ? w->me : MPI_UNDEFINED, c->node_number, &ranks);
    if (ranks == MPI_COMM_NULL) return;
    w->lane = fl_lane_open(ranks, MAX_OPEN);
    w->courier = fl_courier_open(w->comm, push_and_tell, w);
}

static fl_status open_window(fl_comm *c, size_t n, bool common, fl_window **out) {
    size_t stride = whole_pages(n * sizeof(float)), ranks = (size_t)c->node_size;
    fl_shared *memory;
    *out = NULL;
    FL_TRY(fl_shared_open_common(c, NULL, (common ? 1 : ranks) * stride + ranks * sizeof(mark),
                                 &memory));
    fl_window *w = fl_alloc(sizeof *w);
    *w = (fl_window){.comm = c, .memory = memory, .n = n, .common = common};
    w->peers = fl_shared_parts(memory);
    w->me = fl_shared_part(memory);
    place(w, stride);
    join_lane(w);
    *out = w;
    return FL_OK;
}

fl_status fl_window_open(fl_comm *c, size_t n, fl_window **out) {
    return open_window(c, n, false, out);
}
fl_status fl_window_open_common(fl_comm *c, size_t n, fl_window **out) {
    return open_window(c, n, true, out);
}

void fl_window_close(fl_window *w) {
    if (!w) return;
    FL_CHECK(w->begun == w->ended, "%llu sums were begun and not waited for",
             (unsigned long long)(w->begun - w->ended));
    fl_courier_close(w->courier);
    fl_lane_close(w->lane);
    fl_shared_close(w->memory);
    fl_free(w->vector);
    fl_free(w->at);
    fl_free(w);
}

float *fl_window_floats(const fl_window *w) {
    return w->vector[w->me];
}
int fl_window_part(const fl_window *w) {
    return w->common ? w->me : 0;
}
int fl_window_parts(const fl_window *w) {
    return w->common ? w->peers : 1;
}
bool fl_window_is_whole(const fl_window *w) {
    return w->whole;
}
bool fl_window_is_shared(const fl_window *w) {
    return w->peers == w->comm->node_size;
}

void fl_window_forget(fl_window *w, fl_span s) {
    fl_empty_pages(fl_window_floats(w) + s.off, s.len * sizeof(float));
}

void fl_window_send_as(fl_window *w, fl_wire wire) {
    if (w->lane) fl_lane_send_as(w->lane, wire, w->n);
}
