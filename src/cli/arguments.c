/* Sorting a command line: options by table, overrides by their shape, the rest by place. */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"
#include "frostline/log.h"

fl_progress fl_cli_progress;
static const char *progress_word, *color_word;
static bool help_wanted;

static const fl_option common[] = {
    {"progress", &progress_word, NULL, NULL},
    {"color", &color_word, NULL, NULL},
    {"help", NULL, NULL, &help_wanted},
    {NULL, NULL, NULL, NULL},
};

static bool is_override(const char *word) {
    if (word[0] == '~') return true;
    size_t n = 0;
    while (isalnum((unsigned char)word[n]) || word[n] == '_' || word[n] == '.') n++;
    return n > 0 && word[n] == '=';
}

static const fl_option *find(const fl_option *options, const char *name, size_t len) {
    for (const fl_option *o = options; o && o->name; o++)
        if (strlen(o->name) == len && strncmp(o->name, name, len) == 0) return o;
    return NULL;
}

static size_t list_names(const fl_option *options, const char **names, size_t n) {
    for (const fl_option *o = options; o && o->name && n < 32; o++) names[n++] = o->name;
    return n;
}

static fl_status unknown_option(const char *word, const fl_option *options) {
    const char *names[32];
    char *bare = fl_strndup(word + 2, strcspn(word + 2, "="));
    size_t n = list_names(options, names, list_names(common, names, 0));
    const char *near = fl_nearest(bare, names, n);
    fl_free(bare);
    return fl_fail(FL_ERR_CONFIG, "unknown option '%s'%s%s%s", word,
                   near ? "; did you mean '--" : "", near ? near : "",
                   near ? "'?" : "; see 'frostline help COMMAND'");
}

/* Takes option argv[*i], and its value, which may be the next word. */
static fl_status take_option(int argc, char **argv, int *i, const fl_option *options) {
    const char *word = argv[*i], *name = word + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const fl_option *o = find(options, name, len);
    if (!o) o = find(common, name, len);
    if (!o) return unknown_option(word, options);
    if (o->flag) {
        if (equals) return fl_fail(FL_ERR_CONFIG, "option '--%s' takes no value", o->name);
        *o->flag = true;
        return FL_OK;
    }
    if (equals)
        *o->value = equals + 1;
    else if (o->implied)
        *o->value = o->implied;
    else if (*i + 1 < argc)
        *o->value = argv[++*i];
    else
        return fl_fail(FL_ERR_CONFIG, "option '--%s' needs a value", o->name);
    return FL_OK;
}

static fl_status take_word(fl_arguments *a, const char *word, int max_words) {
    if (!a->config)
        a->config = word;
    else if (is_override(word))
        a->override[a->n_overrides++] = word;
    else if (a->n_words < max_words)
        a->word[a->n_words++] = word;
    else
        return fl_fail(FL_ERR_CONFIG,
                       "unexpected argument '%s'; an override is written section.key=value", word);
    return FL_OK;
}

int fl_cli_choice(const char *option, const char *value, const char *choices) {
    int index = 0;
    for (const char *p = choices; p; index++) {
        size_t len = strcspn(p, "|");
        if (strlen(value) == len && strncmp(p, value, len) == 0) return index;
        p = p[len] ? p + len + 1 : NULL;
    }
    fl_fail(FL_ERR_CONFIG, "option '--%s' cannot be '%s'; it is one of %s", option, value, choices);
    return -1;
}

static fl_status apply_common(void) {
    int color = color_word ? fl_cli_choice("color", color_word, "auto|always|never") : 0;
    int progress =
        progress_word ? fl_cli_choice("progress", progress_word, "auto|bar|plain|none") : 0;
    if (color < 0 || progress < 0) return FL_ERR_CONFIG;
    fl_log_set_color((fl_color)color);
    fl_cli_progress = (fl_progress)progress;
    return FL_OK;
}

fl_status fl_arguments_parse(int argc, char **argv, const fl_option *options, int max_words,
                             fl_arguments *out) {
    *out = (fl_arguments){0};
    out->override = fl_alloc((size_t)argc * sizeof(char *));
    out->word = fl_alloc((size_t)argc * sizeof(char *));
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        bool option = !only_words && strncmp(argv[i], "--", 2) == 0;
        if (option && argv[i][2] == '\0')
            only_words = true;
        else
            FL_TRY(option ? take_option(argc, argv, &i, options)
                          : take_word(out, argv[i], max_words));
    }
    return apply_common();
}

fl_status fl_arguments_no_overrides(const char *command, const fl_arguments *a) {
    if (a->n_overrides == 0) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "unexpected argument '%s': it overrides a config, and 'frostline %s' takes none "
                   "(a file of that name is ./%s)",
                   a->override[0], command, a->override[0]);
}

void fl_arguments_close(fl_arguments *a) {
    fl_free(a->override);
    fl_free(a->word);
}
