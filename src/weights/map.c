/* A file as read-only memory. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weights/format.h"

static fl_status check_kind(const fl_weights *w, const struct stat *st) {
    if (S_ISREG(st->st_mode)) return FL_OK;
    const char *kind = S_ISDIR(st->st_mode) ? "a folder" : "not a regular file";
    return fl_fail(FL_ERR_INPUT, "'%s' is %s; give a file of weights, such as model.safetensors",
                   w->path, kind);
}

static fl_status map_open_file(fl_weights *w, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fl_fail(FL_ERR_IO, "cannot read '%s': %s", w->path, strerror(errno));
    FL_TRY(check_kind(w, &st));
    if (st.st_size == 0)
        return FL_OK; /* nothing to map; the format's reader says what is missing */
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return fl_fail(FL_ERR_IO, "cannot map '%s': %s", w->path, strerror(errno));
    w->bytes = map;
    w->size = (size_t)st.st_size;
    return FL_OK;
}

fl_status fl_weights_map(fl_weights *w) {
    int fd = open(w->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang us */
    if (fd < 0) return fl_fail(FL_ERR_INPUT, "cannot open '%s': %s", w->path, strerror(errno));
    fl_status status = map_open_file(w, fd);
    close(fd);
    return status;
}

void fl_weights_unmap(fl_weights *w) {
    if (w->bytes) munmap((void *)w->bytes, w->size);
}
