/* Sums between nodes, each rank of the lane sending to each other directly:
 *
 *   scatter: everyone sends each other rank that one's part of its slice, and adds what comes in;
 *   gather:  everyone sends all others its part of the result.
 *
 * Each number crosses the wire 2 (n-1)/n times, which is the least (Patarasuk & Yuan 2009), in two
 * messages' time; the order of additions is that of the fixed tree (tree.c), whatever MPI would
 * choose. A long slice goes in flights: some of each part at a time, a few under way, so that the
 * wire is busy in both directions while the numbers are added. What is short goes whole to everyone
 * in one message's time. */
#include "comm/lane.h"

#include <string.h>

#include "comm/half.h"
#include "comm/sum.h"

enum { FLIGHTS = 16, FLIGHT_FLOATS = 1 << 16, SHORT = 1024, TAGS = 1 << 13 };

typedef enum stage { SCATTERING, GATHERING, DONE } stage;

typedef struct job {
    fl_task task;
    float *v;
    fl_span slice;
    fl_traffic *count;
} job;

typedef struct flight { /* floats at … at + piece of every part of a slice */
    job job;
    stage stage;
    size_t at;
    int tag;
    int n_requests;
    MPI_Request *request; /* (2 ranks) */
    float *in;            /* (ranks, piece): what the others sent */
    uint16_t *coded;      /* (2 ranks, piece): the same coded, and what is sent; or NULL */
} flight;

struct fl_lane {
    MPI_Comm comm;
    int ranks, me, at_once;
    size_t piece;
    fl_wire wire;
    float *rest;   /* of this rank's vector: what coding has not sent yet; or NULL */
    size_t n_rest; /* floats */
    float **term;  /* (ranks): scratch */
    job *job;      /* (at_once): job i is at i % at_once */
    uint64_t begun, ended;
    uint64_t next; /* the job whose flights start next, */
    size_t next_at;
    flight flight[FLIGHTS]; /* flight i is at i % FLIGHTS */
    uint64_t started, landed;
};

fl_span fl_lane_owned(const fl_lane *l, fl_span slice) {
    return fl_part_of(slice, l->me, l->ranks);
}

/* ---- what goes where ---- */

static bool is_coded(const fl_lane *l, const job *j) {
    return l->wire != FL_WIRE_FLOAT32 && j->task != FL_TASK_GATHER;
}

static bool is_short(const fl_lane *l, const job *j) {
    return j->task == FL_TASK_SUM && j->slice.len <= SHORT && !is_coded(l, j);
}

/* What rank k sums in a flight. */
static fl_span share_of(const fl_lane *l, const flight *f, int k) {
    if (is_short(l, &f->job)) return f->job.slice;
    fl_span part = fl_part_of(f->job.slice, k, l->ranks);
    if (f->at >= part.len) return (fl_span){part.off + part.len, 0};
    size_t left = part.len - f->at;
    return (fl_span){part.off + f->at, left < l->piece ? left : l->piece};
}

static float *in_of(const fl_lane *l, const flight *f, int k) {
    return f->in + (size_t)k * l->piece;
}
static uint16_t *coded_in(const fl_lane *l, const flight *f, int k) {
    return f->coded + (size_t)k * l->piece;
}
static uint16_t *coded_out(const fl_lane *l, const flight *f, int k) {
    return f->coded + (size_t)(l->ranks + k) * l->piece;
}

static void add_message(fl_traffic *t, size_t bytes) { /* all that a lane sends leaves the node */
    t->mpi_bytes += bytes;
    t->sent_bytes += bytes;
    t->messages++;
}

static void send(fl_lane *l, flight *f, const float *v, const uint16_t *coded, size_t n, int to) {
    int tag = f->tag + (f->stage == GATHERING);
    add_message(f->job.count, n * (coded ? sizeof *coded : sizeof *v));
    MPI_Isend(coded ? (const void *)coded : v, (int)n, coded ? MPI_UINT16_T : MPI_FLOAT, to, tag,
              l->comm, &f->request[f->n_requests++]);
}

static void receive(fl_lane *l, flight *f, float *v, uint16_t *coded, size_t n, int from) {
    int tag = f->tag + (f->stage == GATHERING);
    MPI_Irecv(coded ? (void *)coded : v, (int)n, coded ? MPI_UINT16_T : MPI_FLOAT, from, tag,
              l->comm, &f->request[f->n_requests++]);
}

