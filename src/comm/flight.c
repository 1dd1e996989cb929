/* One flight of a lane: what it sends and receives, and what is added in between. */
#include "comm/flight.h"

#include "comm/half.h"
#include "comm/payload.h"
#include "comm/sum.h"

/* ---- what goes where ---- */

static bool is_coded(const fl_lane *l, const fl_lane_job *j) {
    return l->wire != FL_WIRE_FLOAT32 && j->task != FL_TASK_GATHER;
}

bool fl_flight_is_short(const fl_lane *l, const fl_lane_job *j) {
    return j->task == FL_TASK_SUM && j->slice.len <= FL_SHORT && !is_coded(l, j) && !l->halves;
}

bool fl_flight_is_halved(const fl_lane *l, const fl_lane_job *j) {
    return l->halves && !is_coded(l, j);
}

fl_span fl_flight_share(const fl_lane *l, const fl_flight *f, int k) {
    if (fl_flight_is_short(l, &f->job)) return f->job.slice;
    fl_span part = fl_part_of(f->job.slice, k, l->ranks);
    if (f->at >= part.len) return (fl_span){part.off + part.len, 0};
    size_t left = part.len - f->at;
    return (fl_span){part.off + f->at, left < l->piece ? left : l->piece};
}

static float *in_of(const fl_lane *l, const fl_flight *f, int k) {
    return f->in + (size_t)k * l->piece;
}
static uint16_t *coded_in(const fl_lane *l, const fl_flight *f, int k) {
    return f->coded + (size_t)k * l->piece;
}
static uint16_t *coded_out(const fl_lane *l, const fl_flight *f, int k) {
    return f->coded + (size_t)(l->ranks + k) * l->piece;
}

static void count(fl_traffic *t, size_t bytes, size_t messages) {
    t->mpi_bytes += bytes;
    t->sent_bytes += bytes; /* all that a lane sends leaves the node */
    t->messages += messages;
}

static int tag_of(const fl_flight *f) {
    return f->tag + (f->stage == FL_GATHERING);
}

void fl_flight_send(fl_lane *l, fl_flight *f, const float *v, const uint16_t *coded, size_t n,
                    int to) {
    count(f->job.count, n * (coded ? sizeof *coded : sizeof *v), fl_messages_of(n));
    for (size_t at = 0, part; at < n; at += part) {
        part = fl_payload_message(n - at);
        MPI_Isend(coded ? (const void *)(coded + at) : v + at, (int)part,
                  coded ? MPI_UINT16_T : MPI_FLOAT, to, tag_of(f), l->comm,
                  &f->request[f->n_requests++]);
    }
}

void fl_flight_receive(fl_lane *l, fl_flight *f, float *v, uint16_t *coded, size_t n, int from) {
    for (size_t at = 0, part; at < n; at += part) {
        part = fl_payload_message(n - at);
        MPI_Irecv(coded ? (void *)(coded + at) : v + at, (int)part,
                  coded ? MPI_UINT16_T : MPI_FLOAT, from, tag_of(f), l->comm,
                  &f->request[f->n_requests++]);
    }
}

/* ---- the stages of a flight ---- */

static void begin_scatter(fl_lane *l, fl_flight *f) {
    bool coded = is_coded(l, &f->job);
    fl_span mine = fl_flight_share(l, f, l->me);
    f->stage = FL_SCATTERING;
    for (int k = 0; k < l->ranks && mine.len; k++)
        if (k != l->me)
            fl_flight_receive(l, f, in_of(l, f, k), coded ? coded_in(l, f, k) : NULL, mine.len, k);
    for (int k = 0; k < l->ranks; k++) {
        fl_span s = fl_flight_share(l, f, k);
        float *v = f->job.v + s.off;
        uint16_t *out = coded ? coded_out(l, f, k) : NULL;
        if (k == l->me || s.len == 0) continue;
        if (coded) fl_half_encode(l->wire, v, l->rest + s.off, out, s.len);
        fl_flight_send(l, f, v, out, s.len, k);
    }
}

static void end_scatter(fl_lane *l, fl_flight *f) {
    fl_span mine = fl_flight_share(l, f, l->me);
    for (int k = 0; k < l->ranks; k++) {
        l->term[k] = k == l->me ? f->job.v + mine.off : in_of(l, f, k);
        if (k != l->me && is_coded(l, &f->job))
            fl_half_decode(l->wire, coded_in(l, f, k), l->term[k], mine.len);
    }
    fl_sum_into(l->term, l->ranks, l->me, mine.len);
}

/* What is coded is decoded here too, so that all have the same bits. */
static void begin_gather(fl_lane *l, fl_flight *f) {
    bool coded = is_coded(l, &f->job);
    fl_span mine = fl_flight_share(l, f, l->me);
    float *v = f->job.v + mine.off;
    uint16_t *out = coded ? coded_out(l, f, l->me) : NULL;
    f->stage = FL_GATHERING;
    for (int k = 0; k < l->ranks; k++) {
        fl_span s = fl_flight_share(l, f, k);
        if (k != l->me && s.len)
            fl_flight_receive(l, f, f->job.v + s.off, coded ? coded_in(l, f, k) : NULL, s.len, k);
    }
    if (coded) fl_half_encode(l->wire, v, l->rest + mine.off, out, mine.len);
    if (coded) fl_half_decode(l->wire, out, v, mine.len);
    for (int k = 0; k < l->ranks && mine.len; k++)
        if (k != l->me) fl_flight_send(l, f, v, out, mine.len, k);
}

static void end_gather(fl_lane *l, fl_flight *f) {
    for (int k = 0; k < l->ranks && is_coded(l, &f->job); k++) {
        fl_span s = fl_flight_share(l, f, k);
        if (k != l->me) fl_half_decode(l->wire, coded_in(l, f, k), f->job.v + s.off, s.len);
    }
}

static void next_stage(fl_lane *l, fl_flight *f) {
    f->n_requests = 0;
    if (fl_flight_is_halved(l, &f->job)) {
        fl_halving_next(l, f);
        return;
    }
    bool more = f->job.task == FL_TASK_SUM && !fl_flight_is_short(l, &f->job);
    if (f->stage == FL_SCATTERING) {
        end_scatter(l, f);
        f->stage = FL_LANDED;
        if (more) begin_gather(l, f);
    } else {
        end_gather(l, f);
        f->stage = FL_LANDED;
    }
}

void fl_flight_start(fl_lane *l, fl_flight *f) {
    f->n_requests = 0;
    if (fl_flight_is_halved(l, &f->job))
        fl_halving_start(l, f);
    else
        (f->job.task == FL_TASK_GATHER ? begin_gather : begin_scatter)(l, f);
}

void fl_flight_advance(fl_lane *l, fl_flight *f) {
    int done = 1;
    while (f->stage != FL_LANDED && done) {
        MPI_Testall(f->n_requests, f->request, &done, MPI_STATUSES_IGNORE);
        if (done) next_stage(l, f);
    }
}
