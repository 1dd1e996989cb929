/* Windows: where their vectors lie, who has which slice, and the lanes between nodes. */
#include <unistd.h>

#include "comm/patience.h"
#include "comm/window.h"
#include "comm_internal.h"

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

static fl_seat seat_of(const fl_comm *c, const fl_shared *memory) {
    int peers = fl_shared_parts(memory);
    return (fl_seat){
        .rank = c->rank,
        .size = c->size,
        .node_of = c->node_of,
        .peers = peers,
        .me = fl_shared_part(memory),
        .slices = peers,
        .crew = 1,
    };
}

/* The counters lie behind the vectors, which so begin on pages. */
static void place(fl_window *w, size_t stride) {
    char *memory = fl_shared_data(w->memory);
    int vectors = w->at.common ? 1 : w->at.peers;
    w->vector = fl_alloc((size_t)w->at.peers * sizeof *w->vector);
    w->term = fl_alloc((size_t)w->at.peers * sizeof *w->term);
    for (int r = 0; r < w->at.peers; r++)
        w->vector[r] = (float *)(memory + stride * (size_t)(r % vectors));
    w->mark = (fl_mark *)(memory + stride * (size_t)vectors);
    w->spins = fl_patience_spins(w->at.peers);
}

/* Each slice is summed between all nodes, so there are as many as the smallest has ranks; and the
 * nodes come in one order in all lanes, however the ranks lie on them. */
static void join_lane(fl_window *w) {
    const fl_comm *c = w->comm;
    MPI_Comm ranks;
    if (fl_seat_is_whole(&w->at)) return;
    MPI_Allreduce(MPI_IN_PLACE, &w->at.slices, 1, MPI_INT, MPI_MIN, c->world);
    MPI_Comm_split(c->world, w->at.me < w->at.slices ? w->at.me : MPI_UNDEFINED, c->node_number,
                   &ranks);
    if (ranks == MPI_COMM_NULL) return;
    MPI_Comm_size(ranks, &w->at.crew);
    MPI_Comm_rank(ranks, &w->at.station);
    w->lane = fl_lane_open(ranks, FL_WINDOW_OPEN);
    w->courier = fl_courier_open(w->comm, fl_window_push, w);
}

static fl_status open_window(fl_comm *c, size_t n, bool common, fl_window **out) {
    size_t stride = whole_pages(n * sizeof(float)), ranks = (size_t)c->node_size;
    fl_shared *memory;
    *out = NULL;
    FL_TRY(fl_shared_open_common(c, NULL, (common ? 1 : ranks) * stride + ranks * sizeof(fl_mark),
                                 &memory));
    fl_window *w = fl_alloc(sizeof *w);
    *w = (fl_window){.comm = c, .memory = memory, .n = n, .at = seat_of(c, memory)};
    w->at.common = common;
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
    fl_free(w->term);
    fl_free(w);
}

float *fl_window_floats(const fl_window *w) {
    return w->vector[w->at.me];
}
int fl_window_part(const fl_window *w) {
    return w->at.common ? w->at.me : 0;
}
int fl_window_parts(const fl_window *w) {
    return w->at.common ? w->at.peers : 1;
}
const fl_seat *fl_window_seat(const fl_window *w) {
    return &w->at;
}
bool fl_window_is_whole(const fl_window *w) {
    return fl_seat_is_whole(&w->at);
}
bool fl_window_is_shared(const fl_window *w) {
    return w->at.peers == w->comm->node_size;
}

void fl_window_forget(fl_window *w, fl_span s) {
    fl_empty_pages(fl_window_floats(w) + s.off, s.len * sizeof(float));
}

void fl_window_send_as(fl_window *w, fl_wire wire) {
    w->at.wire = wire;
    if (w->lane) fl_lane_send_as(w->lane, wire, w->n);
}

/* ---- who has what ---- */

fl_span fl_window_slice(const fl_window *w, fl_span s) {
    return fl_part_of(s, w->at.me, w->at.slices);
}

fl_span fl_window_owned(const fl_window *w, fl_span s) {
    fl_span slice = fl_window_slice(w, s);
    return w->lane ? fl_lane_owned(w->lane, slice) : slice;
}
