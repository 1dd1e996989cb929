/* comm.h: the ranks of a run, and what they say to each other. The only user of MPI.
 *
 * Outside mpirun and srun the one rank there is works without MPI. An MPI error ends the run. */
#ifndef FROSTLINE_COMM_H
#define FROSTLINE_COMM_H

#include "frostline/base.h"
#include "frostline/tensor.h"
#include "frostline/traffic.h"

typedef struct fl_comm fl_comm;

/* Collective over all ranks. Initialises MPI (thread level SERIALIZED) if a launcher started us and
 * the program has not; sets the log's rank and the hook by which fl_die ends all ranks. */
fl_status fl_comm_open(fl_comm **out);
/* Collective. Finalises MPI if fl_comm_open initialised it. NULL is allowed. */
void fl_comm_close(fl_comm *c);

int fl_comm_rank(const fl_comm *c);
int fl_comm_size(const fl_comm *c);
/* Among the ranks that share this node's memory. FROSTLINE_RANKS_PER_NODE=n in the environment of
 * all ranks has every n neighbours of a host take themselves for a node: to keep a copy near each
 * socket, or to see on one host what happens between several. */
int fl_comm_node_rank(const fl_comm *c);
int fl_comm_node_size(const fl_comm *c);
int fl_comm_nodes(const fl_comm *c);
int fl_comm_node(const fl_comm *c); /* this rank's, from 0, in the order of their first ranks */
const char *fl_comm_version(void);  /* of the MPI library */

/* Ends all ranks with this exit code; does not return. Not collective. */
_Noreturn void fl_comm_abort(fl_comm *c, int code);

/* ---- collectives: every rank calls, with the same n ---- */

void fl_comm_barrier(fl_comm *c);
void fl_comm_bcast(fl_comm *c, void *p, size_t bytes, int root);
void fl_comm_gather(fl_comm *c, const void *mine, size_t bytes,
                    void *all);                           /* to every rank, rank order */
void fl_comm_sum(fl_comm *c, float *v, size_t n);         /* in place, MPI's own all-reduce */
void fl_comm_sum_double(fl_comm *c, double *v, size_t n); /* likewise; same bits on every rank */
void fl_comm_max_double(fl_comm *c, double *v, size_t n); /* may lose a NaN: sum those */
/* In place, in one fixed binary tree over the ranks: the same order of additions every run,
 * whatever the MPI library would choose and wherever in a vector an element stands; the same bits
 * on every rank. `work`: min(n, FL_SUM_WORK) floats, the caller's. */
enum { FL_SUM_WORK = 1 << 20 };
void fl_comm_sum_fixed(fl_comm *c, float *v, size_t n, float *work);

/* ---- what is moved ---- */

/* What this rank begins from now on is counted in *to, also when it ends later; NULL: nowhere in
 * particular. All else is counted in what fl_comm_other returns, which only grows. */
void fl_comm_count(fl_comm *c, fl_traffic *to);
const fl_traffic *fl_comm_other(const fl_comm *c);
typedef struct fl_transport { /* of this process, since it started */
    int connections;          /* TCP connections to other hosts; 0: something else carries */
    uint64_t payload_bytes;   /* that they sent, MPI's headers included */
    uint64_t packets;         /* in so many packets, acknowledgements included */
    uint64_t link_bytes;      /* both together, with the headers of TCP, IP and Ethernet: what an
                               * interface counts */
} fl_transport;
/* As the kernel counted (TCP_INFO, Linux 4.19). Not collective; some system calls: not for every
 * step. */
fl_transport fl_comm_transport(void);
/* ---- the watchdog ---- */

/* Collective. From now on, who has waited for other ranks for longer than so many seconds ends the
 * run with FL_ERR_HANG, after a message that names the late rank and what it was doing. Ranks then
 * ask each other by UDP, and need not be able to answer. 0: no more. Rank 0's number holds. With
 * one rank: nothing. */
void fl_comm_watch(fl_comm *c, double seconds);
/* What this rank does from now on, for that message: a constant text. step 0: none. Cheap. */
void fl_comm_phase(fl_comm *c, const char *what, int64_t step);
/* This rank waits for something else than ranks, such as a disk: the same deadline holds. NULL: no
 * longer. */
void fl_comm_wait_for(fl_comm *c, const char *what);

/* ---- agreement ---- */

/* Collective; at each border between phases. If every rank brings FL_OK, all get FL_OK; else all
 * get the lowest failing rank's status and message, as "error: rank 2: …" unless every rank failed
 * with the same words, or the message starts with a place ("my.yaml:14:3: …"). */
fl_status fl_comm_agree(fl_comm *c, fl_status mine);

/* Collective. FL_OK if `text` is the same on every rank; else FL_ERR_DISAGREE on all, saying what
 * differs, which ranks differ from rank 0, and the first line that does, as it stands on both. */
fl_status fl_comm_same_text(fl_comm *c, const char *what, const char *text);
/* The same for n named hashes (`names[i]` may differ between ranks only if hashes do): names the
 * first that differs, and the ranks. A different n is a disagreement too. */
fl_status fl_comm_same_hashes(fl_comm *c, const char *what, size_t n, const char *const *names,
                              const uint64_t *hashes);

