/* The ranks: collectives against what their definition says, and how one rank's end is everybody's.
 * Every test holds for any number of ranks, one included. */
#include "check_ranks.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frostline/rng.h"

static const char *program;

enum { PIECE = 1 << 24 }; /* elements that go in one MPI call */

/* What rank r brings at element i: no two sums of these in different orders are sure to agree. */
static float value(int r, size_t i) {
    fl_rng g = {.seed = 7, .sample = (uint64_t)r};
    return (float)(fl_rng_uniform(&g, i) - 0.5) * (float)(1 + i % 1000);
}

static void fill(float *v, size_t n) {
    for (size_t i = 0; i < n; i++) v[i] = value(rank, i);
}

/* Small whole numbers: every order of additions gives the same, exact sum. */
static void fill_whole(float *v, size_t n, int r) {
    for (size_t i = 0; i < n; i++) v[i] = (float)((int)(i % 101) * (r + 1));
}

static bool is_whole_sum(const float *v, size_t n) {
    float times = (float)(n_ranks * (n_ranks + 1) / 2);
    for (size_t i = 0; i < n; i++)
        if (v[i] != (float)(i % 101) * times) return false;
    return true;
}

/* ---- who is who ---- */

static void ranks_are_numbered(void **state) {
    (void)state;
    int all[64];
    fl_comm_gather(comm, &rank, sizeof rank, all);
    for (int r = 0; r < n_ranks; r++) check(all[r] == r);
    check(fl_comm_node_rank(comm) >= 0 && fl_comm_node_rank(comm) < fl_comm_node_size(comm));
    double leaders = fl_comm_node_rank(comm) == 0;
    fl_comm_sum_double(comm, &leaders, 1);
    check((int)leaders == fl_comm_nodes(comm));
    check(strlen(fl_comm_version()) > 3 && !strchr(fl_comm_version(), ','));
    check(getenv("OMPI_COMM_WORLD_SIZE") || n_ranks == 1);
}

/* Nobody is out before the last one is in. The ranks of a node read the same clock. */
static void barrier_waits_for_all(void **state) {
    (void)state;
    for (int late = 0; late < n_ranks && fl_comm_nodes(comm) == 1; late++) {
        double times[2], all[64][2], last_in = 0;
        if (rank == late) usleep(10000);
        times[0] = fl_clock();
        fl_comm_barrier(comm);
        times[1] = fl_clock();
        fl_comm_gather(comm, times, sizeof times, all);
        for (int r = 0; r < n_ranks; r++) last_in = all[r][0] > last_in ? all[r][0] : last_in;
        for (int r = 0; r < n_ranks; r++) check(all[r][1] >= last_in);
    }
}

/* ---- collectives ---- */

static void bcast_reaches_all(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, PIECE + 3};
    unsigned char *v = fl_alloc(PIECE + 3);
    for (int root = 0; root < n_ranks; root++)
        for (size_t k = 0; k < FL_COUNT(sizes); k++) {
            memset(v, rank == root ? root + 1 : 99, PIECE + 3);
            fl_comm_bcast(comm, v, sizes[k], root);
            for (size_t i = 0; i < sizes[k]; i += 997) check(v[i] == root + 1);
            if (sizes[k]) check(v[sizes[k] - 1] == root + 1);
            if (sizes[k] < PIECE && rank != root) check(v[sizes[k]] == 99);
        }
    fl_free(v);
}

static void gather_in_rank_order(void **state) {
    (void)state;
    size_t sizes[] = {0, 1, 1000, n_ranks <= 3 ? PIECE + 1 : 5};
    for (size_t k = 0; k < FL_COUNT(sizes); k++) {
        size_t n = sizes[k];
        unsigned char *mine = fl_alloc(n), *all = fl_alloc(n * (size_t)n_ranks);
        memset(mine, rank + 1, n);
        fl_comm_gather(comm, mine, n, all);
        for (int r = 0; r < n_ranks && n; r++)
            check(all[(size_t)r * n] == r + 1 && all[(size_t)(r + 1) * n - 1] == r + 1);
        fl_free(mine);
        fl_free(all);
    }
}

static void sum_is_exact_on_whole_numbers(void **state) {
    (void)state;
    size_t sizes[] = {0, 1, 5, 1000, 100001, n_ranks <= 3 ? PIECE + 5 : 7};
    for (size_t k = 0; k < FL_COUNT(sizes); k++) {
        size_t n = sizes[k];
        float *v = fl_alloc(n * sizeof *v);
        fill_whole(v, n, rank);
        fl_comm_sum(comm, v, n);
        check(is_whole_sum(v, n));
        fl_free(v);
    }
}

static void sums_have_the_same_bits_everywhere(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 3, 1000, 70000};
    for (size_t k = 0; k < FL_COUNT(sizes); k++) {
        size_t n = sizes[k];
        float *v = fl_alloc(n * sizeof *v);
        double *d = fl_alloc(n * sizeof *d);
        fill(v, n);
        for (size_t i = 0; i < n; i++) d[i] = (double)v[i] / 3;
        fl_comm_sum(comm, v, n);
        fl_comm_sum_double(comm, d, n);
        check(same_everywhere(v, n * sizeof *v) && same_everywhere(d, n * sizeof *d));
        fl_free(v);
        fl_free(d);
    }
}

