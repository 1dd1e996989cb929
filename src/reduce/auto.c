/* auto: overlap or sharded, whichever leaves less to wait for. Within a node they are the same.
 * With n nodes, B buckets of P bytes in all, a message's time α and the speeds β of the network and
 * μ of memory, sharded sends the weights after the update, which overlap does not,
 *
 *     α B + P (n-1)/n / β,
 *
 * but each node updates 1/n of them: it saves P (n-1)/n · 7/μ, since an update of Adam's kind reads
 * weight, gradient and two moments, and writes three of them. α, β and μ are measured at the start,
 * so that another run may choose otherwise. */
#include "frostline/log.h"
#include "reduce_internal.h"

enum { PROBE = 1 << 20 /* floats */, TIMES = 5, PASSES = 7 };

extern const fl_reduce_ops fl_reduce_overlap, fl_reduce_sharded;

/* Seconds of the sum of n floats on the slowest rank, at best. */
static double time_of_sum(fl_comm *c, fl_window *w, size_t n) {
    double best = 1e9;
    for (int i = 0; i < TIMES; i++) {
        fl_comm_barrier(c);
        double start = fl_clock();
        fl_window_wait(w, fl_window_slice_begin(w, (fl_span){0, n}));
        double seconds = fl_clock() - start;
        best = seconds < best ? seconds : best;
    }
    fl_comm_max_double(c, &best, 1);
    return best;
}

/* Seconds in which a node reads or writes a float once, its ranks together. */
static double time_of_memory(fl_comm *c, fl_window *w) {
    float *v = fl_window_floats(w);
    double start = fl_clock();
    for (int i = 0; i < TIMES; i++)
        for (size_t k = 0; k < PROBE; k++) v[k] = 0.5F * v[k];
    double seconds = (fl_clock() - start) / TIMES / (2 * PROBE) / fl_comm_node_size(c);
    fl_comm_max_double(c, &seconds, 1);
    return seconds;
}

static bool sharding_pays(fl_comm *c, fl_window *w, int n, const fl_span *buckets) {
    double floats = 0, share = (fl_comm_nodes(c) - 1.0) / fl_comm_nodes(c);
    for (int i = 0; i < n; i++) floats += (double)buckets[i].len;
    double latency = time_of_sum(c, w, 1), memory = time_of_memory(c, w);
    double wire = (time_of_sum(c, w, PROBE) - latency) / (2 * share * PROBE);
    double sent = latency * n + floats * share * wire, saved = floats * share * PASSES * memory;
    const fl_reduce_ops *way = sent < saved ? &fl_reduce_sharded : &fl_reduce_overlap;
    if (fl_comm_rank(c) == 0)
        fl_note("reducer auto: a message between nodes takes %.3g us, the network brings %.3g GB/s;"
                " sharding the update would send for %.3g ms and save %.3g ms: %s",
                latency * 1e6, sizeof(float) / wire * 1e-9, sent * 1e3, saved * 1e3, way->name);
    return sent < saved;
}

static fl_status choose(fl_comm *c, int n, const fl_span *buckets, const fl_reduce_ops **out) {
    fl_window *probe;
    *out = &fl_reduce_overlap;
    if (fl_comm_nodes(c) == 1) return FL_OK;
    FL_TRY(fl_window_open(c, PROBE, &probe));
    if (sharding_pays(c, probe, n, buckets)) *out = &fl_reduce_sharded;
    fl_window_close(probe);
    return FL_OK;
}

const fl_reduce_ops fl_reduce_auto = {
    .name = "auto",
    .help = "overlap or sharded, by what the network and the memory are measured to do.",
    .choose = choose,
};