/* ---- one copy a node ---- */

typedef struct fl_shared fl_shared;

/* Collective. Memory of `bytes`, page-aligned, zeroed, that all ranks of a node share: each fills a
 * part (fl_shared_part), then all call fl_shared_seal, after which it is read-only (mprotect) for
 * everyone and a write is a fault. Where sharing is not to be had every rank gets a copy of its
 * own, of which it fills all. */
fl_status fl_shared_open(fl_comm *c, size_t bytes, fl_shared **out);
/* Collective. As fl_shared_open, for what is seldom read once it is sealed: where the node has a
 * disk for temporary files ($TMPDIR, else /var/tmp) the memory is that of a nameless file there,
 * and after fl_shared_rest takes none until it is read again. Elsewhere it is memory for good. */
fl_status fl_shared_open_seldom(fl_comm *c, size_t bytes, fl_shared **out);
void fl_shared_rest(const fl_shared *s); /* not collective */
/* Collective. As fl_shared_open, but every rank may write, at any time and each in places of its
 * own; never sealed. With a path (which may differ between nodes) the memory is that of a file,
 * kept when all is closed; what the file held stays, its length becomes `bytes` rounded up to
 * pages. FL_ERR_IO if there is no room. */
fl_status fl_shared_open_common(fl_comm *c, const char *path, size_t bytes, fl_shared **out);
void fl_shared_barrier(const fl_shared *s); /* collective over the ranks of a node that share it */
void *fl_shared_data(const fl_shared *s);
bool fl_shared_writer(const fl_shared *s); /* one rank of those that share it */
int fl_shared_parts(const fl_shared *s);   /* ranks that share it: 1 where each has its own */
int fl_shared_part(const fl_shared *s);    /* which of them this one is, from 0 */
bool fl_shared_is_shared(const fl_shared *s);
void fl_shared_seal(fl_shared *s);  /* collective */
void fl_shared_close(fl_shared *s); /* collective; NULL is allowed */

/* ---- long vectors, summed where they lie ---- */

/* A vector on each rank. Those of a node lie in memory that its ranks share (as above), where each
 * rank adds its slice of all of them, without a copy; between nodes, the ranks with the same slice
 * sum it by MPI. The order of additions is that of fl_comm_sum_fixed, over the ranks of each node
 * and then over the nodes in the order of fl_comm_node. What is begun must be begun in the same
 * order on every rank, and waited for. */
typedef struct fl_window fl_window;

/* Collective. n floats on each rank, zeroed, on pages of their own. FL_ERR_IO if there is no room.
 */
fl_status fl_window_open(fl_comm *c, size_t n, fl_window **out);
/* Collective. The same, but one vector a node, which all its ranks see: each writes in places of
 * its own. For gathering and spreading, not for sums. */
fl_status fl_window_open_common(fl_comm *c, size_t n, fl_window **out);
void fl_window_close(fl_window *w);          /* collective; NULL is allowed */
float *fl_window_floats(const fl_window *w); /* this rank's */
/* Which of the ranks that see the same vector this one is, and how many they are. */
int fl_window_part(const fl_window *w);
int fl_window_parts(const fl_window *w);
/* Sums go from node to node in this format from now on, those of FL_WIRE_… of two bytes with what
 * rounding took added the next time (error feedback: n more floats on each rank with a slice).
 * Within a node nothing is rounded. Before the first sum; the same on every rank. */
void fl_window_send_as(fl_window *w, fl_wire wire);
bool fl_window_is_whole(const fl_window *w);  /* all ranks share one memory: MPI has no part */
bool fl_window_is_shared(const fl_window *w); /* the ranks of this node do */
/* The stretch of a span that this rank owns: every float of it has one owner. May be empty. */
fl_span fl_window_owned(const fl_window *w, fl_span s);
/* The stretch that is this rank's in its node: every float of it has one such rank in each node. */
fl_span fl_window_slice(const fl_window *w, fl_span s);

/* Each of these begins something with a span of all ranks' vectors, which nobody may touch until
 * fl_window_wait has returned for the number that is returned here:
 * its sum, on every rank; */
uint64_t fl_window_sum_begin(fl_window *w, fl_span s);
/* its sum, on each rank in its slice (the rest of it is then undefined); */
uint64_t fl_window_slice_begin(fl_window *w, fl_span s);
/* its sum, on each rank in what that owns (the rest of it is then undefined); */
uint64_t fl_window_scatter_begin(fl_window *w, fl_span s);
/* what its owners have there, on every rank; */
uint64_t fl_window_gather_begin(fl_window *w, fl_span s);
/* what a node's ranks have in their slices, on every rank of that node. */
uint64_t fl_window_spread_begin(fl_window *w, fl_span s);
/* Where this rank stands, for fl_foretell: what each of them moves. Valid until the close. */
const fl_seat *fl_window_seat(const fl_window *w);
/* Gives back the memory of a span, which then reads as 0. Not collective. */
void fl_window_forget(fl_window *w, fl_span s);
/* Between begin and wait, now and then: lets what is begun advance. Waits for nobody. */
void fl_window_progress(fl_window *w);
void fl_window_wait(fl_window *w, uint64_t number);

#endif
