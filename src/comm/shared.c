/* One copy a node: an anonymous memory file of the node's first rank, which its neighbours open
 * through /proc. No name is left behind whatever happens, and no size limit of /dev/shm applies. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comm_internal.h"
#include "frostline/log.h"

struct fl_shared {
    fl_comm *comm;
    void *data;
    size_t bytes; /* whole pages */
    bool shared, writer;
    const char *path; /* of the file that keeps it, or NULL: memory alone; the caller's */
    bool all_write;
};

typedef struct memory_file { /* what the neighbours need to know; sent as bytes */
    int64_t pid, fd;         /* fd is -1 where the system gives none */
    uint64_t device, inode;  /* in another process namespace the same path is another file */
} memory_file;

/* Taking more memory than there is would not fail: it would have a process of the node killed. */
static fl_status check_fits(size_t bytes) {
    double wanted = (double)bytes / 1e6;
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1e6;
    if (wanted <= there) return FL_OK;
    return fl_fail(FL_ERR_IO,
                   "%.0f MB are to be shared by the ranks of a node, more than the %.0f MB of this "
                   "node's memory; use a node with more memory, or a smaller net",
                   wanted, there);
}

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return bytes ? (bytes + page - 1) / page * page : page;
}

/* Memory is taken now: running out later would be a SIGBUS in the middle of a write. */
static int reserve(int fd, size_t bytes, memory_file *f) {
    struct stat s;
    if (ftruncate(fd, (off_t)bytes) || fstat(fd, &s)) return errno;
    f->device = s.st_dev;
    f->inode = s.st_ino;
    int error;
    do error = posix_fallocate(fd, 0, (off_t)bytes);
    while (error == EINTR);
    return error;
}

static int open_file(const char *path) {
    if (!path) return memfd_create("frostline", MFD_CLOEXEC);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
}

static fl_status create(const char *path, size_t bytes, memory_file *f) {
    int fd = open_file(path);
    if (fd < 0 && path) return fl_fail(FL_ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    if (fd < 0) return FL_OK;
    int error = reserve(fd, bytes, f);
    if (!error) {
        f->pid = getpid();
        f->fd = fd;
        return FL_OK;
    }
    close(fd);
    return fl_fail(
        FL_ERR_IO, "no room for the %.0f MB in %s that the ranks of a node share: %s; %s",
        (double)bytes / 1e6, path ? path : "memory", strerror(error),
        path ? "free space there" : "end other programs, or use a node with more memory");
}

static bool same_file(int fd, const memory_file *f, size_t bytes) {
    struct stat s;
    return fstat(fd, &s) == 0 && s.st_dev == f->device && s.st_ino == f->inode &&
           (size_t)s.st_size == bytes;
}

/* A descriptor of the file on any rank of the node, or -1. Neighbours cannot write through theirs,
 * unless all are to write. */
static int descriptor(const fl_comm *c, const memory_file *f, size_t bytes, bool all_write) {
    if (c->node_rank == 0 || f->fd < 0) return (int)f->fd;
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)f->pid, (long long)f->fd);
    int fd = open(path, (all_write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0 || same_file(fd, f, bytes)) return fd;
    close(fd);
    return -1;
}

static void *map(const fl_comm *c, int fd, size_t bytes, bool all_write) {
    if (fd < 0) return MAP_FAILED;
    int protection = all_write || c->node_rank == 0 ? PROT_READ | PROT_WRITE : PROT_READ;
    return mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
}

static bool whole_node(const fl_comm *c, bool mine) {
    int all = mine;
    if (c->node_size == 1) return mine;
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, c->node);
    return all != 0;
}

/* Collective over the node. NULL on all its ranks if one of them cannot. */
static void *map_together(fl_comm *c, memory_file *f, size_t bytes, bool all_write) {
    if (c->node_size > 1) MPI_Bcast(f, sizeof *f, MPI_BYTE, 0, c->node);
    int fd = descriptor(c, f, bytes, all_write);
    void *data = map(c, fd, bytes, all_write);
    bool all = whole_node(c, data != MAP_FAILED); /* so nobody closes before all have opened */
    if (fd >= 0) close(fd);
    if (all) return data;
    if (data != MAP_FAILED) munmap(data, bytes);
    return NULL;
}

static void note_private(fl_comm *c, bool private, size_t bytes) {
    double nodes = private && c->node_rank == 0;
    fl_comm_sum_double(c, &nodes, 1);
    if (nodes > 0)
        fl_note("on %.0f of %d nodes the ranks cannot open each other's memory, so each keeps its "
                "own copy of %.1f MB; /proc and one process namespace a node would save that",
                nodes, c->nodes, (double)bytes / 1e6);
}

static fl_status open_together(fl_shared *s) {
    fl_comm *c = s->comm;
    memory_file f = {.fd = -1};
    bool wanted = c->node_size > 1 || s->path; /* a single rank needs no file for its one copy */
    fl_status status = wanted && c->node_rank == 0 ? create(s->path, s->bytes, &f) : FL_OK;
    status = fl_comm_agree(c, status);
    if (status != FL_OK) { /* another node's trouble */
        if (f.fd >= 0) close((int)f.fd);
        return status;
    }
    if (wanted) s->data = map_together(c, &f, s->bytes, s->all_write);
    s->shared = s->data != NULL;
    note_private(c, wanted && !s->shared, s->bytes);
    return FL_OK;
}

static fl_status open_shared(fl_comm *c, const char *path, bool all_write, size_t bytes,
                             fl_shared **out) {
    *out = NULL;
    if (!path) FL_TRY(fl_comm_agree(c, check_fits(bytes)));
    fl_shared *s = fl_alloc(sizeof *s);
    *s = (fl_shared){.comm = c, .bytes = whole_pages(bytes), .path = path, .all_write = all_write};
    fl_status status = open_together(s);
    if (status != FL_OK) {
        fl_free(s);
        return status;
    }
    s->writer = !s->shared || c->node_rank == 0;
    if (!s->shared) s->data = fl_alloc_pages(s->bytes);
    s->path = NULL;
    *out = s;
    return FL_OK;
}

fl_status fl_shared_open(fl_comm *c, size_t bytes, fl_shared **out) {
    return open_shared(c, NULL, false, bytes, out);
}

fl_status fl_shared_open_common(fl_comm *c, const char *path, size_t bytes, fl_shared **out) {
    return open_shared(c, path, true, bytes, out);
}

void fl_shared_barrier(const fl_shared *s) {
    if (s->shared && s->comm->node_size > 1) MPI_Barrier(s->comm->node);
}

void *fl_shared_data(const fl_shared *s) {
    return s->data;
}
bool fl_shared_writer(const fl_shared *s) {
    return s->writer;
}
bool fl_shared_is_shared(const fl_shared *s) {
    return s->shared;
}

void fl_shared_seal(fl_shared *s) {
    fl_shared_barrier(s);
    int error = mprotect(s->data, s->bytes, PROT_READ);
    FL_CHECK(error == 0, "mprotect: %s", strerror(errno));
}

void fl_shared_close(fl_shared *s) {
    if (!s) return;
    if (s->shared) munmap(s->data, s->bytes);
    if (!s->shared) fl_free_pages(s->data, s->bytes);
    fl_free(s);
}
