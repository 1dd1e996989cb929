/* This program again, under mpirun or on the virtual cluster. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/launch.h"

static const char remedy[] = "put it on the PATH (cluster/packages.sh names the packages)";

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

const char *const fl_launch_variables[] = {"OMP_NUM_THREADS", "FROSTLINE_ISA",
                                           "FROSTLINE_RANKS_PER_NODE", NULL};

/* Ranks on other machines have mpirun's own variables, and those it is told of. */
static void add_variables(words *w) {
    for (const char *const *name = fl_launch_variables; *name; name++)
        if (getenv(*name)) add(w, fl_strdup("-x")), add(w, fl_strdup(*name));
}

static void add_cluster(words *w, const char *hosts) { /* virtual[:NAME] */
    add(w, cluster_script());
    if (hosts[7]) add(w, fl_strdup("--name")), add(w, fl_strdup(hosts + 8));
}

static words command_of(const fl_launch *l) {
    words w = {0};
    if (fl_launch_is_virtual(l->hosts)) {
        add_cluster(&w, l->hosts), add(&w, fl_strdup("run")), add(&w, fl_strdup("--np"));
    } else {
        add(&w, fl_strdup("mpirun"));
        if (l->hosts) add(&w, fl_strdup("--hostfile")), add(&w, fl_strdup(l->hosts));
        add_variables(&w), add(&w, fl_strdup("-np"));
    }
    add(&w, fl_format("%d", l->np));
    add(&w, fl_process_self());
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
    fl_process p = {
        .word = (const char *const *)w.word, .out = l->out, .log = l->log, .remedy = remedy};
    fl_status status = fl_process_run(&p, code);
    close_words(&w);
    return status;
}

/* ---- the hosts ---- */

static fl_status ask_cluster(const char *hosts, const char *log) {
    int code = 0;
    words w = {0};
    add_cluster(&w, hosts), add(&w, fl_strdup("status"));
    fl_process p = {
        .word = (const char *const *)w.word, .out = "/dev/null", .log = log, .remedy = remedy};
    fl_status status = fl_process_run(&p, &code);
    close_words(&w);
    if (status != FL_OK || code == 0) return status;
    char *said = fl_process_last_words(log);
    status = fl_fail(FL_ERR_CONFIG, "option '--hosts %s': %s", hosts, said);
    fl_free(said);
    return status;
}

static fl_status check_cluster(const char *hosts) {
    const char *tmp = getenv("TMPDIR");
    char *log = fl_format("%s/frostline-XXXXXX", tmp ? tmp : "/tmp");
    int fd = mkstemp(log);
    fl_status status = fd >= 0 ? ask_cluster(hosts, log)
                               : fl_fail(FL_ERR_IO,
                                         "cannot write '%s': %s; set TMPDIR to a folder "
                                         "with room",
                                         log, strerror(errno));
    if (fd >= 0) close(fd), unlink(log);
    fl_free(log);
    return status;
}

fl_status fl_launch_check_hosts(const char *hosts) {
    if (fl_launch_is_virtual(hosts)) return check_cluster(hosts);
    if (!hosts || fl_exists(hosts)) return FL_OK;
    return fl_fail(
        FL_ERR_CONFIG,
        "option '--hosts': there is no file '%s'; give a host file of mpirun, or virtual "
        "for cluster/virtual-cluster",
        hosts);
}
