/* Size and hash of a file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/folder.h"

static fl_status cannot_read(const char *path) {
    return fl_fail(FL_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
}

static fl_status digest_open_file(const char *path, int fd, fl_digest *digest) {
    struct stat st;
    if (fstat(fd, &st) != 0) return cannot_read(path);
    if (!S_ISREG(st.st_mode)) return fl_fail(FL_ERR_INPUT, "'%s' is not a regular file", path);
    size_t size = (size_t)st.st_size;
    void *bytes = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    if (bytes == MAP_FAILED) return cannot_read(path);
    *digest = (fl_digest){st.st_size, fl_hash(bytes, size, 0)};
    if (size) munmap(bytes, size);
    return FL_OK;
}

fl_status fl_digest_file(const char *path, fl_digest *digest) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fl_fail(FL_ERR_INPUT, "cannot open '%s': %s", path, strerror(errno));
    fl_status status = digest_open_file(path, fd, digest);
    close(fd);
    return status;
}