/* ---- the stages of a flight ---- */

static void begin_scatter(fl_lane *l, flight *f) {
    bool coded = is_coded(l, &f->job);
    fl_span mine = share_of(l, f, l->me);
    f->stage = SCATTERING;
    for (int k = 0; k < l->ranks && mine.len; k++)
        if (k != l->me)
            receive(l, f, in_of(l, f, k), coded ? coded_in(l, f, k) : NULL, mine.len, k);
    for (int k = 0; k < l->ranks; k++) {
        fl_span s = share_of(l, f, k);
        float *v = f->job.v + s.off;
        uint16_t *out = coded ? coded_out(l, f, k) : NULL;
        if (k == l->me || s.len == 0) continue;
        if (coded) fl_half_encode(l->wire, v, l->rest + s.off, out, s.len);
        send(l, f, v, out, s.len, k);
    }
}

static void end_scatter(fl_lane *l, flight *f) {
    fl_span mine = share_of(l, f, l->me);
    for (int k = 0; k < l->ranks; k++) {
        l->term[k] = k == l->me ? f->job.v + mine.off : in_of(l, f, k);
        if (k != l->me && is_coded(l, &f->job))
            fl_half_decode(l->wire, coded_in(l, f, k), l->term[k], mine.len);
    }
    fl_sum_into(l->term, l->ranks, l->me, mine.len);
}

/* What is coded is decoded here too, so that all have the same bits. */
static void begin_gather(fl_lane *l, flight *f) {
    bool coded = is_coded(l, &f->job);
    fl_span mine = share_of(l, f, l->me);
    float *v = f->job.v + mine.off;
    uint16_t *out = coded ? coded_out(l, f, l->me) : NULL;
    f->stage = GATHERING;
    for (int k = 0; k < l->ranks; k++) {
        fl_span s = share_of(l, f, k);
        if (k != l->me && s.len)
            receive(l, f, f->job.v + s.off, coded ? coded_in(l, f, k) : NULL, s.len, k);
    }
    if (coded) fl_half_encode(l->wire, v, l->rest + mine.off, out, mine.len);
    if (coded) fl_half_decode(l->wire, out, v, mine.len);
    for (int k = 0; k < l->ranks && mine.len; k++)
        if (k != l->me) send(l, f, v, out, mine.len, k);
}

static void end_gather(fl_lane *l, flight *f) {
    for (int k = 0; k < l->ranks && is_coded(l, &f->job); k++) {
        fl_span s = share_of(l, f, k);
        if (k != l->me) fl_half_decode(l->wire, coded_in(l, f, k), f->job.v + s.off, s.len);
    }
}

static void next_stage(fl_lane *l, flight *f) {
    bool more = f->job.task == FL_TASK_SUM && !is_short(l, &f->job);
    f->n_requests = 0;
    if (f->stage == SCATTERING) {
        end_scatter(l, f);
        f->stage = DONE;
        if (more) begin_gather(l, f);
    } else {
        end_gather(l, f);
        f->stage = DONE;
    }
}

static void advance(fl_lane *l, flight *f) {
    int done = 1;
    while (f->stage != DONE && done) {
        MPI_Testall(f->n_requests, f->request, &done, MPI_STATUSES_IGNORE);
        if (done) next_stage(l, f);
    }
}

/* ---- the order of flights ---- */

static bool is_last(const fl_lane *l, const flight *f) {
    size_t longest = is_short(l, &f->job) ? 0 : fl_part_of(f->job.slice, 0, l->ranks).len;
    for (int k = 1; k < l->ranks; k++) {
        size_t len = fl_part_of(f->job.slice, k, l->ranks).len;
        if (len > longest && !is_short(l, &f->job)) longest = len;
    }
    return f->at + l->piece >= longest;
}

static void start(fl_lane *l) {
    flight *f = &l->flight[l->started % FLIGHTS];
    f->job = l->job[l->next % (uint64_t)l->at_once];
    f->at = l->next_at;
    f->tag = (int)(l->started % TAGS) * 2;
    f->n_requests = 0;
    if (f->job.task == FL_TASK_GATHER)
        begin_gather(l, f);
    else
        begin_scatter(l, f);
    l->started++;
    l->next_at += l->piece;
    if (!is_last(l, f)) return;
    l->next++;
    l->next_at = 0;
}

