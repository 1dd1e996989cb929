/* Opening and closing: with MPI if a launcher or the host program is there, else as the one rank.
 */
#include <stdlib.h>
#include <string.h>

#include "comm_internal.h"
#include "frostline/log.h"

static const char *first_set(const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (getenv(names[i])) return getenv(names[i]);
    return NULL;
}

static bool launched(void) {
    static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK",
                                        "PMI_SIZE"};
    return first_set(marks, FL_COUNT(marks)) != NULL;
}

/* How many tasks the launcher says it started. Open MPI's own number comes first: below its mpirun,
 * Slurm's counts daemons. */
static int launched_size(void) {
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"};
    const char *text = first_set(sizes, FL_COUNT(sizes));
    return text ? atoi(text) : 1;
}

static bool mpi_is(int (*question)(int *)) {
    int answer = 0;
    question(&answer);
    return answer != 0;
}

static fl_status init_mpi(fl_comm *c) {
    int level = MPI_THREAD_SINGLE;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &level);
    c->finalises = true;
    if (level >= MPI_THREAD_SERIALIZED) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "%s gives thread level %d where %d (MPI_THREAD_SERIALIZED) is wanted; "
                   "use an MPI built with thread support",
                   fl_comm_version(), level, MPI_THREAD_SERIALIZED);
}

/* Frees what is open so far; MPI itself too, if it is ours. */
static void leave(fl_comm *c) {
    if (c->node != MPI_COMM_NULL) MPI_Comm_free(&c->node);
    if (c->world != MPI_COMM_NULL) MPI_Comm_free(&c->world);
    if (c->finalises) MPI_Finalize();
    fl_free(c->node_of);
}

static void abort_all(int code) {
    MPI_Abort(MPI_COMM_WORLD, code);
}

/* FROSTLINE_RANKS_PER_NODE=n: neighbours of a host share their memory n by n, as if they were that
 * many nodes. */
static void split_node(fl_comm *c) {
    const char *text = getenv("FROSTLINE_RANKS_PER_NODE");
    int n = text ? atoi(text) : 0, rank;
    MPI_Comm whole = c->node;
    if (n <= 0) return;
    MPI_Comm_rank(whole, &rank);
    MPI_Comm_split(whole, rank / n, rank, &c->node);
    MPI_Comm_free(&whole);
}

/* By their first ranks. */
static void number_nodes(fl_comm *c) {
    int first = c->node_rank == 0, so_far = 0;
    MPI_Scan(&first, &so_far, 1, MPI_INT, MPI_SUM, c->world);
    c->node_number = so_far - 1;
    MPI_Bcast(&c->node_number, 1, MPI_INT, 0, c->node);
    MPI_Allreduce(&first, &c->nodes, 1, MPI_INT, MPI_SUM, c->world);
}

/* A duplicate keeps our messages apart from the host program's. */
static void join(fl_comm *c) {
    MPI_Comm_dup(MPI_COMM_WORLD, &c->world);
    MPI_Comm_rank(c->world, &c->rank);
    MPI_Comm_size(c->world, &c->size);
    MPI_Comm_split_type(c->world, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &c->node);
    split_node(c);
    MPI_Comm_rank(c->node, &c->node_rank);
    MPI_Comm_size(c->node, &c->node_size);
    number_nodes(c);
    int home = c->rank;
    c->node_of = fl_alloc((size_t)c->size * sizeof *c->node_of);
    MPI_Bcast(&home, 1, MPI_INT, 0, c->node);
    MPI_Allgather(&home, 1, MPI_INT, c->node_of, 1, MPI_INT, c->world);
    fl_set_die_hook(abort_all);
}

/* A launcher that does not speak this MPI's language starts n programs that each take themselves
 * for the only one, and all train alone into the same folder. */
static fl_status check_size(const fl_comm *c, bool hosted) {
    int told = launched_size();
    if (hosted || c->size > 1 || told <= 1) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "the launcher started %d tasks, but each sees only itself over MPI; start with "
                   "`srun --mpi=pmix` or with the mpirun of %s",
                   told, fl_comm_version());
}

static fl_status open_mpi(fl_comm *c, bool hosted) {
    if (mpi_is(MPI_Finalized))
        return fl_fail(FL_ERR_INTERNAL, "MPI has been finalised; open the ranks before that");
    if (!hosted && launched()) FL_TRY(init_mpi(c));
    if (hosted || c->finalises) join(c);
    return check_size(c, hosted);
}

fl_status fl_comm_open(fl_comm **out) {
    fl_comm *c = fl_alloc(sizeof *c);
    *out = NULL;
    c->world = c->node = MPI_COMM_NULL;
    c->size = c->node_size = c->nodes = 1;
    pthread_mutex_init(&c->lock, NULL);
    c->count = &c->other;
    fl_status status = open_mpi(c, mpi_is(MPI_Initialized));
    if (status != FL_OK) {
        fl_comm_close(c);
        return status;
    }
    fl_log_set_rank(c->rank);
    *out = c;
    return FL_OK;
}

void fl_comm_close(fl_comm *c) {
    if (!c) return;
    fl_watchdog_close(c->watchdog);
    fl_set_die_hook(NULL);
    leave(c);
    pthread_mutex_destroy(&c->lock);
    fl_free(c);
}

void fl_comm_abort(fl_comm *c, int code) {
    char text[64];
    snprintf(text, sizeof text, "error: rank %d ends the run (exit code %d)", c->rank, code);
    fl_die(code, text);
}

int fl_comm_rank(const fl_comm *c) {
    return c->rank;
}
int fl_comm_size(const fl_comm *c) {
    return c->size;
}
int fl_comm_node_rank(const fl_comm *c) {
    return c->node_rank;
}
int fl_comm_node_size(const fl_comm *c) {
    return c->node_size;
}
int fl_comm_nodes(const fl_comm *c) {
    return c->nodes;
}
int fl_comm_node(const fl_comm *c) {
    return c->node_number;
}

/* "Open MPI v4.1.4" of the paragraph that the library returns. */
const char *fl_comm_version(void) {
    static char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int len = 0;
    if (!text[0]) MPI_Get_library_version(text, &len);
    text[strcspn(text, ",\n")] = '\0';
    return text;
}
