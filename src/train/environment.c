/* What this run ran on, for env.json and the report. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "train/run.h"

enum { MAX_FACTS = 16 };
static const char *facts[MAX_FACTS][2];
static int n_facts;

static void add(const char *name, char *value) { /* kept for the program's life */
    FL_CHECK(n_facts < MAX_FACTS, "too many facts");
    facts[n_facts][0] = name;
    facts[n_facts++][1] = value;
}

/* The value of a "key : value" line of a file of /proc; caller frees. */
static char *proc_value(const char *path, const char *key) {
    FILE *f = fopen(path, "r");
    char line[512], *value = NULL;
    while (f && !value && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, key, strlen(key)) != 0) continue;
        colon += 1 + strspn(colon + 1, " \t");
        value = fl_strndup(colon, strcspn(colon, "\n"));
    }
    if (f) fclose(f);
    return value ? value : fl_strdup("unknown");
}

static char *system_name(void) {
    struct utsname u;
    uname(&u);
    return fl_format("%s %s %s", u.sysname, u.release, u.machine);
}

static char *host_name(void) {
    char name[256] = "";
    gethostname(name, sizeof name - 1);
    return fl_strdup(name);
}

static char *variable(const char *name) {
    const char *value = getenv(name);
    return fl_strdup(value ? value : "unset");
}

static void collect(fl_comm *c) {
    const fl_kernels *kernels;
    add("version", fl_strdup(FROSTLINE_VERSION));
    add("host", host_name());
    add("system", system_name());
    add("cpu", proc_value("/proc/cpuinfo", "model name"));
    add("cores", fl_format("%ld", sysconf(_SC_NPROCESSORS_ONLN)));
    add("memory", proc_value("/proc/meminfo", "MemTotal"));
    add("ranks and nodes", fl_format("%d on %d", fl_comm_size(c), fl_comm_nodes(c)));
    add("threads per rank", variable("OMP_NUM_THREADS"));
    add("kernels", fl_strdup(fl_kernels_select(&kernels) == FL_OK ? kernels->name : "unknown"));
    add("blas", fl_strdup(fl_blas_version()));
    add("mpi", fl_strdup(fl_comm_version()));
}

const char *const (*fl_environment(fl_comm *c, int *n))[2] {
    if (n_facts == 0) collect(c);
    *n = n_facts;
    return (const char *const(*)[2])facts;
}
