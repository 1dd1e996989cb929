/* Making a checkpoint: everything beside its place, then renamed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/folder.h"

static fl_status move(const char *from, const char *to) {
    if (rename(from, to) == 0) return FL_OK;
    return fl_fail(FL_ERR_IO, "cannot rename '%s' to '%s': %s", from, to, strerror(errno));
}

/* ---- the files ---- */

static fl_status sync_file(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int failed = fd < 0 || (fsync(fd) != 0 && errno != EINVAL), reason = errno;
    if (fd >= 0) close(fd);
    return failed ? fl_fail(FL_ERR_IO, "cannot sync '%s': %s", path, strerror(reason)) : FL_OK;
}

static fl_status write_file(const char *folder, const fl_checkpoint_file *file) {
    bool plain = file->name[0] && !strchr(file->name, '/') && strcmp(file->name, FL_MANIFEST) != 0;
    FL_CHECK(plain, "a checkpoint cannot have a file '%s'", file->name);
    char *path = fl_path_join(folder, file->name);
    fl_status status = file->write(path, file->context);
    if (status == FL_OK) status = sync_file(path);
    fl_free(path);
    return status;
}

static fl_status fill(const char *folder, int64_t step, int n, const fl_checkpoint_file *files) {
    FL_TRY(fl_remove_tree(folder)); /* what a crash may have left */
    FL_TRY(fl_make_dirs(folder));
    for (int i = 0; i < n; i++) FL_TRY(write_file(folder, &files[i]));
    FL_TRY(fl_manifest_write(folder, step, n, files));
    return fl_sync_dir(folder);
}

/* ---- into its place ---- */

/* A run resumed from before may find its step-N there: that one stays aside until the new one is
 * in. */
static fl_status put_in_place(const char *filled, const char *place, const char *aside) {
    FL_TRY(fl_remove_tree(aside));
    bool had = rename(place, aside) == 0;
    fl_status status = move(filled, place);
    if (status != FL_OK && had) rename(aside, place);
    return status;
}

static fl_status install(const char *dir, int64_t step, const char *filled) {
    char *place = fl_step_folder(dir, step), *aside = fl_step_hidden(dir, step, "old");
    fl_status status = put_in_place(filled, place, aside);
    if (status == FL_OK) status = fl_sync_dir(dir);
    if (status == FL_OK) status = fl_checkpoint_link(dir, "latest", step);
    if (status == FL_OK) status = fl_remove_tree(aside);
    fl_free(place);
    fl_free(aside);
    return status;
}

/* Removes what was begun; the message of what went wrong stays. */
static void give_up(const char *folder) {
    char *message = fl_strdup(fl_message());
    fl_remove_tree(folder);
    fl_fail_text(FL_ERR_IO, message);
    fl_free(message);
}

fl_status fl_checkpoint_save(const char *dir, int64_t step, int n,
                             const fl_checkpoint_file *files) {
    FL_CHECK(step >= 0, "a checkpoint of step %" PRId64, step);
    FL_TRY(fl_make_dirs(dir));
    char *folder = fl_step_hidden(dir, step, "tmp");
    fl_status status = fill(folder, step, n, files);
    if (status == FL_OK) status = install(dir, step, folder);
    if (status != FL_OK) give_up(folder);
    fl_free(folder);
    return status;
}

/* ---- links ---- */

static fl_status replace_link(const char *target, const char *temporary, const char *place) {
    unlink(temporary); /* what a crash may have left */
    if (symlink(target, temporary) != 0)
        return fl_fail(FL_ERR_IO, "cannot make the link '%s': %s", temporary, strerror(errno));
    fl_status status = move(temporary, place);
    if (status != FL_OK) unlink(temporary);
    return status;
}

static fl_status check_folder(const char *dir, int64_t step) {
    char *folder = fl_step_folder(dir, step);
    bool there = fl_is_dir(folder);
    fl_free(folder);
    if (there) return FL_OK;
    return fl_fail(FL_ERR_INPUT, "there is no checkpoint step-%" PRId64 " in '%s' to link to", step,
                   dir);
}

fl_status fl_checkpoint_link(const char *dir, const char *name, int64_t step) {
    FL_CHECK(name[0] && name[0] != '.' && !strchr(name, '/'), "no name of a link: '%s'", name);
    FL_TRY(check_folder(dir, step));
    char *hidden = fl_format(".link-%s.tmp", name), *target = fl_step_folder("", step);
    char *temporary = fl_path_join(dir, hidden), *place = fl_path_join(dir, name);
    fl_status status = replace_link(target, temporary, place);
    if (status == FL_OK) status = fl_sync_dir(dir);
    fl_free(hidden);
    fl_free(target);
    fl_free(temporary);
    fl_free(place);
    return status;
}
