/* field.h: declared options. A table of fl_field says once what an option is called, its type,
 * default, range and meaning; parsing, messages, the resolved config, the JSON schema and the
 * reference pages all come from the table.
 *
 * Options are parsed from a tree of fl_node (made from YAML by config.h). Every node knows where it
 * stands in its source, so every message can point at it. */
#ifndef FROSTLINE_FIELD_H
#define FROSTLINE_FIELD_H

#include <math.h>

#include "frostline/base.h"

typedef struct fl_node fl_node; /* owned by its fl_config; valid until fl_config_close */

typedef enum fl_node_kind { FL_NODE_NULL, FL_NODE_SCALAR, FL_NODE_LIST, FL_NODE_MAP } fl_node_kind;

fl_node_kind fl_node_kind_of(const fl_node *n);   /* a NULL pointer counts as FL_NODE_NULL */
const char *fl_node_text(const fl_node *n);       /* a scalar's text; NULL for anything else */
int fl_node_count(const fl_node *n);              /* items of a list, pairs of a map; else 0 */
fl_node *fl_node_item(const fl_node *n, int i);   /* item of a list, value of a map's pair */
const char *fl_node_key(const fl_node *n, int i); /* key of a map's pair */
fl_node *fl_node_get(const fl_node *n, const char *key); /* value by key; NULL if absent */

/* Records an error that points at the node (`_key`: at the key of its i-th pair), with the source
 * line beneath, in the node's config. Always returns FL_ERR_CONFIG, so that parsing can go on and
 * collect more. Lines of the message after its first are hints: they follow the source line. The
 * error is fl_message() as well, until the next one; for a NULL node it is that only. */
fl_status fl_node_error(const fl_node *n, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
fl_status fl_node_error_key(const fl_node *map, int i, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As fl_node_error with "unknown <what> '<name>'" and the nearest of the candidates, or a list of
 * them all if none is near. */
fl_status fl_node_unknown(const fl_node *n, const char *what, const char *name,
                          const char *const *candidates, size_t n_candidates);

/* Sets map[key] = text if the key is absent, so that the resolved config shows it. The text is
 * ours, not a user's: that it is no YAML would be our mistake. */
void fl_node_set_default(fl_node *map, const char *key, const char *yaml_text);

/* The member at `offset` of each type. Only `true` and `false` are booleans; numbers are decimal
 * and finite; what is in quotes is text. null is taken where the default is null, by a list whose
 * default is [], and by a tree that has a default. */
typedef enum fl_type {
    FL_BOOL,    /* bool; a null one is false */
    FL_INT,     /* int64_t; a null one is FL_NONE */
    FL_FLOAT,   /* double; a null one is NAN */
    FL_STRING,  /* const char *, owned by the config; a null one is NULL */
    FL_CHOICE,  /* int: index into choices; a null one is -1 */
    FL_INTS,    /* fl_ints; a null one is empty */
    FL_FLOATS,  /* fl_floats; a null one is empty */
    FL_STRINGS, /* fl_strings; a single scalar counts as a list of one; a null one is empty */
    FL_PAIR,    /* int64_t[2]; a single number counts for both; a null one is FL_NONE twice */
    FL_PADDING, /* fl_padding: valid, same, a number, or [top, bottom, left, right] */
    FL_TREE,    /* fl_node *: parsed by the owner; NULL if absent or null */
} fl_type;

#define FL_NONE INT64_MIN

typedef struct fl_ints {
    int n;
    const int64_t *v;
} fl_ints; /* owned by the config */
typedef struct fl_floats {
    int n;
    const double *v;
} fl_floats;
typedef struct fl_strings {
    int n;
    const char *const *v;
} fl_strings;

typedef enum fl_padding_mode { FL_PAD_VALID, FL_PAD_SAME, FL_PAD_EXPLICIT } fl_padding_mode;
typedef struct fl_padding {
    fl_padding_mode mode;
    int64_t top, bottom, left, right; /* for FL_PAD_EXPLICIT */
} fl_padding;

typedef struct fl_field {
    const char *name; /* NULL ends a table */
    fl_type type;
    size_t offset;        /* of the member in the struct that is filled */
    const char *fallback; /* the default as YAML text; "null": may be absent; NULL: required */
    double min, max;      /* inclusive range of a number or of each in a list; both 0: any */
    const char *choices;  /* FL_CHOICE: "adam|adamw|sgd", in the order of the enum */
    const char *help;     /* one sentence */
    const char *schema;   /* FL_TREE: its JSON schema; NULL: anything */
} fl_field;

/* Parses map (NULL or null counts as empty) into conf, one field after the other: defaults filled
 * in, types and ranges checked, unknown and missing keys reported against `where` ("section
 * 'freeze'", "layer 'dense'"). Reports all errors, not only the first; returns FL_ERR_CONFIG if
 * there was one. Defaults are also written into the tree. Keys that start a family's choice, such
 * as `type`, are passed in `also` (NULL-terminated, or NULL) and left alone. */
fl_status fl_fields_parse(fl_node *map, const char *where, const fl_field *fields,
                          const char *const *also, void *conf);

/* Fills conf with the defaults alone; required members and trees are left zero. Strings and lists
 * are kept until the program ends. */
void fl_fields_defaults(const fl_field *fields, void *conf);

#endif
