/* comm.h: the ranks of a run, and what they say to each other. The only user of MPI.
 *
 * Outside mpirun and srun the one rank there is works without MPI. An MPI error ends the run. */
#ifndef FROSTLINE_COMM_H
#define FROSTLINE_COMM_H

#include "frostline/base.h"

typedef struct fl_comm fl_comm;

/* Collective over all ranks. Initialises MPI (thread level SERIALIZED) if a launcher started us and
 * the program has not; sets the log's rank and the hook by which fl_die ends all ranks. */
fl_status fl_comm_open(fl_comm **out);
/* Collective. Finalises MPI if fl_comm_open initialised it. NULL is allowed. */
void fl_comm_close(fl_comm *c);

int fl_comm_rank(const fl_comm *c);
int fl_comm_size(const fl_comm *c);
int fl_comm_node_rank(const fl_comm *c); /* among the ranks that share this node's memory */
int fl_comm_node_size(const fl_comm *c);
int fl_comm_nodes(const fl_comm *c);
const char *fl_comm_version(void); /* of the MPI library */

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

/* Non-blocking all-reduce. v must stay untouched until fl_comm_wait. Returns a handle. Of more than
 * FL_MAX_PENDING at a time the later ones are summed at once: correct, but no longer overlapping.
 */
enum { FL_MAX_PENDING = 1024 };
int fl_comm_sum_begin(fl_comm *c, float *v, size_t n);
void fl_comm_progress(fl_comm *c); /* lets pending ones advance; cheap */
void fl_comm_wait(fl_comm *c, int handle);

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

/* Collective. Memory of `bytes`, page-aligned, zeroed, that all ranks of a node share: one of them
 * (the writer) fills it, then all call fl_shared_seal, after which it is read-only (mprotect) for
 * everyone and a write is a fault. Where sharing is not to be had every rank gets a copy of its own
 * and is a writer. */
fl_status fl_shared_open(fl_comm *c, size_t bytes, fl_shared **out);
/* Collective. The same, but every rank may write, at any time and each in places of its own; never
 * sealed. With a path (which may differ between nodes) the memory is that of a file, kept when all
 * is closed; what the file held stays, its length becomes `bytes` rounded up to pages. FL_ERR_IO if
 * there is no room. */
fl_status fl_shared_open_common(fl_comm *c, const char *path, size_t bytes, fl_shared **out);
void fl_shared_barrier(const fl_shared *s); /* collective over the ranks of a node that share it */
void *fl_shared_data(const fl_shared *s);
bool fl_shared_writer(const fl_shared *s);
bool fl_shared_is_shared(const fl_shared *s);
void fl_shared_seal(fl_shared *s);  /* collective */
void fl_shared_close(fl_shared *s); /* collective; NULL is allowed */

#endif
