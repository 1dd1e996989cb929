/* What ranks will move: formulas, beside the code that does it and counts. */
#include "comm/sum.h"
#include "comm/work.h"

/* ---- where a rank stands ---- */

static int first_of(int node, int ranks, int nodes) {
    int more = ranks % nodes;
    return node * (ranks / nodes) + (node < more ? node : more);
}

void fl_seat_spread(int ranks, int nodes, int *node_of) {
    for (int k = 0; k < nodes; k++)
        for (int r = first_of(k, ranks, nodes); r < first_of(k + 1, ranks, nodes); r++)
            node_of[r] = k;
}

fl_seat fl_seat_on(int rank, int ranks, int nodes, const int *node_of) {
    int node = node_of[rank], first = first_of(node, ranks, nodes);
    return (fl_seat){
        .rank = rank,
        .size = ranks,
        .node_of = node_of,
        .peers = first_of(node + 1, ranks, nodes) - first,
        .me = rank - first,
        .slices = ranks / nodes,
        .crew = nodes,
        .station = node,
    };
}

bool fl_seat_is_whole(const fl_seat *at) {
    return at->peers == at->size;
}

/* ---- through a lane ---- */

/* A message does not go on from one piece to the next. */
static uint64_t messages_of_part(const fl_seat *at, size_t n) {
    size_t piece = fl_piece_of(at->crew);
    return n / piece * fl_messages_of(piece) + fl_messages_of(n % piece);
}

static uint64_t messages_of_all(const fl_seat *at, fl_span slice) {
    uint64_t n = 0;
    for (int k = 0; k < at->crew; k++)
        n += messages_of_part(at, fl_part_of(slice, k, at->crew).len);
    return n;
}

static fl_traffic sent(size_t floats, size_t width, uint64_t messages) {
    uint64_t bytes = floats * width;
    return (fl_traffic){.mpi_bytes = bytes, .sent_bytes = bytes, .messages = messages};
}

/* What a flight takes of so many parts, from the one numbered `from`, that it is `done` floats
 * into. */
static size_t taken(const fl_seat *at, fl_span slice, int from, int width, size_t done) {
    size_t floats = 0, piece = fl_piece_of(at->crew);
    for (int k = from; k < from + width; k++) {
        size_t n = fl_part_of(slice, k, at->crew).len, left = n > done ? n - done : 0;
        floats += left < piece ? left : piece;
    }
    return floats;
}

/* The `width` parts that begin at a multiple of it, with this one among them: what partners give
 * each other. */
static fl_traffic block(const fl_seat *at, fl_span slice, int part, int width) {
    fl_traffic t = {0};
    size_t floats = 1;
    for (size_t done = 0; floats; done += fl_piece_of(at->crew)) {
        floats = taken(at, slice, part / width * width, width, done);
        fl_traffic flight = sent(floats, sizeof(float), fl_messages_of(floats));
        fl_traffic_add(&t, &flight, 1);
    }
    return t;
}

static fl_traffic by_halves(const fl_seat *at, fl_task task, fl_span slice) {
    fl_traffic t = {0};
    for (int d = at->crew / 2; d > 0; d /= 2) {
        fl_traffic theirs = block(at, slice, at->station ^ d, d);
        fl_traffic mine = block(at, slice, at->station, d);
        if (task != FL_TASK_GATHER) fl_traffic_add(&t, &theirs, 1);
        if (task != FL_TASK_SCATTER) fl_traffic_add(&t, &mine, 1);
    }
    return t;
}

static fl_traffic through_lane(const fl_seat *at, fl_task task, fl_span slice) {
    bool coded = at->wire != FL_WIRE_FLOAT32 && task != FL_TASK_GATHER;
    if (fl_crew_halves(at->crew) && !coded) return by_halves(at, task, slice);
    size_t others = (size_t)at->crew - 1, width = coded ? sizeof(uint16_t) : sizeof(float);
    if (task == FL_TASK_SUM && slice.len <= FL_SHORT && !coded)
        return sent(others * slice.len, width, others);
    size_t mine = fl_part_of(slice, at->station, at->crew).len;
    uint64_t messages = messages_of_part(at, mine);
    fl_traffic t = {0}, gather = sent(others * mine, width, others * messages);
    if (task != FL_TASK_GATHER)
        t = sent(slice.len - mine, width, messages_of_all(at, slice) - messages);
    if (task != FL_TASK_SCATTER) fl_traffic_add(&t, &gather, 1);
    return t;
}

/* ---- in a window ---- */

const fl_work fl_works[] = {
    [FL_WINDOW_SUM] = {.adds = true, .crosses = true, .task = FL_TASK_SUM, .spreads = true},
    [FL_WINDOW_SLICE] = {.adds = true, .crosses = true, .task = FL_TASK_SUM},
    [FL_WINDOW_SCATTER] = {.adds = true, .crosses = true, .task = FL_TASK_SCATTER},
    [FL_WINDOW_GATHER] = {.crosses = true, .task = FL_TASK_GATHER, .spreads = true},
    [FL_WINDOW_SPREAD] = {.spreads = true},
};

fl_traffic fl_foretell(const fl_seat *at, fl_window_work work, fl_span s) {
    const fl_work *w = &fl_works[work];
    fl_span slice = fl_part_of(s, at->me, at->slices);
    bool crosses = w->crosses && at->crew > 1 && slice.len > 0;
    fl_traffic t = crosses ? through_lane(at, w->task, slice) : (fl_traffic){0};
    uint64_t times = (uint64_t)w->adds + (w->spreads && !at->common);
    t.node_bytes = times * (uint64_t)(at->peers - 1) * slice.len * sizeof(float);
    return t;
}

/* ---- in the fixed tree ---- */

static void send_to(const fl_seat *at, int to, size_t floats, fl_traffic *t) {
    bool leaves = at->node_of && at->node_of[to] != at->node_of[at->rank];
    uint64_t bytes = floats * sizeof(float);
    t->mpi_bytes += bytes;
    t->sent_bytes += leaves ? bytes : 0;
    t->messages += leaves ? fl_messages_of(floats) : 0;
}

static void add_piece(const fl_seat *at, size_t n, fl_traffic *t) {
    int p = fl_power_of_two_within(at->size), d = at->rank < p ? p / 2 : 0;
    if (at->rank >= p) send_to(at, at->rank - p, n, t);
    if (at->rank + p < at->size) send_to(at, at->rank + p, n, t);
    for (; d > 0; d /= 2) {
        size_t mine = at->rank & d ? n - n / 2 : n / 2;
        send_to(at, at->rank ^ d, n - mine, t);
        send_to(at, at->rank ^ d, mine, t);
        n = mine;
    }
}

fl_traffic fl_foretell_fixed(const fl_seat *at, size_t n) {
    fl_traffic t = {0};
    for (size_t i = 0; i < n && at->size > 1; i += FL_SUM_WORK)
        add_piece(at, n - i < FL_SUM_WORK ? n - i : FL_SUM_WORK, &t);
    return t;
}
