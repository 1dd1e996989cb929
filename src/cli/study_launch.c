/* One run of a study, in processes of its own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/study.h"

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

void fl_study_signals_begin(void) {
    struct sigaction action = {.sa_handler = pass_on};
    for (size_t i = 0; i < FL_COUNT(signals); i++) sigaction(signals[i], &action, &before[i]);
}

void fl_study_signals_end(void) {
    for (size_t i = 0; i < FL_COUNT(signals); i++) sigaction(signals[i], &before[i], NULL);
}

bool fl_study_interrupted(void) {
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

bool fl_study_is_virtual(const char *hosts) {
    return hosts && strncmp(hosts, "virtual", 7) == 0 && (!hosts[7] || hosts[7] == ':');
}

static void add_launcher(words *w, const fl_study_conf *c, int np) {
    bool is_virtual = fl_study_is_virtual(c->hosts);
    add(w, is_virtual ? cluster_script() : fl_strdup("mpirun"));
    if (is_virtual && c->hosts[7]) add(w, fl_strdup("--name")), add(w, fl_strdup(c->hosts + 8));
    if (is_virtual) add(w, fl_strdup("run")), add(w, fl_strdup("--np"));
    if (!is_virtual && c->hosts) add(w, fl_strdup("--hostfile")), add(w, fl_strdup(c->hosts));
    if (!is_virtual) add(w, fl_strdup("-np"));
    add(w, fl_format("%d", np));
}

static words command_of(const fl_study_conf *c, const fl_study_point_conf *p, int np,
                        const char *run_dir) {
    words w = {0};
    add_launcher(&w, c, np);
    add(&w, self());
    add(&w, fl_strdup("train"));
    add(&w, fl_strdup(c->config));
    for (int i = 0; i < p->n; i++) add(&w, fl_strdup(p->override[i]));
    add(&w, fl_strdup("--progress=none"));
    add(&w, fl_format("--run-dir=%s", run_dir));
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

static int start(const words *w, const char *log, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&how);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
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

fl_status fl_study_launch(const fl_study_conf *c, const fl_study_point_conf *p, int np,
                          const char *run_dir, const char *log, int *code) {
    pid_t pid;
    set_environment();
    words w = command_of(c, p, np, run_dir);
    int error = start(&w, log, &pid);
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
