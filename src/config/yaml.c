/* YAML text to tree. libyaml finds the events; here everything is refused that it would let pass
 * and that could mean something else than what was meant. */
#include <limits.h>
#include <string.h>
#include <yaml.h>

#include "config/tree.h"

typedef struct reader {
    fl_config *config;
    const fl_yaml *from;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    bool stopped;
} reader;

static fl_node *read_node(reader *r, int depth);

/* ---- places ---- */

static fl_place place(const reader *r, yaml_mark_t start, yaml_mark_t end) {
    if (r->from->fixed) return *r->from->fixed;
    int before = start.line == 0 ? r->from->column : 0;
    return (fl_place){
        .source = r->from->source,
        .line = (int)start.line + 1,
        .column = (int)start.column + 1 + before,
        .width = start.line == end.line ? (int)(end.column - start.column) : INT_MAX,
    };
}

static fl_place here(const reader *r) {
    return place(r, r->event.start_mark, r->event.end_mark);
}

/* ---- events ---- */

/* libyaml puts the end of a text into a line of its own; here it is where the last line ends. */
static fl_place problem_place(const reader *r, yaml_mark_t mark) {
    fl_place at = place(r, mark, mark), end = fl_source_end(r->from->source);
    return at.line > end.line ? end : at;
}

static void syntax_error(reader *r) {
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "this is no YAML";
    fl_place at = problem_place(r, p->problem_mark),
             from = place(r, p->context_mark, p->context_mark);
    fl_text context = {0};
    if (p->context) fl_text_add(&context, ", %s", p->context);
    if (p->context && (from.line != at.line || from.column != at.column))
        fl_text_add(&context, " that starts at line %d, column %d", from.line, from.column);
    fl_diag_add(r->config, at, "%s%s\n%s", problem, context.s ? context.s : "",
                fl_syntax_hint(problem));
    fl_free(context.s);
}

static bool advance(reader *r) {
    yaml_event_delete(&r->event);
    if (r->stopped) return false;
    if (!yaml_parser_parse(&r->parser, &r->event)) {
        syntax_error(r);
        r->stopped = true;
    }
    return !r->stopped;
}

/* ---- refusals ---- */

static const char *text_of(const yaml_char_t *s) {
    return (const char *)s;
}

static void refuse_anchor(reader *r, const yaml_char_t *anchor) {
    if (!anchor) return;
    fl_diag_add(r->config, here(r),
                "the anchor '&%s' is not allowed\nwrite the value out wherever it is needed; text "
                "that starts with & needs quotes",
                text_of(anchor));
}

static void refuse_tag(reader *r, const yaml_char_t *tag) {
    if (!tag) return;
    char *shown = fl_excerpt(text_of(tag));
    fl_diag_add(r->config, here(r),
                "the tag '%s' is not allowed\ntake it out: types follow from the option; text that "
                "starts with ! needs quotes",
                shown);
    fl_free(shown);
}

static void refuse_decoration(reader *r) {
    const yaml_event_t *e = &r->event;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        refuse_anchor(r, e->data.scalar.anchor);
        refuse_tag(r, e->data.scalar.tag);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_anchor(r, e->data.sequence_start.anchor);
        refuse_tag(r, e->data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_anchor(r, e->data.mapping_start.anchor);
        refuse_tag(r, e->data.mapping_start.tag);
        break;
    default: break;
    }
}

static void refuse_alias(reader *r) {
    fl_diag_add(
        r->config, here(r),
        "the alias '*%s' is not allowed\nwrite the value out; text that starts with * needs "
        "quotes",
        text_of(r->event.data.alias.anchor));
}

static void refuse_block(reader *r, bool block, const char *what, const char *example) {
    if (r->from->flow && block)
        fl_diag_add(r->config, here(r), "a %s in an override needs brackets\nwrite %s", what,
                    example);
}

static bool too_deep(reader *r, int depth) {
    if (depth <= FL_MAX_DEPTH) return false;
    fl_diag_add(r->config, here(r), "nested more than %d deep\nno option is that deep: take it out",
                FL_MAX_DEPTH);
    r->stopped = true;
    return true;
}

/* ---- nodes; each leaves the last of its events as the current one ---- */

static const char *scalar_text(reader *r) {
    const char *value = text_of(r->event.data.scalar.value);
    size_t len = r->event.data.scalar.length;
    if (memchr(value, '\0', len))
        fl_diag_add(r->config, here(r), "text cannot hold the character \\0\ntake it out");
    return fl_config_keep(r->config, value, strlen(value));
}

