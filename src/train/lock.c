/* One run at a time in a folder: two would write over each other. The lock is the kernel's, so it
 * goes with the process, however that ends; the file stays. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "train/run.h"

static fl_status in_use(const fl_run *r, int lock) {
    char who[128];
    ssize_t n = pread(lock, who, sizeof who - 1, 0);
    who[n > 0 ? n : 0] = '\0';
    return fl_fail(FL_ERR_CONFIG,
                   "'%s' is in use by %s; let that run end, or choose another --run-dir", r->dir,
                   n > 0 ? who : "another process");
}

static void sign(int lock) {
    char host[64] = "", *who;
    gethostname(host, sizeof host - 1);
    who = fl_format("process %d on %s", (int)getpid(), host);
    if (ftruncate(lock, 0) != 0 || pwrite(lock, who, strlen(who), 0) < 0)
        errno = 0; /* who it is will not be told; the lock holds */
    fl_free(who);
}

/* A process that was killed just now may still be on its way out. */
static bool take(int lock) {
    enum { TRIES = 20, MICROSECONDS = 100000 };
    for (int i = 0;; i++) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK || i == TRIES) return false;
        usleep(MICROSECONDS);
    }
}

/* Where there can be no lock, in a folder that cannot be written or a file system without, the run
 * goes on: what it writes has messages of its own. */
fl_status fl_run_lock(fl_run *r) {
    char *path = fl_run_path(r, ".lock");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool ours = lock >= 0 && take(lock);
    fl_status status = lock >= 0 && !ours && errno == EWOULDBLOCK ? in_use(r, lock) : FL_OK;
    if (ours)
        r->lock = lock, sign(lock);
    else if (lock >= 0)
        close(lock);
    fl_free(path);
    return status;
}

void fl_run_unlock(fl_run *r, bool empty) {
    if (r->lock <= 0) return;
    char *path = fl_run_path(r, ".lock");
    if (empty) unlink(path);
    close(r->lock);
    r->lock = 0;
    fl_free(path);
}
