/* Ending a run whose MPI is stuck, whatever the launcher makes of it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "watchdog.h"

enum { MAX_FD = 1024 };

/* Open MPI's mpirun or its daemon on another host. Others, as Slurm's, have ways of their own. */
static bool is_open_mpi(pid_t process) {
    static const char *const names[] = {"mpirun\n", "mpiexec\n", "orterun\n", "orted\n"};
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
    FILE *f = fopen(path, "r");
    if (f && !fgets(name, sizeof name, f)) name[0] = '\0';
    if (f) fclose(f);
    for (size_t i = 0; i < FL_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static bool gone(int process, double seconds) {
    struct pollfd f = {.fd = process, .events = POLLIN};
    return poll(&f, 1, (int)(seconds * 1000)) > 0;
}

/* mpirun waits for a host that it cannot reach until TCP gives up, which takes a quarter of an
 * hour. Closing its connections from outside has it see the loss and end, with the exit code that
 * it has from us. Where the system does not allow that, nothing happens here. */
static void unplug(int process) {
    for (int i = 0; i < MAX_FD; i++) {
        int fd = (int)syscall(SYS_pidfd_getfd, process, i, 0);
        struct sockaddr_storage peer;
        socklen_t len = sizeof peer;
        if (fd < 0) continue;
        bool connected = getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
        if (connected && (peer.ss_family == AF_INET || peer.ss_family == AF_INET6))
            shutdown(fd, SHUT_RDWR);
        close(fd);
    }
}

/* In a session of its own, and holding none of the rank's files, it outlives the rank, which the
 * launcher takes down with its group. Calls nothing but the system: it is forked from a thread. */
static void bury(int process, double grace) {
    setsid();
    for (int fd = 0; fd < MAX_FD; fd++)
        if (fd != process) close(fd);
    if (gone(process, grace)) _exit(0);
    unplug(process);
    if (!gone(process, grace)) syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
    _exit(0);
}

_Noreturn void fl_leave(int code, double grace) {
    pid_t launcher = getppid();
    int process = is_open_mpi(launcher) ? (int)syscall(SYS_pidfd_open, launcher, 0) : -1;
    if (process >= 0 && fork() == 0) bury(process, grace);
    _exit(code); /* not exit: MPI's handlers would wait for what does not come */
}
