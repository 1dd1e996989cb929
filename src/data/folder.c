/* A folder of class folders of images. Classes and files are sorted by the bytes of their names.
 * Names that begin with a dot are passed over, and so is, with a note, all that is no .jpg, .jpeg
 * or .png. */
#include "data/dataset.h"

#include "frostline/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct names {
    char **v;
    size_t n, cap;
} names;

typedef struct folder {
    char *root;
    names files; /* (rows): class/name */
    int64_t ignored;
} folder;

static void add(names *list, char *name) {
    if (list->n == list->cap) {
        list->cap = list->cap ? 2 * list->cap : 64;
        list->v = fl_resize(list->v, list->cap * sizeof *list->v);
    }
    list->v[list->n++] = name;
}

static void free_names(names *list) {
    for (size_t i = 0; i < list->n; i++) fl_free(list->v[i]);
    fl_free(list->v);
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static fl_status list_dir(const char *path, names *out) {
    DIR *dir = opendir(path);
    if (!dir)
        return fl_fail(FL_ERR_INPUT, "cannot open the folder '%s': %s", path, strerror(errno));
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.') add(out, fl_strdup(e->d_name));
    closedir(dir);
    if (out->n) qsort(out->v, out->n, sizeof *out->v, by_bytes);
    return FL_OK;
}

static bool is_image(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < FL_COUNT(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

/* One file of a class: a row, or ignored. */
static fl_status take_file(folder *f, fl_source *s, const char *class, const char *name) {
    struct stat st;
    char *relative = fl_path_join(class, name), *path = fl_path_join(f->root, relative);
    bool there = stat(path, &st) == 0;
    fl_status status =
        there ? FL_OK : fl_fail(FL_ERR_INPUT, "cannot read '%s': %s", path, strerror(errno));
    fl_free(path);
    if (there && S_ISREG(st.st_mode) && is_image(name)) {
        uint64_t size = (uint64_t)st.st_size;
        s->hash = fl_hash(relative, strlen(relative), s->hash);
        s->hash = fl_hash(&size, sizeof size, s->hash);
        s->stamp = fl_hash(relative, strlen(relative), s->stamp);
        s->stamp = fl_hash(&st.st_mtim, sizeof st.st_mtim, s->stamp);
        s->bytes += strlen(relative) + 1 + sizeof relative;
        add(&f->files, relative);
        return FL_OK;
    }
    f->ignored += there;
    fl_free(relative);
    return status;
}

static fl_status take_files(folder *f, fl_source *s, const char *class, const names *found) {
    size_t before = f->files.n;
    for (size_t i = 0; i < found->n; i++) FL_TRY(take_file(f, s, class, found->v[i]));
    if (f->files.n == before)
        return fl_fail(FL_ERR_INPUT, "the class folder '%s/%s' has no .jpg, .jpeg or .png", f->root,
                       class);
    return FL_OK;
}

static int class_of(const fl_source *s, const char *name) {
    for (int c = 0; c < s->classes; c++)
        if (strcmp(s->class_name[c], name) == 0) return c;
    return -1;
}

/* Ids are those of the training set; there the folder's own position. */
static fl_status take_class(folder *f, fl_source *s, const char *name) {
    int id = class_of(s, name);
    size_t had = f->files.n;
    names found = {0};
    char *path = fl_path_join(f->root, name);
    fl_source_stamp(s, path); /* resolves links once a class rather than once an image */
    fl_status status = list_dir(path, &found);
    fl_free(path);
    if (status == FL_OK) status = take_files(f, s, name, &found);
    free_names(&found);
    if (f->files.n > had) s->label = fl_resize(s->label, f->files.n * sizeof *s->label);
    for (size_t i = had; i < f->files.n; i++) s->label[i] = id;
    return status;
}

/* Of what lies in the root, the folders. */
static void keep_folders(folder *f, names *found) {
    size_t kept = 0;
    for (size_t i = 0; i < found->n; i++) {
        char *path = fl_path_join(f->root, found->v[i]);
        if (fl_is_dir(path))
            found->v[kept++] = found->v[i];
        else {
            f->ignored++;
            fl_free(found->v[i]);
        }
        fl_free(path);
    }
    found->n = kept;
}

static fl_status set_names(fl_source *s, const folder *f, const fl_source *train,
                           const names *found) {
    char *const *from = train ? train->class_name : found->v;
    s->classes = train ? train->classes : (int)found->n;
    s->class_name = fl_alloc((size_t)s->classes * sizeof *s->class_name);
    for (int i = 0; i < s->classes; i++) s->class_name[i] = fl_strdup(from[i]);
    for (size_t i = 0; i < found->n; i++)
        if (class_of(s, found->v[i]) < 0)
            return fl_fail(FL_ERR_INPUT,
                           "'%s' has the class folder '%s', which the training set lacks; its "
                           "classes decide the ids",
                           f->root, found->v[i]);
    return FL_OK;
}

static fl_status take_classes(folder *f, fl_source *s, const fl_source *train, names *found) {
    FL_TRY(list_dir(f->root, found));
    keep_folders(f, found);
    if (found->n == 0)
        return fl_fail(FL_ERR_INPUT,
                       "'%s' has no class folders; an image_folder has one folder of "
                       "images per class",
                       f->root);
    FL_TRY(set_names(s, f, train, found));
    for (size_t i = 0; i < found->n; i++) FL_TRY(take_class(f, s, found->v[i]));
    return FL_OK;
}

static fl_status open_folder(const fl_source_conf *conf, fl_source *s) {
    const char *root;
    folder *f = s->state = fl_alloc(sizeof *f);
    names found = {0};
    FL_TRY(fl_source_path(conf->node, "the path of a folder of class folders", &root));
    f->root = fl_strdup(root);
    s->pixels = true;
    s->target = FL_TARGET_CLASS;
    fl_status status = take_classes(f, s, conf->train, &found);
    free_names(&found);
    s->rows = (int64_t)f->files.n;
    s->bytes += f->files.n * sizeof *s->label;
    if (f->ignored)
        fl_note(
            "'%s': %lld files are no images (.jpg, .jpeg, .png in a class folder) and are ignored",
            root, (long long)f->ignored);
    return status;
}

static fl_status read_folder(const fl_source *s, int64_t i, fl_image *image) {
    const folder *f = s->state;
    char *path = fl_path_join(f->root, f->files.v[i]);
    fl_status status = fl_image_read(path, image);
    fl_free(path);
    return status;
}

static void close_folder(fl_source *s) {
    folder *f = s->state;
    free_names(&f->files);
    fl_free(f->root);
    fl_free(f);
}

const fl_dataset_ops fl_dataset_image_folder = {.name = "image_folder",
                                                .ids_from_train = true,
                                                .open = open_folder,
                                                .read = read_folder,
                                                .close = close_folder};
