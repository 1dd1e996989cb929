/* A flight by halves (Rabenseifner, "Optimization of collective reduction operations", ICCS 2004):
 *
 *   scatter: at the distances p/2, p/4 … 1 a rank gives its partner, me xor distance, the half of
 *            the parts that is the partner's, and adds what comes in to its own half;
 *   gather:  at the distances 1, 2 … p/2 both give each other what they have.
 *
 * The halves are cut between parts, so that part k ends at rank k. That is the order of additions
 * of the fixed tree, S(r, k) (tree.c), as that of direct exchange is: the same bits. The parts of a
 * flight lie packed, one behind the other, so that each message is one stretch of memory. */
#include "comm/flight.h"
#include "comm/payload.h"

/* In what is packed: the `width` parts that begin at a multiple of it, with this one among them. */
static fl_span block_of(const fl_flight *f, int part, int width) {
    int first = part / width * width;
    return (fl_span){f->start[first], f->start[first + width] - f->start[first]};
}

static void place(const fl_lane *l, fl_flight *f) {
    f->start[0] = 0;
    for (int k = 0; k < l->ranks; k++) f->start[k + 1] = f->start[k] + fl_flight_share(l, f, k).len;
}

static void pack(const fl_lane *l, fl_flight *f, int from, int to) {
    for (int k = from; k < to; k++) {
        fl_span s = fl_flight_share(l, f, k);
        fl_payload_copy(f->in + f->start[k], f->job.v + s.off, s.len);
    }
}

static void unpack(const fl_lane *l, const fl_flight *f, int from, int to) {
    for (int k = from; k < to; k++) {
        fl_span s = fl_flight_share(l, f, k);
        fl_payload_copy(f->job.v + s.off, f->in + f->start[k], s.len);
    }
}

/* Parts without floats in this flight are no message. */
static void exchange(fl_lane *l, fl_flight *f, fl_span give, float *take, size_t n_take) {
    int partner = l->me ^ f->distance;
    if (n_take) fl_flight_receive(l, f, take, NULL, n_take, partner);
    if (give.len) fl_flight_send(l, f, f->in + give.off, NULL, give.len, partner);
}

static void begin_scatter(fl_lane *l, fl_flight *f, int distance) {
    f->stage = FL_SCATTERING;
    f->distance = distance;
    exchange(l, f, block_of(f, l->me ^ distance, distance), f->work,
             block_of(f, l->me, distance).len);
}

static void begin_gather(fl_lane *l, fl_flight *f, int distance) {
    fl_span take = block_of(f, l->me ^ distance, distance);
    f->stage = FL_GATHERING;
    f->distance = distance;
    exchange(l, f, block_of(f, l->me, distance), f->in + take.off, take.len);
}

void fl_halving_start(fl_lane *l, fl_flight *f) {
    bool gathers = f->job.task == FL_TASK_GATHER;
    place(l, f);
    pack(l, f, gathers ? l->me : 0, gathers ? l->me + 1 : l->ranks);
    if (gathers)
        begin_gather(l, f, 1);
    else
        begin_scatter(l, f, l->ranks / 2);
}

static void land(const fl_lane *l, fl_flight *f, int from, int to) {
    unpack(l, f, from, to);
    f->stage = FL_LANDED;
}

static void end_scatter(fl_lane *l, fl_flight *f) {
    fl_span mine = block_of(f, l->me, f->distance);
    fl_payload_add(f->in + mine.off, f->work, mine.len);
    if (f->distance > 1)
        begin_scatter(l, f, f->distance / 2);
    else if (f->job.task == FL_TASK_SUM)
        begin_gather(l, f, 1);
    else
        land(l, f, l->me, l->me + 1);
}

static void end_gather(fl_lane *l, fl_flight *f) {
    if (2 * f->distance < l->ranks)
        begin_gather(l, f, 2 * f->distance);
    else
        land(l, f, 0, l->ranks);
}

void fl_halving_next(fl_lane *l, fl_flight *f) {
    (f->stage == FL_SCATTERING ? end_scatter : end_gather)(l, f);
}