void fl_lane_progress(fl_lane *l) {
    for (uint64_t i = l->landed; i < l->started; i++) advance(l, &l->flight[i % FLIGHTS]);
    for (; l->landed < l->started; l->landed++) {
        const flight *f = &l->flight[l->landed % FLIGHTS];
        if (f->stage != DONE) break;
        l->ended += is_last(l, f);
    }
    while (l->next < l->begun && l->started - l->landed < FLIGHTS) start(l);
}

uint64_t fl_lane_begin(fl_lane *l, fl_task task, float *v, fl_span slice, fl_traffic *count) {
    l->job[l->begun % (uint64_t)l->at_once] = (job){task, v, slice, count};
    return l->begun++;
}

uint64_t fl_lane_ended(const fl_lane *l) {
    return l->ended;
}

/* ---- foretelling ---- */

static uint64_t pieces(const fl_lane *l, size_t n) {
    return (n + l->piece - 1) / l->piece;
}

static fl_traffic sent(size_t floats, size_t width, uint64_t messages) {
    uint64_t bytes = floats * width;
    return (fl_traffic){.mpi_bytes = bytes, .sent_bytes = bytes, .messages = messages};
}

fl_traffic fl_lane_foretell(const fl_lane *l, fl_task task, fl_span slice) {
    const job j = {.task = task, .slice = slice};
    size_t others = (size_t)l->ranks - 1, mine = fl_lane_owned(l, slice).len;
    size_t width = is_coded(l, &j) ? sizeof(uint16_t) : sizeof(float);
    if (is_short(l, &j)) return sent(others * slice.len, width, others);
    fl_traffic t = {0}, gather = sent(others * mine, width, others * pieces(l, mine));
    if (task != FL_TASK_GATHER) t = sent(slice.len - mine, width, 0);
    for (int k = 0; k < l->ranks && task != FL_TASK_GATHER; k++)
        if (k != l->me) t.messages += pieces(l, fl_part_of(slice, k, l->ranks).len);
    if (task != FL_TASK_SCATTER) fl_traffic_add(&t, &gather, 1);
    return t;
}

/* ---- opening and closing ---- */

fl_lane *fl_lane_open(MPI_Comm ranks, int at_once) {
    fl_lane *l = fl_alloc(sizeof *l);
    *l = (fl_lane){.comm = ranks, .at_once = at_once};
    MPI_Comm_rank(ranks, &l->me);
    MPI_Comm_size(ranks, &l->ranks);
    size_t n = (size_t)l->ranks, piece = FLIGHT_FLOATS / n;
    l->piece = piece > SHORT ? piece : SHORT;
    l->term = fl_alloc(n * sizeof *l->term);
    l->job = fl_alloc((size_t)at_once * sizeof *l->job);
    for (int i = 0; i < FLIGHTS; i++) {
        l->flight[i].request = fl_alloc(2 * n * sizeof(MPI_Request));
        l->flight[i].in = fl_alloc(n * l->piece * sizeof(float));
    }
    return l;
}

void fl_lane_send_as(fl_lane *l, fl_wire wire, size_t n) {
    if (wire == l->wire) return;
    FL_CHECK(l->wire == FL_WIRE_FLOAT32, "a second format for the same vector");
    l->wire = wire;
    l->n_rest = n;
    l->rest = fl_alloc_pages(n * sizeof *l->rest);
    for (int i = 0; i < FLIGHTS; i++)
        l->flight[i].coded = fl_alloc(2 * (size_t)l->ranks * l->piece * sizeof(uint16_t));
}

void fl_lane_close(fl_lane *l) {
    if (!l) return;
    for (int i = 0; i < FLIGHTS; i++) {
        fl_free(l->flight[i].request);
        fl_free(l->flight[i].in);
        fl_free(l->flight[i].coded);
    }
    fl_free_pages(l->rest, l->n_rest * sizeof *l->rest);
    fl_free(l->term);
    fl_free(l->job);
    MPI_Comm_free(&l->comm);
    fl_free(l);
}
