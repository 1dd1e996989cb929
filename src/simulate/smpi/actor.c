/* A step of a simulated rank: what src/train/step.c, src/reduce and the courier do, on the clock
 * alone. Of each step's static part, the first's too, what runs ahead is taken as done before. */
#include <string.h>

#include "comm/payload.h"
#include "comm/work.h"
#include "smpi_internal.h"

enum { CONTROL_SUMS = 6 };

static void compute(fl_actor *a, double seconds) {
    fl_compute(a->gradients, a->alarm, seconds);
}

/* ---- the reducers ---- */

static bool begins_early(const fl_actor *a) {
    return a->script->way == FL_WAY_OVERLAP || a->script->way == FL_WAY_SHARDED;
}

static void begin(fl_actor *a, int bucket) {
    fl_task task = a->script->way == FL_WAY_SHARDED ? FL_TASK_SCATTER : FL_TASK_SUM;
    a->ticket[bucket] =
        fl_lane_begin(a->gradients, task, a->v, a->script->bucket[bucket], &a->moved);
    fl_lane_progress(a->gradients);
}

static void end(fl_actor *a, int bucket) {
    fl_span s = a->script->bucket[bucket];
    if (a->script->way == FL_WAY_TREE) {
        fl_comm_sum_fixed(&a->comm, a->v + s.off, s.len, a->work);
        return;
    }
    if (!begins_early(a)) begin(a, bucket);
    fl_lane_wait(a->gradients, a->ticket[bucket]);
}

static void publish(fl_actor *a) {
    const fl_script *s = a->script;
    for (int i = 0; i < s->n_buckets; i++) {
        a->ticket[i] = fl_lane_begin(a->weights, FL_TASK_GATHER, a->v, s->bucket[i], &a->moved);
        fl_lane_progress(a->weights);
    }
    for (int i = 0; i < s->n_buckets; i++) fl_lane_wait(a->weights, a->ticket[i]);
}

/* ---- a step ---- */

static void backward(fl_actor *a) {
    const fl_script *s = a->script;
    double at = 0;
    for (int i = 0; i < s->n_buckets && begins_early(a) && a->gradients; i++) {
        compute(a, s->ready_seconds[i] - at);
        at = s->ready_seconds[i];
        begin(a, i);
    }
    compute(a, s->backward_seconds - at);
}

static void add_control_sums(fl_actor *a) {
    double sums[CONTROL_SUMS] = {0};
    MPI_Allreduce(MPI_IN_PLACE, sums, CONTROL_SUMS, MPI_DOUBLE, MPI_SUM, a->comm.world);
}

void fl_actor_step(fl_actor *a) {
    const fl_script *s = a->script;
    double ahead = begins_early(a) ? s->ahead_seconds : 0;
    compute(a, s->before_seconds - ahead);
    backward(a);
    compute(a, ahead);
    double start = MPI_Wtime();
    for (int i = 0; i < s->n_buckets && a->gradients; i++) end(a, i);
    a->exposed += MPI_Wtime() - start;
    add_control_sums(a);
    compute(a, s->update_seconds);
    start = MPI_Wtime();
    if (a->weights) publish(a);
    a->exposed += MPI_Wtime() - start;
}

/* ---- opening, closing, foretelling ---- */

static fl_lane *open_lane(const fl_actor *a, fl_wire wire, size_t floats) {
    MPI_Comm ranks;
    MPI_Comm_dup(a->comm.world, &ranks);
    fl_lane *l = fl_lane_open(ranks, a->script->n_buckets + 1);
    fl_lane_send_as(l, wire, floats);
    return l;
}

static size_t floats_of(const fl_script *s) {
    if (s->n_buckets == 0) return 0;
    const fl_span *last = &s->bucket[s->n_buckets - 1];
    return last->off + last->len;
}

/* A vector, a piece of the tree, or a flight: of all ranks' parts, in floats or twice as halves. */
size_t fl_actor_room(const fl_script *s) {
    size_t most = floats_of(s), flight = (size_t)s->np * fl_piece_of(s->np);
    if (most < FL_SUM_WORK) most = FL_SUM_WORK;
    return (most > flight ? most : flight) * sizeof(float);
}

void fl_actor_open(const fl_script *s, MPI_Comm ranks, int alarm, fl_actor *out) {
    fl_actor *a = out;
    *a = (fl_actor){.script = s, .comm = {.world = ranks}, .alarm = alarm};
    fl_comm *c = &a->comm;
    size_t floats = floats_of(s);
    MPI_Comm_rank(c->world, &c->rank);
    MPI_Comm_size(c->world, &c->size);
    c->count = &a->moved;
    c->node_of = fl_alloc((size_t)c->size * sizeof *c->node_of);
    fl_seat_spread(c->size, c->size, c->node_of);
    a->v = fl_payload_open(floats * sizeof *a->v);
    a->work = fl_payload_open(FL_SUM_WORK * sizeof *a->work);
    a->ticket = fl_alloc((size_t)s->n_buckets * sizeof *a->ticket);
    if (c->size == 1) return;
    a->gradients = open_lane(a, s->wire, floats);
    if (s->way == FL_WAY_SHARDED) a->weights = open_lane(a, FL_WIRE_FLOAT32, floats);
}

void fl_actor_close(fl_actor *a) {
    fl_lane_close(a->gradients);
    fl_lane_close(a->weights);
    fl_payload_close(a->v);
    fl_payload_close(a->work);
    fl_free(a->comm.node_of);
    fl_free(a->ticket);
}

static fl_traffic of_bucket(const fl_script *s, fl_seat *at, fl_span bucket) {
    at->wire = s->wire;
    if (s->way == FL_WAY_TREE) return fl_foretell_fixed(at, bucket.len);
    if (s->way != FL_WAY_SHARDED) return fl_foretell(at, FL_WINDOW_SLICE, bucket);
    fl_traffic t = fl_foretell(at, FL_WINDOW_SCATTER, bucket);
    at->wire = FL_WIRE_FLOAT32;
    fl_traffic published = fl_foretell(at, FL_WINDOW_GATHER, bucket);
    fl_traffic_add(&t, &published, 1);
    return t;
}

fl_traffic fl_actor_foretell(const fl_actor *a) {
    const fl_comm *c = &a->comm;
    fl_traffic all = {0};
    fl_seat at = fl_seat_on(c->rank, c->size, c->size, c->node_of);
    for (int i = 0; i < a->script->n_buckets; i++) {
        fl_traffic t = of_bucket(a->script, &at, a->script->bucket[i]);
        fl_traffic_add(&all, &t, 1);
    }
    return all;
}
