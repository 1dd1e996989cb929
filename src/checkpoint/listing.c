/* The names in a folder of checkpoints. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/folder.h"

enum { MAX_LISTED = 12 };

bool fl_step_parse(const char *name, int64_t *step) {
    char canonical[32];
    if (strncmp(name, "step-", 5) != 0) return false;
    *step = strtoll(name + 5, NULL, 10);
    snprintf(canonical, sizeof canonical, "step-%" PRId64, *step);
    return *step >= 0 && strcmp(name, canonical) == 0;
}

char *fl_step_folder(const char *dir, int64_t step) {
    char name[32];
    snprintf(name, sizeof name, "step-%" PRId64, step);
    return fl_path_join(dir, name);
}

char *fl_step_hidden(const char *dir, int64_t step, const char *ending) {
    char name[48];
    snprintf(name, sizeof name, ".step-%" PRId64 ".%s", step, ending);
    return fl_path_join(dir, name);
}

bool fl_step_linked(const char *dir, const char *name, int64_t *step) {
    char target[64], *path = fl_path_join(dir, name);
    ssize_t n = readlink(path, target, sizeof target - 1);
    fl_free(path);
    if (n < 0) return false;
    target[n] = '\0';
    return fl_step_parse(target, step);
}

static bool is_link(const char *dir, const char *name) {
    char target, *path = fl_path_join(dir, name);
    bool link = readlink(path, &target, 1) >= 0;
    fl_free(path);
    return link;
}

static bool is_folder(const char *dir, const char *name) {
    char *path = fl_path_join(dir, name);
    bool folder = fl_is_dir(path);
    fl_free(path);
    return folder;
}

static void add_name(char ***names, int *n, const char *name) {
    *names = fl_resize(*names, (size_t)(*n + 1) * sizeof **names);
    (*names)[(*n)++] = fl_strdup(name);
}

static void add(fl_listing *l, const char *dir, const char *name) {
    int64_t step;
    if (fl_glob(".step-*.tmp", name) || fl_glob(".step-*.old", name) ||
        fl_glob(".link-*.tmp", name)) {
        add_name(&l->rests, &l->n_rests, name);
    } else if (fl_step_parse(name, &step) && is_folder(dir, name)) {
        l->steps = fl_resize(l->steps, (size_t)(l->n_steps + 1) * sizeof *l->steps);
        l->steps[l->n_steps++] = step;
    } else if (name[0] != '.' && is_link(dir, name)) {
        add_name(&l->links, &l->n_links, name);
    }
}

static int newest_first(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x > y ? -1 : x < y;
}

fl_status fl_listing_read(const char *dir, fl_listing *l) {
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);
    if (n < 0 && errno == ENOENT) return FL_OK;
    if (n < 0)
        return fl_fail(FL_ERR_INPUT, "cannot open the folder '%s': %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        add(l, dir, entries[i]->d_name);
        fl_free(entries[i]);
    }
    fl_free(entries);
    if (l->n_steps) qsort(l->steps, (size_t)l->n_steps, sizeof *l->steps, newest_first);
    return FL_OK;
}

static void free_names(char **names, int n) {
    for (int i = 0; i < n; i++) fl_free(names[i]);
    fl_free(names);
}

void fl_listing_free(fl_listing *l) {
    free_names(l->links, l->n_links);
    free_names(l->rests, l->n_rests);
    fl_free(l->steps);
}

char *fl_listing_text(const fl_listing *l) {
    if (l->n_links + l->n_steps == 0) return fl_strdup("there are none");
    fl_text t = {0};
    const char *before = "there are ";
    for (int i = 0; i < l->n_links; i++, before = ", ")
        fl_text_add(&t, "%s%s", before, l->links[i]);
    for (int i = 0; i < l->n_steps && i < MAX_LISTED; i++, before = ", ")
        fl_text_add(&t, "%sstep-%" PRId64, before, l->steps[i]);
    if (l->n_steps > MAX_LISTED) fl_text_add(&t, " and %d older", l->n_steps - MAX_LISTED);
    return t.s;
}
