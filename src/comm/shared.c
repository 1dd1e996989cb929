/* One copy a node: an anonymous memory file of the node's first rank, which its neighbours open
 * through /proc. No name is left behind whatever happens, and no size limit of /dev/shm applies. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "comm_internal.h"
#include "frostline/log.h"

struct fl_shared {
    fl_comm *comm;
    void *data;
    size_t bytes; /* whole pages */
    bool shared, writer;
    const char *path; /* of the file that keeps it, or NULL: memory alone; the caller's */
    bool seldom;      /* may lie on a disk */
    bool on_disk;
};

typedef struct memory_file { /* what the neighbours need to know; sent as bytes */
    int64_t pid, fd;         /* fd is -1 where the system gives none */
    int64_t on_disk;
    uint64_t device, inode; /* in another process namespace the same path is another file */
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

/* A nameless file on a disk of this node, or -1: tmpfs would be memory again. */
static int open_disk(void) {
    const char *dir = getenv("TMPDIR");
    char *path = fl_path_join(dir && *dir ? dir : "/var/tmp", "frostline-XXXXXX");
    int fd = mkostemp(path, O_CLOEXEC);
    struct statfs s;
    if (fd >= 0) unlink(path);
    fl_free(path);
    bool memory =
        fd >= 0 && fstatfs(fd, &s) == 0 && (s.f_type == TMPFS_MAGIC || s.f_type == RAMFS_MAGIC);
    if (!memory) return fd;
    close(fd);
    return -1;
}

static bool create_on_disk(size_t bytes, memory_file *f) {
    int fd = open_disk();
    if (fd < 0) return false;
    f->on_disk = reserve(fd, bytes, f) == 0;
    if (!f->on_disk) close(fd);
    if (f->on_disk) f->pid = getpid(), f->fd = fd;
    return f->on_disk;
}

/* A single rank needs no file for its one copy in memory. */
static fl_status create_for(const fl_shared *s, memory_file *f) {
    if (s->seldom && create_on_disk(s->bytes, f)) return FL_OK;
    return s->path || s->comm->node_size > 1 ? create(s->path, s->bytes, f) : FL_OK;
}

static bool same_file(int fd, const memory_file *f, size_t bytes) {
    struct stat s;
    return fstat(fd, &s) == 0 && s.st_dev == f->device && s.st_ino == f->inode &&
           (size_t)s.st_size == bytes;
}

/* A descriptor of the file on any rank of the node, or -1. */
static int descriptor(const fl_comm *c, const memory_file *f, size_t bytes) {
    if (c->node_rank == 0 || f->fd < 0) return (int)f->fd;
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/fd/%lld", (long long)f->pid, (long long)f->fd);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || same_file(fd, f, bytes)) return fd;
    close(fd);
    return -1;
}

static void *map(int fd, size_t bytes) {
    return fd < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static bool whole_node(const fl_comm *c, bool mine) {
    int all = mine;
    if (c->node_size == 1) return mine;
    MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, c->node);
    return all != 0;
}

/* Collective over the node. NULL on all its ranks if one of them cannot. */
static void *map_together(fl_comm *c, memory_file *f, size_t bytes) {
    if (c->node_size > 1) MPI_Bcast(f, sizeof *f, MPI_BYTE, 0, c->node);
    int fd = descriptor(c, f, bytes);
    void *data = map(fd, bytes);
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
    fl_status status = c->node_rank == 0 ? create_for(s, &f) : FL_OK;
    status = fl_comm_agree(c, status);
    if (status != FL_OK) { /* another node's trouble */
        if (f.fd >= 0) close((int)f.fd);
        return status;
    }
    s->data = map_together(c, &f, s->bytes);
    s->shared = s->data != NULL;
    s->on_disk = s->shared && f.on_disk;
    note_private(c, !s->shared && c->node_size > 1, s->bytes);
    return FL_OK;
}

static fl_status open_shared(fl_shared like, fl_shared **out) {
    *out = NULL;
    fl_shared *s = fl_alloc(sizeof *s);
    *s = like;
    fl_status status = open_together(s);
    if (status != FL_OK) {
        fl_free(s);
        return status;
    }
    s->writer = !s->shared || s->comm->node_rank == 0;
    if (!s->shared) s->data = fl_alloc_pages(s->bytes);
    s->path = NULL;
    *out = s;
    return FL_OK;
}

fl_status fl_shared_open_common(fl_comm *c, const char *path, size_t bytes, fl_shared **out) {
    *out = NULL;
    if (!path) FL_TRY(fl_comm_agree(c, check_fits(bytes)));
    return open_shared((fl_shared){.comm = c, .bytes = whole_pages(bytes), .path = path}, out);
}

fl_status fl_shared_open(fl_comm *c, size_t bytes, fl_shared **out) {
    return fl_shared_open_common(c, NULL, bytes, out);
}

fl_status fl_shared_open_seldom(fl_comm *c, size_t bytes, fl_shared **out) {
    *out = NULL;
    FL_TRY(fl_comm_agree(c, check_fits(bytes)));
    return open_shared((fl_shared){.comm = c, .bytes = whole_pages(bytes), .seldom = true}, out);
}

void fl_shared_barrier(const fl_shared *s) {
    FL_WAITING(s->comm, "the ranks of this node");
    if (s->shared && s->comm->node_size > 1) MPI_Barrier(s->comm->node);
}

void *fl_shared_data(const fl_shared *s) {
    return s->data;
}
bool fl_shared_writer(const fl_shared *s) {
    return s->writer;
}
int fl_shared_parts(const fl_shared *s) {
    return s->shared ? s->comm->node_size : 1;
}
int fl_shared_part(const fl_shared *s) {
    return s->shared ? s->comm->node_rank : 0;
}
bool fl_shared_is_shared(const fl_shared *s) {
    return s->shared;
}

void fl_shared_seal(fl_shared *s) {
    fl_shared_barrier(s);
    int error = mprotect(s->data, s->bytes, PROT_READ);
    FL_CHECK(error == 0, "mprotect: %s", strerror(errno));
}

/* The file keeps what its pages held; the system writes them out and takes them back. */
void fl_shared_rest(const fl_shared *s) {
    if (s->on_disk) madvise(s->data, s->bytes, MADV_DONTNEED);
}

void fl_shared_close(fl_shared *s) {
    if (!s) return;
    if (s->shared) munmap(s->data, s->bytes);
    if (!s->shared) fl_free_pages(s->data, s->bytes);
    fl_free(s);
}
