/* Which checkpoint: the newest whole one, or the one that the user means. */
#include <inttypes.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/folder.h"
#include "frostline/log.h"

/* ---- the newest ---- */

static fl_status newest_of(const char *dir, const fl_listing *l, char **folder, int64_t *step) {
    for (int i = 0; i < l->n_steps; i++) {
        *folder = fl_step_folder(dir, l->steps[i]);
        *step = l->steps[i];
        if (fl_checkpoint_verify(*folder) == FL_OK) return FL_OK;
        if (i + 1 < l->n_steps)
            fl_warn("checkpoint '%s' is passed over, falling back to step-%" PRId64 ": %s", *folder,
                    l->steps[i + 1], fl_reason());
        fl_free(*folder);
        *folder = NULL;
    }
    *step = -1;
    if (l->n_steps == 0) return FL_OK;
    return fl_fail(FL_ERR_INPUT,
                   "no checkpoint in '%s' is whole; the oldest of %d: %s; remove them, or train "
                   "afresh in another folder",
                   dir, l->n_steps, fl_reason());
}

fl_status fl_checkpoint_newest(const char *dir, char **folder, int64_t *step) {
    *folder = NULL;
    *step = -1;
    fl_listing l = {0};
    fl_status status = fl_listing_read(dir, &l);
    if (status == FL_OK) status = newest_of(dir, &l, folder, step);
    fl_listing_free(&l);
    return status;
}

/* ---- by the user's word ---- */

static char *checkpoints_of(const char *dir) {
    char *inner = fl_path_join(dir, "checkpoints");
    if (fl_is_dir(inner)) return inner;
    fl_free(inner);
    return fl_strdup(dir);
}

static fl_status newest_or_none(const char *dir, char **folder) {
    int64_t step;
    FL_TRY(fl_checkpoint_newest(dir, folder, &step));
    if (*folder) return FL_OK;
    return fl_fail(FL_ERR_INPUT,
                   "there is no checkpoint in '%s'; expected folders step-N, or " FL_MANIFEST, dir);
}

static bool is_checkpoint(const char *path) {
    int64_t step;
    char *copy = fl_strdup(path), *manifest = fl_path_join(path, FL_MANIFEST);
    bool is = fl_step_parse(basename(copy), &step) || fl_exists(manifest);
    fl_free(copy);
    fl_free(manifest);
    return is;
}

/* The folder behind a link such as `best`: the link may soon point elsewhere. */
static char *follow(const char *path) {
    char target[1024], *copy = fl_strdup(path);
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0) return copy;
    target[n] = '\0';
    char *followed = fl_path_join(dirname(copy), target);
    fl_free(copy);
    return followed;
}

static fl_status take(const char *path, char **folder) {
    if (!fl_is_dir(path))
        return fl_fail(FL_ERR_INPUT,
                       "'%s' is a file; a checkpoint is a folder, such as checkpoints/latest",
                       path);
    if (!is_checkpoint(path)) {
        char *dir = checkpoints_of(path);
        fl_status status = newest_or_none(dir, folder);
        fl_free(dir);
        return status;
    }
    char *place = follow(path);
    fl_status status = fl_checkpoint_verify(place);
    if (status == FL_OK)
        *folder = place;
    else
        fl_free(place);
    return status;
}

static fl_status missing(const char *dir, const char *word, const char *path) {
    fl_listing l = {0};
    FL_TRY(fl_listing_read(dir, &l));
    char target[64] = "", *there = fl_listing_text(&l);
    if (readlink(path, target, sizeof target - 1) >= 0)
        fl_fail(FL_ERR_INPUT, "'%s' points to %s, which is gone; in '%s' %s", path, target, dir,
                there);
    else
        fl_fail(FL_ERR_INPUT, "there is no checkpoint '%s'; in '%s' %s", word, dir, there);
    fl_free(there);
    fl_listing_free(&l);
    return FL_ERR_INPUT;
}

/* `latest` and `best` are those of dir; any other word is a path, then a name in dir. */
static fl_status find_in(const char *dir, const char *word, char **folder) {
    bool link = strcmp(word, "latest") == 0 || strcmp(word, "best") == 0;
    if (!link && fl_exists(word)) return take(word, folder);
    char *path = fl_path_join(dir, word);
    fl_status status = fl_exists(path) ? take(path, folder) : missing(dir, word, path);
    fl_free(path);
    return status;
}

fl_status fl_checkpoint_find(const char *dir, const char *word, char **folder) {
    *folder = NULL;
    char *checkpoints = checkpoints_of(dir);
    fl_status status = find_in(checkpoints, word, folder);
    fl_free(checkpoints);
    return status;
}
