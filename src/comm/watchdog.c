/* The watchdog: a thread that ends the run when this rank has waited too long.
 *
 * As long as all goes well the ranks hardly speak: each tells its neighbour from time to time how
 * far it is. Who has waited for the whole timeout asks all others, over a line beside MPI. Late is
 * who does not answer, else who made the fewest moves. The lowest rank that asks says so, and all
 * leave.
 *
 * Time is counted in turns of this thread, and a long turn counts little: a run that is itself
 * stopped, or gets no processor, does not take that for the others' fault. */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "comm_internal.h"
#include "frostline/log.h"
#include "line.h"

/* Seconds; Open MPI has one between its SIGTERM and its SIGKILL. */
#define GRACE 1.5

typedef struct news { /* of another rank */
    fl_state state;
    double at; /* when it was so, by fl_clock; 0: never heard of */
    bool answers;
} news;

struct fl_watchdog {
    fl_comm *c;
    fl_line *line;
    pthread_t thread;
    atomic_bool closing;
    double timeout, turn, patience; /* patience: how long an answer may take */
    news *news;                     /* (size) */
    uint64_t moves, changes;        /* as last seen; with them `since` begins anew */
    double since, waited, said;     /* seconds: here; waiting here; since the neighbour was told */
    double asking;                  /* seconds since the others were asked, or NAN */
    double hold;                    /* seconds during which a lower rank is the one that asks */
};

/* ---- words ---- */

static void copy_text(char to[48], const char *text) {
    snprintf(to, 48, "%s", text ? text : "");
}

static fl_state my_state(const fl_watchdog *w) {
    fl_progress *p = &w->c->progress;
    fl_state s = {.moves = w->moves, .seconds = w->since};
    s.step = atomic_load_explicit(&p->step, memory_order_relaxed);
    copy_text(s.phase, atomic_load_explicit(&p->phase, memory_order_relaxed));
    copy_text(s.wait, atomic_load_explicit(&p->wait, memory_order_relaxed));
    return s;
}

/* With what is known of the neighbour below: it may be the one that cannot answer. */
static void say(fl_watchdog *w, int to, fl_word_kind kind) {
    int below = (w->c->rank + w->c->size - 1) % w->c->size;
    const news *n = &w->news[below];
    fl_word word = {.kind = kind, .neighbour = n->at > 0 ? below : -1, .state = my_state(w)};
    word.heard = fl_clock() - n->at;
    word.other = n->state;
    fl_line_send(w->line, to, &word);
}

static void say_to_all(fl_watchdog *w, fl_word_kind kind) {
    for (int r = 0; r < w->c->size; r++)
        if (r != w->c->rank && (kind != FL_WORD_ASK || !w->news[r].answers)) say(w, r, kind);
}

static void learn(fl_watchdog *w, int rank, fl_state state, double at) {
    news *n = &w->news[rank];
    if (rank == w->c->rank || at <= n->at) return;
    state.phase[sizeof state.phase - 1] = state.wait[sizeof state.wait - 1] = '\0';
    n->state = state;
    n->at = at;
}

static void hear(fl_watchdog *w, const fl_word *word) {
    double now = fl_clock();
    learn(w, word->from, word->state, now);
    if (word->neighbour >= 0) learn(w, word->neighbour, word->other, now - word->heard);
    w->news[word->from].answers = true;
    if (word->kind == FL_WORD_ASK) say(w, word->from, FL_WORD_STATE);
    if (word->kind == FL_WORD_END) fl_leave(FL_ERR_HANG, GRACE);
    if (word->kind != FL_WORD_ASK || word->from > w->c->rank) return;
    w->hold = 3 * w->patience;
    w->asking = NAN;
}

/* ---- who is late ---- */

static bool any_silent(const fl_watchdog *w) {
    for (int r = 0; r < w->c->size; r++)
        if (r != w->c->rank && !w->news[r].answers) return true;
    return false;
}

static uint64_t moves_of(const fl_watchdog *w, int rank) {
    return rank == w->c->rank ? w->moves : w->news[rank].state.moves;
}

static uint64_t fewest_moves(const fl_watchdog *w) {
    uint64_t fewest = w->moves;
    for (int r = 0; r < w->c->size; r++)
        if (moves_of(w, r) < fewest) fewest = moves_of(w, r);
    return fewest;
}

static void add_state(fl_text *t, const fl_state *s) {
    if (s->phase[0]) fl_text_add(t, " in '%s'", s->phase);
    if (s->step > 0) fl_text_add(t, ", step %lld", (long long)s->step);
    if (s->wait[0]) fl_text_add(t, ", waiting for %s", s->wait);
}

static void add_rank(const fl_watchdog *w, fl_text *t, int rank, bool silent) {
    const news *n = &w->news[rank];
    fl_state state = rank == w->c->rank ? my_state(w) : n->state;
    fl_text_add(t, "\n  rank %d on %s, process %d, ", rank, fl_line_host(w->line, rank),
                fl_line_process(w->line, rank));
    if (!silent) {
        fl_text_add(t, "has been for %.0f s", state.seconds);
    } else {
        fl_text_add(t, "does not answer: stopped, dead or cut off");
        if (n->at > 0) fl_text_add(t, "; %.0f s ago it was", fl_clock() - n->at);
    }
    if (!silent || n->at > 0) add_state(t, &state);
}

