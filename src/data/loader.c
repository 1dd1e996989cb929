/* Batches in order, prepared ahead on a thread. The slots form a ring: batch k of the epoch is in
 * slot k mod n. */
#include <pthread.h>
#include <signal.h>

#include "data/batch.h"

struct fl_loader {
    fl_filling filling; /* the thread's while it is busy */
    bool shuffle, skip_inputs;
    int64_t *order;
    int n_slots, max_rows;
    fl_slot *slot;
    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t change;
    int64_t total;  /* batches of the epoch */
    int64_t oldest; /* batches before it are free again */
    int64_t ready;  /* batches before it are filled */
    int64_t next;   /* to be handed out */
    bool busy, quit;
    atomic_bool cancel;
};

static int64_t batches_of(const fl_cutting *c, int64_t step) {
    return fl_cutting_micros(c, step) * c->parts;
}

/* Batches before step `s`: all steps but the last have the same number. */
static int64_t batches_before(const fl_cutting *c, int64_t s) {
    int64_t steps = fl_cutting_steps(c);
    if (s < steps) return s * batches_of(c, 0);
    return (steps - 1) * batches_of(c, 0) + batches_of(c, steps - 1);
}

static void fill(fl_loader *l, int64_t k) {
    int64_t per_step = batches_of(&l->filling.cutting, 0);
    fl_slot_fill(&l->slot[k % l->n_slots], &l->filling, k / per_step, k % per_step);
}

/* ---- the thread ---- */

static bool may_fill(const fl_loader *l) {
    return !atomic_load(&l->cancel) && l->ready < l->total && l->ready < l->oldest + l->n_slots;
}

/* With the lock held, which is let go while the batch is filled. */
static void fill_one(fl_loader *l) {
    int64_t k = l->ready;
    l->busy = true;
    pthread_mutex_unlock(&l->lock);
    fill(l, k);
    pthread_mutex_lock(&l->lock);
    l->busy = false;
    l->ready = k + 1;
    pthread_cond_broadcast(&l->change);
}

static void *work(void *context) {
    fl_loader *l = context;
    pthread_mutex_lock(&l->lock);
    while (!l->quit) {
        if (may_fill(l))
            fill_one(l);
        else
            pthread_cond_wait(&l->change, &l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Signals are for the thread that trains. */
static fl_status start_thread(fl_loader *l) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&l->thread, NULL, work, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    l->threaded = !failed;
    return failed ? fl_fail(FL_ERR_IO, "no thread could be started to read data ahead") : FL_OK;
}

/* With the lock held: afterwards the thread is idle and stays so until cancel is taken back. */
static void halt(fl_loader *l) {
    atomic_store(&l->cancel, true);
    while (l->busy) pthread_cond_wait(&l->change, &l->lock);
}

/* ---- the caller's side ---- */

static int most_rows(const fl_cutting *c) {
    int64_t most = 0, steps = fl_cutting_steps(c);
    for (int64_t s = 0; s<steps; s += steps> 1 ? steps - 1 : 1)
        for (int64_t m = 0; m < fl_cutting_micros(c, s); m++)
            for (int nth = 0; nth < c->parts; nth++) {
                fl_range mine = fl_cutting_at(c, s, m, nth).mine;
                if (mine.hi - mine.lo > most) most = mine.hi - mine.lo;
            }
    return (int)most;
}

static void set_up(fl_loader *l, const fl_dataset *d, const fl_loader_conf *conf) {
    l->shuffle = conf->training && d->shuffle;
    l->order = fl_alloc((size_t)d->rows * sizeof *l->order);
    l->filling = (fl_filling){
        .set = d,
        .cutting = {d->rows, conf->batch_size, conf->accumulation, conf->rank, conf->size,
                    conf->parts ? conf->parts : 1},
        .order = l->order,
        .augment = conf->training,
        .variants = fl_dataset_inputs(d, conf->training) / d->rows,
        .seed = conf->seed,
        .cancel = &l->cancel,
    };
    l->max_rows = most_rows(&l->filling.cutting);
    l->n_slots = conf->prefetch + 1;
    l->slot = fl_alloc((size_t)l->n_slots * sizeof *l->slot);
    for (int i = 0; i < l->n_slots; i++) fl_slot_open(&l->slot[i], d, l->max_rows);
}

fl_status fl_loader_open(const fl_dataset *d, const fl_loader_conf *conf, fl_loader **out) {
    FL_CHECK(conf->batch_size > 0 && conf->accumulation > 0 && conf->prefetch >= 0,
             "a loader's batch_size and accumulation are positive");
    *out = NULL;
    if (d->rows == 0)
        return fl_fail(FL_ERR_INPUT, "no row of the set is left; are all images damaged?");
    fl_loader *l = *out = fl_alloc(sizeof *l);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->change, NULL);
    set_up(l, d, conf);
    fl_status status = conf->prefetch ? start_thread(l) : FL_OK;
    if (status == FL_OK) return FL_OK;
    fl_loader_close(l);
    *out = NULL;
    return status;
}

static void end_thread(fl_loader *l) {
    pthread_mutex_lock(&l->lock);
    l->quit = true;
    atomic_store(&l->cancel, true);
    pthread_cond_broadcast(&l->change);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
}

void fl_loader_close(fl_loader *l) {
    if (!l) return;
    if (l->threaded) end_thread(l);
    for (int i = 0; i < l->n_slots; i++) fl_slot_close(&l->slot[i]);
    fl_work_close(&l->filling.work);
    pthread_cond_destroy(&l->change);
    pthread_mutex_destroy(&l->lock);
    fl_free(l->slot);
    fl_free(l->order);
    fl_free(l);
}

int64_t fl_loader_steps(const fl_loader *l) {
    return fl_cutting_steps(&l->filling.cutting);
}

int fl_loader_max_rows(const fl_loader *l) {
    return l->max_rows;
}

void fl_loader_skip_inputs(fl_loader *l, bool skip) {
    l->skip_inputs = skip;
}

void fl_loader_start(fl_loader *l, int64_t epoch, int64_t first_step) {
    fl_filling *f = &l->filling;
    pthread_mutex_lock(&l->lock);
    halt(l);
    f->epoch = epoch;
    f->inputs = !l->skip_inputs;
    fl_sample_order(l->order, f->cutting.rows, l->shuffle, f->seed, epoch);
    l->total = batches_before(&f->cutting, fl_loader_steps(l));
    l->oldest = l->ready = l->next = batches_before(&f->cutting, first_step);
    atomic_store(&l->cancel, false);
    pthread_cond_broadcast(&l->change);
    pthread_mutex_unlock(&l->lock);
}

/* The batch handed out before is given back here. */
static bool advance(fl_loader *l) {
    l->oldest = l->next;
    if (l->next >= l->total) return false;
    if (!l->threaded) fill(l, l->next);
    pthread_cond_broadcast(&l->change);
    while (l->threaded && l->ready <= l->next) pthread_cond_wait(&l->change, &l->lock);
    l->next++;
    return true;
}

const fl_batch *fl_loader_next(fl_loader *l) {
    pthread_mutex_lock(&l->lock);
    bool more = advance(l);
    pthread_mutex_unlock(&l->lock);
    return more ? &l->slot[(l->next - 1) % l->n_slots].batch : NULL;
}
