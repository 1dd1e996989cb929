/* frostline ls, frostline cp */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static fl_status folder(char **out) {
    *out = fl_cli_config_folder();
    if (*out) return FL_OK;
    return fl_fail(FL_ERR_IO, "the configs that come with Frostline are not beside this program; "
                              "install it with 'cmake --install'");
}

static int is_yaml(const struct dirent *e) {
    size_t n = strlen(e->d_name);
    return n > 5 && strcmp(e->d_name + n - 5, ".yaml") == 0;
}

/* The first line of a config that is a comment says what it shows. */
static void print_one(const char *dir, const char *name) {
    char *path = fl_path_join(dir, name), *text = NULL;
    if (fl_file_read(path, &text, NULL) == FL_OK) {
        const char *line = text + strspn(text, "# ");
        int stem = (int)strlen(name) - 5;
        printf("%-24.*s %.*s\n", stem, name, text[0] == '#' ? (int)strcspn(line, "\n") : 0, line);
    }
    fl_free(path);
    fl_free(text);
}

static fl_status no_arguments(int argc, char **argv) {
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, NULL, 0, &a);
    if (status == FL_OK && a.config)
        status = fl_fail(FL_ERR_CONFIG, "'frostline %s' takes no arguments", argv[0]);
    fl_arguments_close(&a);
    return status;
}

fl_status fl_cli_ls(fl_comm *c, int argc, char **argv) {
    (void)c;
    char *dir;
    struct dirent **list;
    FL_TRY(no_arguments(argc, argv));
    FL_TRY(folder(&dir));
    int n = scandir(dir, &list, is_yaml, alphasort);
    for (int i = 0; i < n; i++) {
        print_one(dir, list[i]->d_name);
        fl_free(list[i]);
    }
    if (n >= 0) fl_free(list);
    fl_free(dir);
    return FL_OK;
}

static fl_status unknown_config(const char *dir, const char *name) {
    struct dirent **list;
    const char *names[64];
    int n = scandir(dir, &list, is_yaml, alphasort);
    size_t count = 0;
    for (int i = 0; i < n && count < FL_COUNT(names); i++) {
        list[i]->d_name[strlen(list[i]->d_name) - 5] = '\0';
        names[count++] = list[i]->d_name;
    }
    const char *near = fl_nearest(name, names, count);
    fl_status status = fl_fail(FL_ERR_CONFIG, "there is no config '%s'%s%s%s", name,
                               near ? "; did you mean '" : "; see 'frostline ls'", near ? near : "",
                               near ? "'?" : "");
    for (int i = 0; i < n; i++) fl_free(list[i]);
    if (n >= 0) fl_free(list);
    return status;
}

static bool in_comment(const char *text, const char *at) {
    while (at > text && at[-1] != '\n') at--;
    return at[strspn(at, " ")] == '#';
}

/* What a config takes from the folder that it came from, it takes from there still. */
static char *rooted(const char *text, const char *dir) {
    static const char here[] = "configs/";
    char *root = realpath(dir, NULL);
    const char *start = text;
    fl_text t = {0};
    for (const char *at; (at = strstr(text, here)); text = at + strlen(here)) {
        char *file = fl_strndup(at + strlen(here), strcspn(at + strlen(here), " \t\n,}]\"'"));
        char *path = fl_path_join(dir, file);
        bool known = root && file[0] && fl_exists(path) && !in_comment(start, at);
        fl_text_put(&t, text, (size_t)(at - text));
        fl_text_add(&t, "%s", known ? root : "configs");
        fl_text_add(&t, "/");
        fl_free(path);
        fl_free(file);
    }
    fl_text_add(&t, "%s", text);
    fl_free(root);
    return t.s;
}

static fl_status copy(const char *name, const char *to) {
    char *dir, *text;
    FL_TRY(folder(&dir));
    char *from = fl_format("%s/%s%s", dir, name, strstr(name, ".yaml") ? "" : ".yaml");
    fl_status status = fl_exists(from) ? FL_OK : unknown_config(dir, name);
    if (status == FL_OK && fl_exists(to))
        status = fl_fail(FL_ERR_CONFIG, "'%s' exists; it is not written over", to);
    if (status == FL_OK) status = fl_file_read(from, &text, NULL);
    if (status == FL_OK) {
        char *own = rooted(text, dir);
        status = fl_file_replace(to, own, strlen(own));
        fl_free(own);
        fl_free(text);
    }
    fl_free(dir);
    fl_free(from);
    return status;
}

fl_status fl_cli_cp(fl_comm *c, int argc, char **argv) {
    (void)c;
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, NULL, 1, &a);
    if (status == FL_OK) status = fl_arguments_no_overrides(argv[0], &a);
    if (status == FL_OK && a.n_words != 1)
        status =
            fl_fail(FL_ERR_CONFIG, "'frostline cp' needs a NAME (see 'frostline ls') and a FILE");
    if (status == FL_OK) status = copy(a.config, a.word[0]);
    fl_arguments_close(&a);
    return status;
}