static fl_node *read_scalar(reader *r) {
    fl_node *n = fl_node_new(r->config, FL_NODE_SCALAR, here(r));
    n->text = scalar_text(r);
    n->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (!n->quoted && fl_scalar_of(n->text) == FL_SCALAR_NULL) n->kind = FL_NODE_NULL;
    return n;
}

/* Reads over a key that cannot be one. */
static const char *refuse_key(reader *r, int depth) {
    fl_diag_add(r->config, here(r),
                "a key has to be a word, not a list or a map\nquote it if it is "
                "meant as text");
    read_node(r, depth);
    return NULL;
}

static const char *read_key(reader *r, int depth, fl_place *at) {
    *at = here(r);
    if (r->event.type != YAML_SCALAR_EVENT && r->event.type != YAML_ALIAS_EVENT)
        return refuse_key(r, depth);
    const fl_node *n = read_node(r, depth);
    if (n->kind == FL_NODE_NULL && n->text == NULL) return NULL;
    if (strlen(n->text) <= FL_MAX_KEY) return n->text;
    fl_diag_add(r->config, *at, "a key of %zu bytes\nkeys have at most %d bytes", strlen(n->text),
                FL_MAX_KEY);
    return NULL;
}

/* A value without a place of its own to point at (nothing, or a block of lines) stands at its key.
 */
static void add_pair(fl_node *map, const char *key, fl_place at, fl_node *value) {
    if (value->at.width == 0) value->at = at;
    if (key) fl_node_add(map, key, at, value);
}

static fl_node *read_map(reader *r, int depth) {
    fl_node *map = fl_node_new(r->config, FL_NODE_MAP, here(r));
    bool block = r->event.data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE;
    refuse_block(r, block, "map", "key={a: 1, b: 2}");
    if (block && !r->from->fixed) map->at.width = 0;
    while (advance(r) && r->event.type != YAML_MAPPING_END_EVENT) {
        fl_place at;
        const char *key = read_key(r, depth + 1, &at);
        if (!advance(r)) break;
        add_pair(map, key, at, read_node(r, depth + 1));
    }
    fl_refuse_duplicates(map);
    return map;
}

static void add_item(fl_node *list, fl_node *item) {
    if (item->at.width == 0 && item->n > 0) item->at.width = item->pair[0].at.width;
    fl_node_add(list, NULL, item->at, item);
}

static fl_node *read_list(reader *r, int depth) {
    fl_node *list = fl_node_new(r->config, FL_NODE_LIST, here(r));
    bool block = r->event.data.sequence_start.style == YAML_BLOCK_SEQUENCE_STYLE;
    refuse_block(r, block, "list", "key=[1, 2]");
    if (block && !r->from->fixed) list->at.width = 0;
    while (advance(r) && r->event.type != YAML_SEQUENCE_END_EVENT)
        add_item(list, read_node(r, depth + 1));
    return list;
}

static fl_node *read_node(reader *r, int depth) {
    bool map = r->event.type == YAML_MAPPING_START_EVENT;
    refuse_decoration(r);
    if (r->event.type == YAML_SCALAR_EVENT) return read_scalar(r);
    if (r->event.type == YAML_ALIAS_EVENT)
        refuse_alias(r);
    else if (!too_deep(r, depth))
        return map ? read_map(r, depth) : read_list(r, depth);
    return fl_node_new(r->config, FL_NODE_NULL, here(r));
}

/* ---- documents ---- */

static void refuse_second(reader *r) {
    if (!advance(r) || !advance(r) || r->event.type == YAML_STREAM_END_EVENT) return;
    fl_diag_add(r->config, here(r),
                "a second document starts here\nkeep one document a file; take the '---' out");
}

static void refuse_nothing(reader *r) {
    int column = r->from->column + 1;
    fl_place at = {.source = r->from->source, .line = 1, .column = column, .width = INT_MAX};
    if (r->from->flow)
        fl_diag_add(r->config, at, "there is nothing but a comment after the '='\nquote the value");
    else
        fl_diag_add(r->config, at,
                    "there is nothing in it\na config is a map of sections: see "
                    "`frostline help`");
}

static fl_node *read_document(reader *r) {
    if (!advance(r) || !advance(r)) return NULL;
    if (r->event.type == YAML_STREAM_END_EVENT) {
        refuse_nothing(r);
        return NULL;
    }
    if (!advance(r)) return NULL;
    fl_node *n = read_node(r, r->from->depth + 1);
    refuse_second(r);
    return n;
}

fl_node *fl_yaml_read(fl_config *c, const fl_yaml *from) {
    reader r = {.config = c, .from = from};
    FL_CHECK(yaml_parser_initialize(&r.parser), "libyaml cannot start");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)from->text, from->len);
    fl_node *n = read_document(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return n;
}
