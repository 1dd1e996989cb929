/* What is said about text that is no YAML, and about keys that are there twice. */
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"

const char *fl_syntax_hint(const char *problem) {
    static const struct {
        const char *problem, *hint;
    } hints[] = {
        {"unknown directive", "text that starts with % needs quotes"},
        {"cannot start any token",
         "indent with spaces, not tabs; text that starts with @ ` % or a tab needs quotes"},
        {"mapping values are not allowed",
         "text with ': ' in it needs quotes; keys of one section start in the same column"},
        {"did not find expected key",
         "keys of one section start in the same column; text after a closing quote is not allowed"},
        {"did not find expected ',' or", "a bracket that was opened here needs its closing one"},
        {"did not find expected '-' indicator", "items of one list start in the same column"},
        {"could not find expected ':'", "a key is followed by a colon and a space"},
        {"unexpected end of stream", "a quote that was opened needs its closing one"},
        {"unknown escape character", "double a backslash, or use single quotes"},
    };
    for (size_t i = 0; i < FL_COUNT(hints); i++)
        if (strstr(problem, hints[i].problem)) return hints[i].hint;
    return "";
}

static int by_key(const void *a, const void *b) {
    const fl_pair *p = *(fl_pair *const *)a, *q = *(fl_pair *const *)b;
    int order = strcmp(p->key, q->key);
    return order ? order : p < q ? -1 : p > q;
}

static void refuse_duplicate(const fl_node *map, const fl_pair *first, const fl_pair *again) {
    char *key = fl_excerpt(again->key);
    fl_diag_add(
        map->config, again->at,
        "duplicate key '%s'\nit is there already at line %d, column %d: keep one of the two", key,
        first->at.line, first->at.column);
    fl_free(key);
}

void fl_refuse_duplicates(const fl_node *map) {
    if (map->n < 2) return;
    fl_pair **sorted = fl_alloc((size_t)map->n * sizeof *sorted);
    for (int i = 0; i < map->n; i++) sorted[i] = &map->pair[i];
    qsort(sorted, (size_t)map->n, sizeof *sorted, by_key);
    const fl_pair *first = sorted[0];
    for (int i = 1; i < map->n; i++) {
        if (strcmp(first->key, sorted[i]->key) == 0)
            refuse_duplicate(map, first, sorted[i]);
        else
            first = sorted[i];
    }
    fl_free(sorted);
}
