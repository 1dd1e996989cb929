/* Another program: started, waited for, ended. */
#include "frostline/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- signals ---- */

static volatile sig_atomic_t interrupted, child;
static struct sigaction before[3];
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

/* The child has a group of its own, so that a terminal's ctrl-C reaches it once, from here. It
 * alone is told: mpirun and smpirun end their own. */
static void pass_on(int signal) {
    (void)signal;
    interrupted = 1;
    if (child > 0) kill((pid_t)child, SIGTERM);
}

void fl_process_signals_begin(void) {
    struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < FL_COUNT(signals); i++) {
        sigaction(signals[i], &action, &before[i]);
        if (signals[i] == SIGHUP && before[i].sa_handler == SIG_IGN)
            sigaction(SIGHUP, &before[i], NULL);
    }
}

void fl_process_signals_end(void) {
    for (size_t i = 0; i < FL_COUNT(signals); i++) sigaction(signals[i], &before[i], NULL);
}

bool fl_process_interrupted(void) {
    return interrupted != 0;
}

/* ---- starting ---- */

/* Twice the same file is no matter: both go to its end. */
static fl_status open_file(const char *path, int *fd) {
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (*fd >= 0) return FL_OK;
    return fl_fail(FL_ERR_IO, "cannot write '%s': %s; make room there, or give another folder",
                   path, strerror(errno));
}

static fl_status spawn(const fl_process *p, int out, int log, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, log, 2);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    int error = posix_spawnp(pid, p->word[0], &files, &how, (char *const *)p->word, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    if (!error) return FL_OK;
    return fl_fail(FL_ERR_IO, "cannot start '%s': %s; %s", p->word[0], strerror(error), p->remedy);
}

static fl_status start(const fl_process *p, pid_t *pid) {
    int out, log;
    FL_TRY(open_file(p->out, &out));
    fl_status status = open_file(p->log, &log);
    if (status == FL_OK) {
        status = spawn(p, out, log, pid);
        close(log);
    }
    close(out);
    return status;
}

/* ---- waiting ---- */

/* Until the leader is reaped its number, and so that of its group, is not given to others. */
static int wait_for(pid_t pid) {
    siginfo_t end = {0};
    child = (sig_atomic_t)pid;
    if (interrupted) kill(pid, SIGTERM); /* asked before it was known */
    while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) != 0)
        FL_CHECK(errno == EINTR, "process %d cannot be waited for: %s", pid, strerror(errno));
    child = 0;
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}

/* Who ignores the ends of its children, as some that start programs do, would never hear of it; and
 * what is started would inherit that. */
fl_status fl_process_run(const fl_process *p, int *code) {
    struct sigaction hear = {.sa_handler = SIG_DFL}, was;
    pid_t pid;
    sigaction(SIGCHLD, &hear, &was);
    fl_status status = start(p, &pid);
    if (status == FL_OK) *code = wait_for(pid);
    sigaction(SIGCHLD, &was, NULL);
    return status;
}

bool fl_process_found(const char *program) {
    const char *at = getenv("PATH");
    bool found = false;
    while (at && !found) {
        size_t len = strcspn(at, ":");
        char *dir = fl_strndup(at, len), *path = fl_path_join(dir, program);
        found = access(path, X_OK) == 0;
        at = at[len] ? at + len + 1 : NULL;
        fl_free(dir);
        fl_free(path);
    }
    return found;
}

char *fl_process_self(void) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    return n > 0 ? fl_strndup(path, (size_t)n) : fl_strdup("./frostline");
}

char *fl_process_beside(const char *name) {
    char *self = fl_process_self();
    *strrchr(self, '/') = '\0';
    char *path = fl_path_join(self, name);
    fl_free(self);
    return path;
}

/* ---- what it said ---- */

static bool says_something(const char *line, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (isalpha((unsigned char)line[i])) return true;
    return false;
}

char *fl_process_last_words(const char *log) {
    char *text = NULL, *found = NULL;
    if (fl_file_read(log, &text, NULL) != FL_OK) return fl_strdup("it left no output");
    const char *error = strstr(text, "error: ");
    for (const char *at = error ? error : text; *at && !(error && found);) {
        size_t len = strcspn(at, "\n");
        if (says_something(at, len)) {
            fl_free(found);
            found = fl_strndup(at, len);
        }
        at += len + (at[len] == '\n');
    }
    fl_free(text);
    return found ? found : fl_strdup("it said nothing");
}
