/* Sums between nodes, each rank of the lane sending to each other directly:
 *
 *   scatter: everyone sends each other rank that one's part of its slice, and adds what comes in;
 *   gather:  everyone sends all others its part of the result.
 *
 * Each number crosses the wire 2 (n-1)/n times, which is the least (Patarasuk & Yuan 2009), in two
 * messages' time; the order of additions is that of the fixed tree (tree.c), whatever MPI would
 * choose. A long slice goes in flights: some of each part at a time, a few under way, so that the
 * wire is busy in both directions while the numbers are added. What is short goes whole to everyone
 * in one message's time.
 *
 * Beyond some ranks that is many small messages; if they are a power of two flights then go by
 * halves (halving.c), the same bytes and the same order in fewer messages. */
#include "comm/flight.h"
#include "comm/payload.h"

enum { AWAITED = 3 };

fl_span fl_lane_owned(const fl_lane *l, fl_span slice) {
    return fl_part_of(slice, l->me, l->ranks);
}

/* ---- the order of flights ---- */

static bool is_last(const fl_lane *l, const fl_flight *f) {
    size_t longest = fl_flight_is_short(l, &f->job) ? 0 : fl_part_of(f->job.slice, 0, l->ranks).len;
    for (int k = 1; k < l->ranks; k++) {
        size_t len = fl_part_of(f->job.slice, k, l->ranks).len;
        if (len > longest && !fl_flight_is_short(l, &f->job)) longest = len;
    }
    return f->at + l->piece >= longest;
}

static void start(fl_lane *l) {
    fl_flight *f = &l->flight[l->started % (uint64_t)l->most];
    f->job = l->job[l->next % (uint64_t)l->at_once];
    f->at = l->next_at;
    f->tag = (int)(l->started % FL_TAGS) * 2;
    fl_flight_start(l, f);
    l->started++;
    l->next_at += l->piece;
    if (!is_last(l, f)) return;
    l->next++;
    l->next_at = 0;
}

/* Asking for a message that has not come costs a system call, and flights come in nearly one order:
 * behind a few that have not come there is little to find. */
void fl_lane_progress(fl_lane *l) {
    int awaited = 0;
    for (uint64_t i = l->landed; i < l->started && awaited < AWAITED; i++) {
        fl_flight *f = &l->flight[i % (uint64_t)l->most];
        fl_flight_advance(l, f);
        awaited += f->stage != FL_LANDED;
    }
    for (; l->landed < l->started; l->landed++) {
        const fl_flight *f = &l->flight[l->landed % (uint64_t)l->most];
        if (f->stage != FL_LANDED) break;
        l->ended += is_last(l, f);
    }
    while (l->next < l->begun && l->started - l->landed < (uint64_t)l->most) start(l);
}

uint64_t fl_lane_begin(fl_lane *l, fl_task task, float *v, fl_span slice, fl_traffic *count) {
    l->job[l->begun % (uint64_t)l->at_once] = (fl_lane_job){task, v, slice, count};
    return l->begun++;
}

uint64_t fl_lane_ended(const fl_lane *l) {
    return l->ended;
}

/* ---- opening and closing ---- */

/* Of one stage: both ways, with each other rank; or, of packed parts, with one. A coded flight of
 * halved lanes is direct. */
static size_t requests(const fl_lane *l) {
    size_t n = (size_t)l->ranks, direct = 2 * n * fl_messages_of(l->piece);
    size_t halved = l->halves ? 2 * fl_messages_of(n / 2 * l->piece) : 0;
    return direct > halved ? direct : halved;
}

static void open_flight(const fl_lane *l, fl_flight *f) {
    size_t n = (size_t)l->ranks;
    f->request = fl_alloc(requests(l) * sizeof(MPI_Request));
    f->in = fl_payload_open(n * l->piece * sizeof(float));
    if (!l->halves) return;
    f->start = fl_alloc((n + 1) * sizeof *f->start);
    f->work = fl_payload_open(n / 2 * l->piece * sizeof(float));
}

static void close_flight(fl_flight *f) {
    fl_free(f->request);
    fl_payload_close(f->in);
    fl_free(f->start);
    fl_payload_close(f->work);
    fl_payload_close(f->coded);
}

fl_lane *fl_lane_open(MPI_Comm ranks, int at_once) {
    fl_lane *l = fl_alloc(sizeof *l);
    *l = (fl_lane){.comm = ranks, .at_once = at_once};
    MPI_Comm_rank(ranks, &l->me);
    MPI_Comm_size(ranks, &l->ranks);
    l->halves = fl_crew_halves(l->ranks);
    l->most = l->halves ? FL_HALVED_FLIGHTS : FL_FLIGHTS;
    l->piece = fl_piece_of(l->ranks);
    l->term = fl_alloc((size_t)l->ranks * sizeof *l->term);
    l->job = fl_alloc((size_t)at_once * sizeof *l->job);
    for (int i = 0; i < l->most; i++) open_flight(l, &l->flight[i]);
    return l;
}

void fl_lane_send_as(fl_lane *l, fl_wire wire, size_t n) {
    if (wire == l->wire) return;
    FL_CHECK(l->wire == FL_WIRE_FLOAT32, "a second format for the same vector");
    l->wire = wire;
    l->n_rest = n;
    l->rest = fl_alloc_pages(n * sizeof *l->rest);
    for (int i = 0; i < l->most; i++)
        l->flight[i].coded = fl_payload_open(2 * (size_t)l->ranks * l->piece * sizeof(uint16_t));
}

void fl_lane_close(fl_lane *l) {
    if (!l) return;
    for (int i = 0; i < l->most; i++) close_flight(&l->flight[i]);
    fl_free_pages(l->rest, l->n_rest * sizeof *l->rest);
    fl_free(l->term);
    fl_free(l->job);
    MPI_Comm_free(&l->comm);
    fl_free(l);
}
