/* Removing what is no longer wanted. */
#include <stdio.h>
#include <string.h>

#include "checkpoint/folder.h"

static bool is_linked(const char *dir, const fl_listing *l, int64_t step) {
    int64_t linked;
    for (int i = 0; i < l->n_links; i++)
        if (fl_step_linked(dir, l->links[i], &linked) && linked == step) return true;
    return false;
}

/* Renamed first: a crash in the middle leaves a rest, not a damaged checkpoint. */
static fl_status remove_step(const char *dir, int64_t step) {
    char *place = fl_step_folder(dir, step), *aside = fl_step_hidden(dir, step, "tmp");
    fl_status status = fl_remove_tree(aside);
    if (status == FL_OK) status = fl_remove_tree(rename(place, aside) == 0 ? aside : place);
    fl_free(place);
    fl_free(aside);
    return status;
}

/* A crash between the two renames of a save leaves an earlier step-N only as .step-N.old: it goes
 * back. The rename fails, and the rest is removed, where there is a step-N. */
static bool goes_back(const char *dir, const char *rest, const char *path) {
    if (!fl_glob(".step-*.old", rest)) return false;
    char *name = fl_strndup(rest + 1, strlen(rest) - strlen(".") - strlen(".old"));
    char *place = fl_path_join(dir, name);
    bool moved = rename(path, place) == 0;
    fl_free(name);
    fl_free(place);
    return moved;
}

static fl_status remove_rest(const char *dir, const char *rest) {
    char *path = fl_path_join(dir, rest);
    fl_status status = goes_back(dir, rest, path) ? FL_OK : fl_remove_tree(path);
    fl_free(path);
    return status;
}

static fl_status prune(const char *dir, const fl_listing *l, int64_t keep_last) {
    for (int i = 0; i < l->n_rests; i++) FL_TRY(remove_rest(dir, l->rests[i]));
    for (int64_t i = keep_last; i < l->n_steps; i++)
        if (!is_linked(dir, l, l->steps[i])) FL_TRY(remove_step(dir, l->steps[i]));
    return FL_OK;
}

fl_status fl_checkpoint_prune(const char *dir, int64_t keep_last) {
    FL_CHECK(keep_last >= 0, "%lld checkpoints cannot be kept", (long long)keep_last);
    fl_listing l = {0};
    fl_status status = fl_listing_read(dir, &l);
    if (status == FL_OK) status = prune(dir, &l, keep_last);
    fl_listing_free(&l);
    return status;
}
