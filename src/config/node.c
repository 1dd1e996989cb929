/* Nodes: looking at them, and adding to them. */
#include <string.h>

#include "config/tree.h"

fl_node_kind fl_node_kind_of(const fl_node *n) {
    return n ? n->kind : FL_NODE_NULL;
}

const char *fl_node_text(const fl_node *n) {
    return n && n->kind == FL_NODE_SCALAR ? n->text : NULL;
}

int fl_node_count(const fl_node *n) {
    return n ? n->n : 0;
}

fl_node *fl_node_item(const fl_node *n, int i) {
    return n && i >= 0 && i < n->n ? n->pair[i].value : NULL;
}

const char *fl_node_key(const fl_node *n, int i) {
    return n && i >= 0 && i < n->n ? n->pair[i].key : NULL;
}

fl_pair *fl_node_find(const fl_node *map, const char *key) {
    if (fl_node_kind_of(map) != FL_NODE_MAP) return NULL;
    for (int i = 0; i < map->n; i++)
        if (strcmp(map->pair[i].key, key) == 0) return &map->pair[i];
    return NULL;
}

fl_node *fl_node_get(const fl_node *n, const char *key) {
    fl_pair *p = fl_node_find(n, key);
    return p ? p->value : NULL;
}

fl_node *fl_node_new(fl_config *c, fl_node_kind kind, fl_place at) {
    fl_node *n = fl_config_alloc(c, sizeof *n);
    n->config = c;
    n->kind = kind;
    n->at = at;
    return n;
}

static void make_room(fl_node *n) {
    if (n->n < n->cap) return;
    int cap = n->cap ? 2 * n->cap : 4;
    fl_pair *grown = fl_config_alloc(n->config, (size_t)cap * sizeof *grown);
    if (n->n) memcpy(grown, n->pair, (size_t)n->n * sizeof *grown);
    n->pair = grown;
    n->cap = cap;
}

fl_pair *fl_node_add(fl_node *parent, const char *key, fl_place at, fl_node *value) {
    make_room(parent);
    fl_pair *p = &parent->pair[parent->n++];
    *p = (fl_pair){.key = key, .at = at, .value = value};
    return p;
}

void fl_node_become_map(fl_node *n) {
    if (n->kind == FL_NODE_NULL) n->kind = FL_NODE_MAP;
}

/* A default stands where its map stands: that is what an error about it has to point at. */
void fl_node_set_default(fl_node *map, const char *key, const char *yaml_text) {
    fl_node_become_map(map);
    FL_CHECK(map->kind == FL_NODE_MAP, "default for '%s' of something that is no map", key);
    if (fl_node_find(map, key)) return;
    int errors = map->config->n_diags;
    fl_yaml from = {
        .source = map->at.source, .text = yaml_text, .len = strlen(yaml_text), .fixed = &map->at};
    fl_node *value = fl_yaml_read(map->config, &from);
    FL_CHECK(value && map->config->n_diags == errors, "the default of '%s' is no YAML: %s", key,
             yaml_text);
    fl_node_add(map, fl_config_keep(map->config, key, strlen(key)), map->at, value);
}
