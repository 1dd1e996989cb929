/* One copy a node: seen by all its ranks, written by each in part, and by none once it is sealed.
 */
#include "check_ranks.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static sigjmp_buf fault;

static void on_fault(int signal) {
    (void)signal;
    siglongjmp(fault, 1);
}

static bool write_faults(volatile char *p) {
    struct sigaction mine = {.sa_handler = on_fault}, before;
    sigaction(SIGSEGV, &mine, &before);
    bool faulted = sigsetjmp(fault, 1) != 0;
    if (!faulted) *p = 1;
    sigaction(SIGSEGV, &before, NULL);
    return faulted;
}

static void write_and_read(fl_shared *s, size_t n) {
    unsigned char *p = fl_shared_data(s);
    check((uintptr_t)p % (size_t)sysconf(_SC_PAGESIZE) == 0);
    for (size_t i = 0; i < n; i += 511) check(p[i] == 0);
    fl_comm_barrier(comm); /* so that the reading above is done */
    size_t part = (size_t)fl_shared_part(s), parts = (size_t)fl_shared_parts(s);
    for (size_t i = n * part / parts; i < n * (part + 1) / parts; i++)
        p[i] = (unsigned char)(i * 7);
    fl_shared_seal(s);
    for (size_t i = 0; i < n; i += 3) check(p[i] == (unsigned char)(i * 7));
    check(write_faults((char *)p));
    if (n) check(write_faults((char *)p + n - 1));
}

static int open_files(void) {
    int n = 0;
    for (int fd = 0; fd < 256; fd++) n += dup2(fd, fd) == fd;
    return n;
}

static void node_shares_one_copy(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 4096, 5000001};
    int files = open_files();
    for (size_t k = 0; k < FL_COUNT(sizes); k++) {
        fl_shared *s;
        check(fl_shared_open(comm, sizes[k], &s) == FL_OK);
        check(fl_shared_is_shared(s) == (fl_comm_node_size(comm) > 1));
        check(fl_shared_writer(s) == (fl_comm_node_rank(comm) == 0));
        check(fl_shared_parts(s) == fl_comm_node_size(comm));
        check(fl_shared_part(s) == fl_comm_node_rank(comm));
        check(open_files() == files); /* or the memory would outlive the close */
        write_and_read(s, sizes[k]);
        fl_shared_close(s);
    }
}

/* Resident kilobytes of the mapping that holds p; -1 if there is none. */
static long resident_kb(const void *p) {
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    unsigned long from, to;
    bool inside = false;
    long kb = -1;
    while (f && kb < 0 && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (uintptr_t)p && (uintptr_t)p < to;
        else if (inside)
            sscanf(line, "Rss: %ld kB", &kb);
    }
    if (f) fclose(f);
    return kb;
}

/* TMPDIR is the folder of the tests, or a disk that is none. */
static void what_rests_takes_no_memory(void **state) {
    (void)state;
    enum { BYTES = 1 << 20 };
    for (int disk = 1; disk >= 0; disk--) {
        setenv("TMPDIR", disk ? "." : "/proc", 1);
        int files = open_files();
        fl_shared *s;
        check(fl_shared_open_seldom(comm, BYTES, &s) == FL_OK);
        check(open_files() == files);
        write_and_read(s, BYTES);
        fl_comm_barrier(comm);
        fl_shared_rest(s);
        long kb = resident_kb(fl_shared_data(s));
        check(disk ? kb == 0 : kb > 0);
        for (size_t i = 0; i < BYTES; i++)
            check(((unsigned char *)fl_shared_data(s))[i] == (unsigned char)(i * 7));
        check(write_faults(fl_shared_data(s)));
        fl_shared_close(s);
    }
    unsetenv("TMPDIR");
}

/* A rank that can open no more files: on the leader nothing is made, elsewhere nothing is found. */
static void private_copies_where_sharing_fails(void **state) {
    (void)state;
    for (int poor = 0; poor < 2; poor++) {
        struct rlimit before, none;
        getrlimit(RLIMIT_NOFILE, &before);
        none = (struct rlimit){0, before.rlim_max};
        if (fl_comm_node_rank(comm) == poor) setrlimit(RLIMIT_NOFILE, &none);
        fl_shared *s;
        fl_status status = fl_shared_open(comm, 10000, &s);
        setrlimit(RLIMIT_NOFILE, &before);
        check(status == FL_OK && !fl_shared_is_shared(s) && fl_shared_writer(s));
        write_and_read(s, 10000);
        fl_shared_close(s);
    }
}

static void too_much_is_refused_on_all(void **state) {
    (void)state;
    int before = open_files();
    fl_shared *s = (fl_shared *)&before;
    check(fl_shared_open(comm, (size_t)1 << 60, &s) == FL_ERR_IO && !s);
    check(says("MB of this node's memory"));
    size_t mine = rank == n_ranks - 1 ? SIZE_MAX : 100;
    check(fl_shared_open(comm, mine, &s) == FL_ERR_IO && !s);
    check(open_files() == before);
}

static void full_memory_is_everybodys_error(void **state) {
    (void)state;
    if (fl_comm_node_size(comm) == 1) return;
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){1000, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    if (fl_comm_node_rank(comm) == 0) setrlimit(RLIMIT_FSIZE, &small);
    int files = open_files();
    fl_shared *s;
    fl_status status = fl_shared_open(comm, 100000, &s);
    setrlimit(RLIMIT_FSIZE, &before);
    check(status == FL_ERR_IO && says("rank 0: no ") && open_files() == files);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_shares_one_copy),
        cmocka_unit_test(what_rests_takes_no_memory),
        cmocka_unit_test(private_copies_where_sharing_fails),
        cmocka_unit_test(too_much_is_refused_on_all),
        cmocka_unit_test(full_memory_is_everybodys_error),
    };
    return run_on_all_ranks(tests);
}
