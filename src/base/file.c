/* Whole files and folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frostline/base.h"

static fl_status read_all(int fd, const char *path, fl_text *t) {
    char chunk[65536];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fl_fail(FL_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
        if (n == 0) break;
        fl_text_put(t, chunk, (size_t)n);
    }
    fl_text_put(t, "", 0);
    return FL_OK;
}

fl_status fl_file_read(const char *path, char **data, size_t *len) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fl_fail(FL_ERR_INPUT, "cannot open '%s': %s", path, strerror(errno));
    fl_text t = {0};
    fl_status status = read_all(fd, path, &t);
    close(fd);
    if (status != FL_OK) {
        fl_free(t.s);
        return status;
    }
    *data = t.s;
    if (len) *len = t.len;
    return FL_OK;
}

static fl_status write_all(int fd, const char *path, const char *data, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fl_fail(FL_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
        data += n;
        len -= (size_t)n;
    }
    if (fsync(fd) != 0 && errno != EINVAL)
        return fl_fail(FL_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    return FL_OK;
}

fl_status fl_file_write(const char *path, const void *data, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return fl_fail(FL_ERR_IO, "cannot create '%s': %s", path, strerror(errno));
    fl_status status = write_all(fd, path, data, len);
    if (close(fd) != 0 && status == FL_OK)
        status = fl_fail(FL_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    return status;
}

static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return fl_strdup(".");
    return slash == path ? fl_strdup("/") : fl_strndup(path, (size_t)(slash - path));
}

static fl_status rename_durably(const char *from, const char *to) {
    if (rename(from, to) != 0)
        return fl_fail(FL_ERR_IO, "cannot rename '%s' to '%s': %s", from, to, strerror(errno));
    char *dir = parent_of(to);
    fl_status status = fl_sync_dir(dir);
    fl_free(dir);
    return status;
}

fl_status fl_file_replace(const char *path, const void *data, size_t len) {
    char *temporary = fl_format("%s.tmp", path);
    fl_status status = fl_file_write(temporary, data, len);
    if (status == FL_OK) status = rename_durably(temporary, path);
    if (status != FL_OK) unlink(temporary);
    fl_free(temporary);
    return status;
}

static fl_status make_dir(const char *path) {
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && fl_is_dir(path))) return FL_OK;
    return fl_fail(FL_ERR_IO, "cannot make the folder '%s': %s", path, strerror(errno));
}

fl_status fl_make_dirs(const char *path) {
    char *copy = fl_strdup(path);
    fl_status status = FL_OK;
    for (char *p = copy + 1; *p && status == FL_OK; p++) {
        if (*p != '/') continue;
        *p = '\0';
        status = make_dir(copy);
        *p = '/';
    }
    if (status == FL_OK) status = make_dir(copy);
    fl_free(copy);
    return status;
}

static fl_status remove_entries(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) return fl_fail(FL_ERR_IO, "cannot open the folder '%s': %s", path, strerror(errno));
    fl_status status = FL_OK;
    for (struct dirent *e; status == FL_OK && (e = readdir(dir));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        char *child = fl_path_join(path, e->d_name);
        status = fl_remove_tree(child);
        fl_free(child);
    }
    closedir(dir);
    return status;
}

fl_status fl_remove_tree(const char *path) {
    struct stat st;
    if (lstat(path, &st) != 0) return FL_OK;
    if (S_ISDIR(st.st_mode)) FL_TRY(remove_entries(path));
    if (remove(path) != 0 && errno != ENOENT)
        return fl_fail(FL_ERR_IO, "cannot remove '%s': %s", path, strerror(errno));
    return FL_OK;
}

fl_status fl_sync_dir(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fl_fail(FL_ERR_IO, "cannot open the folder '%s': %s", path, strerror(errno));
    int failed =
        fsync(fd) != 0 && errno != EINVAL; /* some file systems have no fsync for folders */
    int reason = errno;
    close(fd);
    if (failed) return fl_fail(FL_ERR_IO, "cannot sync '%s': %s", path, strerror(reason));
    return FL_OK;
}

bool fl_exists(const char *path) {
    return access(path, F_OK) == 0;
}

bool fl_is_dir(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fl_same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

char *fl_path_join(const char *dir, const char *name) {
    if (name[0] == '/' || dir[0] == '\0') return fl_strdup(name);
    bool slash = dir[strlen(dir) - 1] == '/';
    return fl_format("%s%s%s", dir, slash ? "" : "/", name);
}
