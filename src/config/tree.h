/* tree.h: inside the config room: what a node is, where it stands, and who owns its memory. */
#ifndef FROSTLINE_CONFIG_TREE_H
#define FROSTLINE_CONFIG_TREE_H

#include "frostline/config.h"

enum { FL_MAX_DEPTH = 64, FL_MAX_BYTES = 4 << 20, FL_MAX_KEY = 128 };

typedef struct fl_source { /* a text that nodes stand in: the file, or one override */
    const char *name, *text;
    size_t len;
    int order; /* 0: the file; then the overrides, as given */
} fl_source;

typedef struct fl_place {
    const fl_source *source;
    int line, column,
        width; /* line and column from 1, in characters; line 0: nowhere in particular */
} fl_place;

typedef struct fl_pair { /* of a map; in a list the key is NULL */
    const char *key;
    fl_place at; /* of the key */
    fl_node *value;
} fl_pair;

struct fl_node {
    fl_config *config;
    fl_node_kind kind;
    bool quoted; /* a scalar in quotes is text, whatever it looks like */
    int n, cap;
    fl_pair *pair;
    const char *text;
    fl_place at;
};

typedef struct fl_diag {
    fl_place at;
    const char *text; /* the message; lines after the first are hints */
} fl_diag;

typedef struct fl_block fl_block;

struct fl_config {
    fl_block *blocks; /* everything the tree points to */
    fl_source *file;
    const char *read; /* the file's text with its byte order mark, if it has one */
    fl_node *root;
    fl_diag *diags;
    int n_diags, unshown;
};

/* ---- memory.c: all of it lives until the config is closed ---- */
fl_config *fl_config_new(const char *name, const char *text, size_t len);
void *fl_config_alloc(fl_config *c, size_t bytes); /* zeroed */
char *fl_config_keep(fl_config *c, const char *bytes, size_t n);
fl_source *fl_source_new(fl_config *c, const char *name, const char *text, size_t len, int order);

/* ---- node.c ---- */
fl_node *fl_node_new(fl_config *c, fl_node_kind kind, fl_place at);
fl_pair *fl_node_find(const fl_node *map, const char *key);
fl_pair *fl_node_add(fl_node *parent, const char *key, fl_place at, fl_node *value);
void fl_node_become_map(fl_node *n); /* a null that is given its first key */

/* ---- utf8.c ---- */
int fl_utf8_decode(const char *s, size_t len, uint32_t *point); /* bytes taken; 0: not UTF-8 */
bool fl_utf8_allowed(uint32_t point);                           /* raw in a YAML file */
void fl_utf8_clean(fl_text *t, const char *s, size_t len); /* appends what a terminal can bear */
char *fl_excerpt(const char *s);                           /* clean and short; caller frees */
fl_place fl_source_end(const fl_source *s); /* past its last character that is no space */
/* Refuses a text that is not UTF-8, has control characters, or is too long. */
fl_status fl_source_check(fl_config *c, const fl_source *s);

/* ---- scalar.c: what an unquoted scalar is; the YAML 1.2 core schema in decimal ---- */
typedef enum fl_scalar {
    FL_SCALAR_TEXT,
    FL_SCALAR_NULL,
    FL_SCALAR_BOOL,
    FL_SCALAR_INT,
    FL_SCALAR_FLOAT,
} fl_scalar;
fl_scalar fl_scalar_of(const char *text);
bool fl_scalar_plain(const char *text); /* text that needs no quotes, for any YAML reader */
bool fl_scalar_int(const char *text, int64_t *v);
bool fl_scalar_float(const char *text, double *v); /* any number that is finite */

/* ---- yaml.c ---- */
typedef struct fl_yaml {
    const fl_source *source;
    const char *text; /* the part of the source that is read */
    size_t len;
    int column;            /* characters before it in its first line */
    int depth;             /* of what it will be put into */
    bool flow;             /* block style is refused: there is but one line */
    const fl_place *fixed; /* where all of it stands, if not in the source */
} fl_yaml;
/* The tree of a text; NULL if it cannot be read at all. Records what is wrong with it. */
fl_node *fl_yaml_read(fl_config *c, const fl_yaml *from);

/* ---- refuse.c ---- */
const char *
fl_syntax_hint(const char *problem); /* the remedy for a problem in libyaml's words; or "" */
void fl_refuse_duplicates(const fl_node *map);

/* ---- diag.c ---- */
/* Records an error, and leaves it as fl_message() as well. Lines after the first are hints, which
 * follow the source line. Always FL_ERR_CONFIG. */
fl_status fl_diag_add(fl_config *c, fl_place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
fl_status fl_diag_addv(fl_config *c, fl_place at, const char *format, va_list args);
/* "did you mean 'x'?", or the list of all; caller frees. */
char *fl_diag_suggest(const char *name, const char *const *candidates, size_t n);
char *fl_diag_list(const char *const *candidates, size_t n);

/* ---- override.c ---- */
void fl_override_apply(fl_config *c, const char *text, int order);

/* ---- value.c ---- */
fl_status fl_value_read(const fl_field *f, const fl_node *n, void *member);
size_t fl_value_size(fl_type type);

/* ---- describe.c; callers free ---- */
char *fl_field_expects(const fl_field *f);                /* "an integer between 1 and 10" */
char *fl_node_found(const fl_node *n);                    /* "'abc'", "a list" */
char *fl_value_hint(const fl_field *f, const fl_node *n); /* "" or a line with its newline before */
const char **fl_choices_split(const char *choices, int *n); /* caller frees the one block */
bool fl_field_nullable(const fl_field *f);

/* ---- print.c ---- */
char *fl_node_json(const fl_node *n, int indent);          /* caller frees */
int fl_json_sink(const char *bytes, size_t n, void *text); /* writes into an fl_text */

#endif