static void max_is_the_highest(void **state) {
    (void)state;
    double v[] = {rank, -rank, 0.5};
    fl_comm_max_double(comm, v, 3);
    check(v[0] == n_ranks - 1 && v[1] == 0 && v[2] == 0.5);
}

/* ---- the fixed tree ---- */

/* The definition in src/comm/tree.c, level by level, with all ranks' numbers at hand. */
static float tree_sum(size_t i) {
    float s[64];
    int p = 1;
    while (p * 2 <= n_ranks) p *= 2;
    for (int r = 0; r < p; r++) s[r] = value(r, i) + (r + p < n_ranks ? value(r + p, i) : 0);
    for (int d = p / 2; d; d /= 2)
        for (int r = 0; r < d; r++) s[r] += s[r + d];
    return s[0];
}

static float *summed_fixed(size_t n, size_t first_cut, size_t second_cut) {
    float *v = fl_alloc(n * sizeof *v);
    float *work = fl_alloc((n < FL_SUM_WORK ? n : FL_SUM_WORK) * sizeof *work);
    fill(v, n);
    fl_comm_sum_fixed(comm, v, first_cut, work);
    fl_comm_sum_fixed(comm, v + first_cut, second_cut - first_cut, work);
    fl_comm_sum_fixed(comm, v + second_cut, n - second_cut, work);
    fl_free(work);
    return v;
}

static void fixed_sum_is_the_tree(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, 1000, FL_SUM_WORK + 13};
    for (size_t k = 0; k < FL_COUNT(sizes); k++) {
        size_t n = sizes[k], stride = n > 5000 ? 61 : 1;
        float *v = summed_fixed(n, 0, 0);
        for (size_t i = 0; i < n; i += stride) check(v[i] == tree_sum(i));
        check(same_everywhere(v, n * sizeof *v));
        fl_free(v);
    }
}

static void fixed_sum_does_not_depend_on_cuts(void **state) {
    (void)state;
    enum { N = 30011 };
    float *whole = summed_fixed(N, 0, 0), *again = summed_fixed(N, 0, 0);
    float *cut = summed_fixed(N, 1, 17777);
    check(memcmp(whole, again, N * sizeof *whole) == 0);
    check(memcmp(whole, cut, N * sizeof *whole) == 0);
    fl_free(whole);
    fl_free(again);
    fl_free(cut);
}

/* ---- ends ---- */

/* Exit code of this program with a word behind it; `front` may be a launcher or settings, `back` a
 * pipe. */
static int run_self(const char *front, const char *word, const char *back) {
    char *line = fl_format("%s %s %s 2>&1 %s", front, program, word, back);
    int code = system(line);
    fl_free(line);
    return WIFEXITED(code) ? WEXITSTATUS(code) : -1;
}

static void one_ranks_end_is_everybodys(void **state) {
    (void)state;
    static const char mpirun[] = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 "
                                 "timeout 60 mpirun --oversubscribe -np 3";
    if (n_ranks > 1) return;
    if (system("command -v mpirun >/dev/null") != 0) {
        print_message("no mpirun in the path: skipped\n");
        skip();
    }
    check(run_self(mpirun, "die", ">/dev/null") == 3);
    check(run_self(mpirun, "abort", ">/dev/null") == 75);
}

static void launcher_without_mpi_is_refused(void **state) {
    (void)state;
    if (n_ranks > 1) return;
    check(run_self("SLURM_STEP_NUM_TASKS=4", "open", ">/dev/null") == FL_ERR_CONFIG);
    check(run_self("SLURM_STEP_NUM_TASKS=1", "open", ">/dev/null") == 0);
}

/* What run_self runs: the last rank ends while the others wait for it. */
static int be_child(const char *word) {
    if (fl_comm_open(&comm) != FL_OK) return FL_ERR_CONFIG;
    bool last = fl_comm_rank(comm) == fl_comm_size(comm) - 1;
    if (last && strcmp(word, "die") == 0) fl_die(3, "error: on purpose");
    if (last && strcmp(word, "abort") == 0) fl_comm_abort(comm, 75);
    fl_comm_barrier(comm);
    fl_comm_close(comm);
    return 0;
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_numbered),
        cmocka_unit_test(barrier_waits_for_all),
        cmocka_unit_test(bcast_reaches_all),
        cmocka_unit_test(gather_in_rank_order),
        cmocka_unit_test(sum_is_exact_on_whole_numbers),
        cmocka_unit_test(sums_have_the_same_bits_everywhere),
        cmocka_unit_test(max_is_the_highest),
        cmocka_unit_test(fixed_sum_is_the_tree),
        cmocka_unit_test(fixed_sum_does_not_depend_on_cuts),
        cmocka_unit_test(one_ranks_end_is_everybodys),
        cmocka_unit_test(launcher_without_mpi_is_refused),
    };
    program = argv[0];
    if (argc > 1) return be_child(argv[1]);
    return run_on_all_ranks(tests);
}