/* The silent ones; where all answer, those with the fewest moves. */
static void add_late(const fl_watchdog *w, fl_text *t) {
    enum { MOST = 8 };
    bool silent = any_silent(w);
    uint64_t fewest = fewest_moves(w);
    int n = 0;
    for (int r = 0; r < w->c->size; r++) {
        bool late = silent ? r != w->c->rank && !w->news[r].answers : moves_of(w, r) == fewest;
        if (late && n++ < MOST) add_rank(w, t, r, silent);
    }
    if (n > MOST) fl_text_add(t, "\n  and %d more", n - MOST);
}

static char *describe(const fl_watchdog *w) {
    fl_state mine = my_state(w);
    fl_text t = {0};
    fl_text_add(&t, "error: the run hangs: rank %d has waited for %.3g s", w->c->rank, w->waited);
    add_state(&t, &mine);
    fl_text_add(&t, ". Late:");
    add_late(w, &t);
    fl_text_add(&t,
                "\n  What was saved is whole: mend that and go on with --resume; if it was only "
                "slow, raise distributed.timeout");
    return t.s;
}

/* The others leave a little later, for whoever ends first has the launcher end all, and the message
 * is to be through by then. */
static void end_run(fl_watchdog *w) {
    char *text = describe(w);
    fprintf(stderr, "%s\n", text);
    fflush(stderr);
    usleep(100000);
    say_to_all(w, FL_WORD_END);
    fl_leave(FL_ERR_HANG, GRACE);
}

/* ---- the thread ---- */

/* Higher ranks ask later, so that one asks for all if it can. */
static double deadline(const fl_watchdog *w) {
    int rank = w->c->rank;
    return w->timeout + w->patience / 2 * (rank < 3 ? rank : 3);
}

static void count(fl_watchdog *w, double seconds) {
    fl_progress *p = &w->c->progress;
    uint64_t moves = atomic_load_explicit(&p->moves, memory_order_acquire);
    uint64_t changes = atomic_load_explicit(&p->changes, memory_order_relaxed);
    bool waits = atomic_load_explicit(&p->wait, memory_order_relaxed) != NULL;
    bool moved = moves != w->moves || changes != w->changes;
    if (moved || !waits) w->asking = NAN;
    w->since = moved ? 0 : w->since + seconds;
    w->waited = moved || !waits ? 0 : w->waited + seconds;
    w->moves = moves;
    w->changes = changes;
    w->said += seconds;
    w->hold -= seconds;
    if (!isnan(w->asking)) w->asking += seconds;
}

static void begin_asking(fl_watchdog *w) {
    for (int r = 0; r < w->c->size; r++) w->news[r].answers = false;
    w->asking = 0;
}

static void act(fl_watchdog *w) {
    if (w->said >= fmin(w->timeout / 20, 5)) {
        say(w, (w->c->rank + 1) % w->c->size, FL_WORD_STATE);
        w->said = 0;
    }
    if (isnan(w->asking) && w->waited >= deadline(w) && w->hold <= 0) begin_asking(w);
    if (isnan(w->asking)) return;
    if (w->asking >= w->patience) end_run(w);
    say_to_all(w, FL_WORD_ASK);
}

static void *watch(void *arg) {
    fl_watchdog *w = arg;
    fl_word word;
    double last = fl_clock(), next = last;
    while (!atomic_load(&w->closing)) {
        if (fl_line_receive(w->line, fmax(0, next - fl_clock()), &word)) hear(w, &word);
        double now = fl_clock();
        if (now < next) continue;
        count(w, fmin(now - last, 2 * w->turn));
        act(w);
        last = now;
        next = now + w->turn;
    }
    return NULL;
}

/* Signals are the main thread's. */
static void start(fl_watchdog *w) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    FL_CHECK(error == 0, "pthread_create: %s", strerror(error));
}

fl_watchdog *fl_watchdog_open(fl_comm *c, double seconds) {
    fl_line *line = fl_line_open(c);
    if (!line) return NULL;
    fl_watchdog *w = fl_alloc(sizeof *w);
    w->c = c;
    w->line = line;
    w->timeout = seconds;
    w->turn = fmin(seconds / 100, 0.5);
    w->patience = fmin(seconds / 25, 2);
    w->said = seconds; /* so the neighbour is told at once */
    w->asking = NAN;
    w->news = fl_alloc((size_t)c->size * sizeof *w->news);
    start(w);
    return w;
}

/* Together, or who left first would seem not to answer. */
void fl_watchdog_close(fl_watchdog *w) {
    if (!w) return;
    fl_comm_barrier(w->c);
    atomic_store(&w->closing, true);
    fl_line_wake(w->line);
    pthread_join(w->thread, NULL);
    fl_line_close(w->line);
    fl_free(w->news);
    fl_free(w);
}

/* ---- what the main thread calls ---- */

void fl_comm_watch(fl_comm *c, double seconds) {
    fl_watchdog_close(c->watchdog);
    c->watchdog = NULL;
    fl_comm_bcast(c, &seconds, sizeof seconds, 0); /* configs may not have been compared yet */
    if (c->size == 1 || seconds <= 0) return;
    c->watchdog = fl_watchdog_open(c, seconds);
    if (!c->watchdog)
        fl_warn("the ranks have no network beside MPI: a hang will not be noticed "
                "(distributed.timeout)");
}

void fl_comm_phase(fl_comm *c, const char *what, int64_t step) {
    fl_progress *p = &c->progress;
    atomic_store_explicit(&p->phase, what, memory_order_relaxed);
    atomic_store_explicit(&p->step, step, memory_order_relaxed);
    atomic_fetch_add_explicit(&p->changes, 1, memory_order_relaxed);
}

void fl_comm_wait_for(fl_comm *c, const char *what) {
    atomic_store_explicit(&c->progress.wait, what, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->progress.changes, 1, memory_order_relaxed);
}
