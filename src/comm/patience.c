/* Looking again and again is the fastest where each rank has a core, and takes it from the one that
 * is waited for where it has not: hence three ways, one after the other. */
#include "comm/patience.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

enum {
    SPINS = 2000, /* some 0.5 ms */
    MESSAGE_SPINS = 200,
    YIELDS = 100,
    NAP = 20000, /* ns; with what the kernel adds, 70000 */
};

int fl_patience_spins(int ranks) {
    return ranks <= sysconf(_SC_NPROCESSORS_ONLN) ? SPINS : 0;
}

static void breathe(void) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

void fl_patience(int *round, int spins) {
    if (*round < spins)
        breathe();
    else if (*round < spins + YIELDS)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = NAP}, NULL);
    *round += *round < spins + YIELDS;
}

void fl_wait_all(int n, MPI_Request *request) {
    int done, round = 0;
    while (MPI_Testall(n, request, &done, MPI_STATUSES_IGNORE), !done)
        fl_patience(&round, MESSAGE_SPINS);
}
