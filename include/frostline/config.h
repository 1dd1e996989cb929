/* config.h: an experiment's YAML file and its overrides, as a tree. What the keys mean is declared
 * by those who use them (field.h); here is what every config has: positions, messages, overrides,
 * printing. Refuses what libyaml would let pass: duplicate keys, aliases and anchors, tags, several
 * documents, a depth over 64, a file over 4 MiB, text that is not UTF-8. */
#ifndef FROSTLINE_CONFIG_H
#define FROSTLINE_CONFIG_H

#include "frostline/field.h"

typedef struct fl_config fl_config;

/* Reads a file, then applies the overrides in order: `a.b=value` (the value is YAML in flow style:
 * 3, text, [x, y], {k: v}) and `~a.b` (takes the key out; it must be there). A number after a dot
 * picks an item of a list, counted from 0: `model.layers.2.dense.units=8`. Maps on the way are
 * made; a value is replaced as a whole. Messages about an override point into it. A missing file is
 * FL_ERR_CONFIG. On failure *out is NULL. */
fl_status fl_config_open(const char *path, int n_overrides, const char *const *overrides,
                         fl_config **out);
/* The same from text; `name` stands for the path in messages. Copies both. */
fl_status fl_config_parse(const char *name, const char *text, int n_overrides,
                          const char *const *overrides, fl_config **out);
void fl_config_close(fl_config *c);

const char *fl_config_path(const fl_config *c);
const char *fl_config_source(const fl_config *c); /* the file's text, as read */
fl_node *fl_config_root(fl_config *c);            /* always a map */

/* The value of a top-level key; where it is absent or null, an empty map is put there. */
fl_node *fl_config_section(fl_config *c, const char *name);

/* FL_OK, or FL_ERR_CONFIG with every recorded error, each once, in the order of their positions
 * (the file's before those of overrides), as fl_message(). After a hundred the others are only
 * counted. */
fl_status fl_config_check(const fl_config *c);

/* The tree as YAML text, with the defaults filled in so far; caller frees. */
char *fl_config_text(const fl_config *c);
/* The same as JSON text. */
char *fl_config_json(const fl_config *c);

/* JSON schema (draft 2020-12) object of one table, for the page that joins them; caller frees. */
char *fl_fields_schema(const fl_field *fields);
/* The table as YAML lines with their help as comments, indented by `indent` spaces; caller frees.
 */
char *fl_fields_reference(const fl_field *fields, int indent);

#endif
