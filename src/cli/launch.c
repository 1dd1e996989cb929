/* This program again, under mpirun or on the virtual cluster. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/launch.h"

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

fl_status fl_launch_run(const fl_launch *l, int *code) {
    set_environment();
    words w = command_of(l);
    fl_process p = {.word = (const char *const *)w.word,
                    .out = l->out,
                    .log = l->log,
                    .remedy = "put it on the PATH (cluster/packages.sh names the packages)"};
    fl_status status = fl_process_run(&p, code);
    close_words(&w);
    return status;
}
