/* This program again, under mpirun or on the virtual cluster. */
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

#include "cli/launch.h"

extern char **environ;

/* ---- signals ---- */

static volatile sig_atomic_t interrupted, child;
static struct sigaction before[3];
static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

/* The child has a group of its own, so that a terminal's ctrl-C reaches it once, from here. */
static void pass_on(int signal) {
    (void)signal;
    interrupted = 1;
    if (child > 0) kill((pid_t)child, SIGTERM);
}

void fl_launch_signals_begin(void) {
    struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < FL_COUNT(signals); i++) sigaction(signals[i], &action, &before[i]);
}

void fl_launch_signals_end(void) {
    for (size_t i = 0; i < FL_COUNT(signals); i++) sigaction(signals[i], &before[i], NULL);
}

bool fl_launch_interrupted(void) {
    return interrupted != 0;
}

/* ---- the command ---- */

typedef struct words {
    int n;
    char **word;
} words;

static void add(words *w, char *word) {
    w->word = fl_resize(w->word, (size_t)(w->n + 2) * sizeof *w->word);
    w->word[w->n++] = word;
    w->word[w->n] = NULL;
}

static void close_words(words *w) {
    for (int i = 0; i < w->n; i++) fl_free(w->word[i]);
    fl_free(w->word);
}

static char *self(void) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    return n > 0 ? fl_strndup(path, (size_t)n) : fl_strdup("frostline");
}

/* The script stands beside the configs; what is installed has it on the PATH, if at all. */
static char *cluster_script(void) {
    char *configs = fl_cli_config_folder(),
         *script = configs ? fl_path_join(configs, "../cluster/virtual-cluster") : NULL;
    fl_free(configs);
    if (script && fl_exists(script)) return script;
    fl_free(script);
    return fl_strdup("virtual-cluster");
}

bool fl_launch_is_virtual(const char *hosts) {
    return hosts && strncmp(hosts, "virtual", 7) == 0 && (!hosts[7] || hosts[7] == ':');
}

fl_status fl_launch_check_hosts(const char *hosts) {
    if (!hosts || fl_launch_is_virtual(hosts) || fl_exists(hosts)) return FL_OK;
    return fl_fail(
        FL_ERR_CONFIG,
        "option '--hosts': there is no file '%s'; give a host file of mpirun, or virtual "
        "for cluster/virtual-cluster",
        hosts);
}

static words command_of(const fl_launch *l) {
    words w = {0};
    bool is_virtual = fl_launch_is_virtual(l->hosts);
    add(&w, is_virtual ? cluster_script() : fl_strdup("mpirun"));
    if (is_virtual && l->hosts[7]) add(&w, fl_strdup("--name")), add(&w, fl_strdup(l->hosts + 8));
    if (is_virtual) add(&w, fl_strdup("run")), add(&w, fl_strdup("--np"));
    if (!is_virtual && l->hosts) add(&w, fl_strdup("--hostfile")), add(&w, fl_strdup(l->hosts));
    if (!is_virtual) add(&w, fl_strdup("-np"));
    add(&w, fl_format("%d", l->np));
    add(&w, self());
    for (int i = 0; i < l->n; i++) add(&w, fl_strdup(l->word[i]));
    return w;
}

/* What cluster/mpi-env.sh sets: more ranks than cores, threads that spread, root. What is set
 * already stays. */
static void set_environment(void) {
    setenv("OMPI_MCA_rmaps_base_oversubscribe", "1", 0);
    setenv("OMPI_MCA_hwloc_base_binding_policy", "none", 0);
    setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
    if (getuid() != 0) return;
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 0);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 0);
}

/* ---- running ---- */

static int start(const words *w, const fl_launch *l, pid_t *pid) {
    enum { HOW = O_WRONLY | O_CREAT | O_TRUNC };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, l->out, HOW, 0666);
    if (strcmp(l->out, l->log) == 0)
        posix_spawn_file_actions_adddup2(&files, 1, 2);
    else
        posix_spawn_file_actions_addopen(&files, 2, l->log, HOW, 0666);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    int error = posix_spawnp(pid, w->word[0], &files, &how, w->word, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    return error;
}

static int wait_for(pid_t pid) {
    int state = 0;
    child = (sig_atomic_t)pid;
    if (interrupted) kill(pid, SIGTERM); /* asked before it was known */
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    child = 0;
    return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

fl_status fl_launch_run(const fl_launch *l, int *code) {
    pid_t pid;
    set_environment();
    words w = command_of(l);
    int error = start(&w, l, &pid);
    fl_status status = FL_OK;
    if (error)
        status = fl_fail(FL_ERR_IO,
                         "cannot start '%s': %s; put it on the PATH (cluster/packages.sh names "
                         "the packages)",
                         w.word[0], strerror(error));
    else
        *code = wait_for(pid);
    close_words(&w);
    return status;
}

/* ---- what it said ---- */

static bool says_something(const char *line, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (isalpha((unsigned char)line[i])) return true;
    return false;
}

char *fl_launch_last_words(const char *log) {
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
