/* Time, and waiting in it.
 *
 * SMPI tells of a message's arrival best to who waits for it: asking again and again costs an event
 * each, and it keeps what was found by asking in a list that every wait goes through. So a rank
 * always waits, for any of its messages or, while it computes, for its alarm: one more simulated
 * process on the same host, which sends back a word when the time is over. */
#include <math.h>
#include <smpi/smpi.h>
#include <time.h>

#include "comm/flight.h"
#include "comm/patience.h"
#include "smpi_internal.h"

enum { ALARM_TAG = 1 };

static const double instant = 1e-9;  /* seconds: what is shorter is no time */
static const double rhythm = 400e-6; /* seconds: the courier pushes so often (comm/courier.c) */

static void rest(double seconds) {
    if (seconds < instant) return;
    time_t whole = (time_t)seconds;
    struct timespec t = {.tv_sec = whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)};
    smpi_nanosleep(&t, NULL);
}

static double owed; /* by the rank that runs: no other does before this one has settled it */

void fl_take_time(double seconds) {
    owed += seconds;
}

static void settle(void) {
    double seconds = owed;
    owed = 0;
    rest(seconds);
}

/* ---- the alarm ---- */

void fl_alarm_serve(int rank) {
    double seconds;
    for (;;) {
        MPI_Recv(&seconds, 1, MPI_DOUBLE, rank, ALARM_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (seconds < 0) return;
        rest(seconds);
        MPI_Send(&seconds, 1, MPI_DOUBLE, rank, ALARM_TAG, MPI_COMM_WORLD);
    }
}

void fl_alarm_close(int alarm) {
    double never = -1;
    MPI_Send(&never, 1, MPI_DOUBLE, alarm, ALARM_TAG, MPI_COMM_WORLD);
}

/* ---- waiting for messages ---- */

/* What src/comm calls in the place of MPI's; whose declarations bear these names too. */
int PMPI_Isend(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);
int PMPI_Irecv(void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);

int fl_smpi_isend(const void *v, int n, MPI_Datatype type, int to, int tag, MPI_Comm c,
                  MPI_Request *request) {
    settle();
    return PMPI_Isend(v, n, type, to, tag, c, request);
}
int fl_smpi_irecv(void *v, int n, MPI_Datatype type, int from, int tag, MPI_Comm c,
                  MPI_Request *request) {
    settle();
    return PMPI_Irecv(v, n, type, from, tag, c, request);
}
/* Done are those that were waited for. */
int fl_smpi_testall(int n, MPI_Request *request, int *done, MPI_Status *status) {
    (void)status;
    *done = 1;
    for (int i = 0; i < n; i++) *done = *done && request[i] == MPI_REQUEST_NULL;
    return MPI_SUCCESS;
}

static size_t under_way(const fl_lane *l) {
    size_t n = 0;
    for (uint64_t i = l->landed; i < l->started; i++)
        n += (size_t)l->flight[i % (uint64_t)l->most].n_requests;
    return n;
}

static int collect(const fl_lane *l, MPI_Request **where) {
    int n = 0;
    for (uint64_t i = l->landed; i < l->started; i++) {
        const fl_flight *f = &l->flight[i % (uint64_t)l->most];
        for (int k = 0; k < f->n_requests && f->stage != FL_LANDED; k++)
            if (f->request[k] != MPI_REQUEST_NULL) where[n++] = &f->request[k];
    }
    return n;
}

/* Until one message of the lane has come or left, or the alarm, if there is one, rings. */
static void wait_for_any(const fl_lane *l, MPI_Request *alarm) {
    size_t most = l ? under_way(l) : 0;
    MPI_Request **where = fl_alloc((most + 1) * sizeof *where),
                *copy = fl_alloc((most + 1) * sizeof *copy);
    int n = l ? collect(l, where) : 0, at = 0;
    if (alarm) where[n++] = alarm;
    for (int i = 0; i < n; i++) copy[i] = *where[i];
    if (n) MPI_Waitany(n, copy, &at, MPI_STATUS_IGNORE);
    if (n) *where[at] = copy[at];
    fl_free(where);
    fl_free(copy);
}

void fl_lane_wait(fl_lane *l, uint64_t number) {
    fl_lane_progress(l);
    while (fl_lane_ended(l) <= number) {
        settle();
        wait_for_any(l, NULL);
        fl_lane_progress(l);
    }
    settle();
}

void fl_wait_all(int n, MPI_Request *request) {
    settle();
    MPI_Waitall(n, request, MPI_STATUSES_IGNORE);
}

/* Until the courier looks the next time, or the end. */
static void rest_until_push(double start, double end) {
    double now = MPI_Wtime(), next = start + rhythm * ceil((now - start - instant) / rhythm);
    rest((next < end ? next : end) - now);
}

void fl_compute(fl_lane *l, int alarm, double seconds) {
    MPI_Request rings;
    settle();
    double start = MPI_Wtime(), word;
    if (!l || seconds < instant) {
        rest(seconds);
        return;
    }
    MPI_Send(&seconds, 1, MPI_DOUBLE, alarm, ALARM_TAG, MPI_COMM_WORLD);
    MPI_Irecv(&word, 1, MPI_DOUBLE, alarm, ALARM_TAG, MPI_COMM_WORLD, &rings);
    while (rings != MPI_REQUEST_NULL) {
        wait_for_any(l, &rings);
        if (rings != MPI_REQUEST_NULL) rest_until_push(start, start + seconds);
        fl_lane_progress(l);
        settle();
    }
}

/* Nobody else calls MPI: a rank pushes its lane on by itself. */
void fl_comm_lock(fl_comm *c) {
    (void)c;
}
void fl_comm_unlock(fl_comm *c) {
    (void)c;
}
