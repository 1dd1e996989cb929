#include "comm/courier.h"

#include <time.h>

#include "comm_internal.h"

enum { PAUSE = 400000 }; /* ns: a gigabit wire takes 50 kB meanwhile, less than what is under way */

struct fl_courier {
    fl_comm *comm;
    pthread_t thread;
    pthread_cond_t work;
    bool (*push)(void *what);
    void *what;
    bool leaves;
};

void fl_comm_lock(fl_comm *c) {
    if (c->couriers) pthread_mutex_lock(&c->lock);
}
void fl_comm_unlock(fl_comm *c) {
    if (c->couriers) pthread_mutex_unlock(&c->lock);
}

static void pause_unlocked(fl_comm *c) {
    pthread_mutex_unlock(&c->lock);
    nanosleep(&(struct timespec){.tv_nsec = PAUSE}, NULL);
    pthread_mutex_lock(&c->lock);
}

static void *run(void *courier) {
    fl_courier *k = courier;
    pthread_mutex_lock(&k->comm->lock);
    while (!k->leaves) {
        if (k->push(k->what))
            pause_unlocked(k->comm);
        else
            pthread_cond_wait(&k->work, &k->comm->lock);
    }
    pthread_mutex_unlock(&k->comm->lock);
    return NULL;
}

fl_courier *fl_courier_open(fl_comm *c, bool (*push)(void *what), void *what) {
    fl_courier *k = fl_alloc(sizeof *k);
    *k = (fl_courier){.comm = c, .push = push, .what = what};
    pthread_cond_init(&k->work, NULL);
    c->couriers++;
    int code = pthread_create(&k->thread, NULL, run, k);
    FL_CHECK(code == 0, "no thread for sums between nodes: error %d of pthread_create", code);
    return k;
}

void fl_courier_wake(fl_courier *k) {
    pthread_cond_signal(&k->work);
}

void fl_courier_close(fl_courier *k) {
    if (!k) return;
    fl_comm_lock(k->comm);
    k->leaves = true;
    fl_courier_wake(k);
    fl_comm_unlock(k->comm);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->work);
    k->comm->couriers--;
    fl_free(k);
}
