/* Which rows of a source make up a set: classes, split, limit. */
#include "data/set.h"

#include "frostline/log.h"

#include <math.h>

/* ---- classes ---- */

static fl_status count_classes(const fl_data_conf *conf, const fl_node *section,
                               const fl_source *like, int *n) {
    int names = conf->class_names.n;
    *n = like->classes;
    if (names == 0) return FL_OK;
    if (like->target != FL_TARGET_CLASS)
        return fl_node_error(fl_node_get(section, "class_names"),
                             "the rows of this set have no classes");
    if (names < *n || (like->class_name && names != *n))
        return fl_node_error(fl_node_get(section, "class_names"),
                             "%d names are given, but the set has %d "
                             "classes",
                             names, *n);
    *n = names;
    return FL_OK;
}

/* id[old] is the new id, or -1. */
static fl_status renumber(const fl_data_conf *conf, const fl_node *section, int n, int32_t *id) {
    const fl_node *list = fl_node_get(section, "classes");
    for (int i = 0; i < n; i++) id[i] = conf->classes.n ? -1 : i;
    for (int i = 0; i < conf->classes.n; i++) {
        int64_t old = conf->classes.v[i];
        if (old >= n)
            return fl_node_error(fl_node_item(list, i),
                                 "there is no class %lld; the set has 0 to %d", (long long)old,
                                 n - 1);
        if (id[old] >= 0)
            return fl_node_error(fl_node_item(list, i), "class %lld is listed twice",
                                 (long long)old);
        id[old] = i;
    }
    return FL_OK;
}

static void name_classes(fl_dataset *d, const fl_data_conf *conf, const fl_source *like, int n) {
    const char *const *names =
        conf->class_names.n ? conf->class_names.v : (const char *const *)like->class_name;
    d->classes = conf->classes.n ? conf->classes.n : n;
    if (!names) return;
    d->class_name = fl_alloc((size_t)d->classes * sizeof *d->class_name);
    for (int i = 0; i < d->classes; i++)
        d->class_name[i] = fl_strdup(names[conf->classes.n ? conf->classes.v[i] : i]);
}

static void take_rows(fl_dataset *d, const int32_t *id) {
    const fl_source *s = d->source;
    d->row = fl_alloc((size_t)s->rows * sizeof *d->row);
    if (s->label) d->label = fl_alloc((size_t)s->rows * sizeof *d->label);
    for (int64_t i = 0; i < s->rows; i++) {
        if (s->label && id[s->label[i]] < 0) continue;
        if (s->label) d->label[d->rows] = id[s->label[i]];
        d->row[d->rows++] = i;
    }
}

static fl_status choose_classes(fl_dataset *d, const fl_data_conf *conf, const fl_node *section,
                                const fl_source *like, int n) {
    int32_t *id = fl_alloc((size_t)n * sizeof *id);
    fl_status status = renumber(conf, section, n, id);
    if (status == FL_OK) take_rows(d, id);
    if (status == FL_OK) name_classes(d, conf, like, n);
    fl_free(id);
    if (status == FL_OK && d->rows == 0)
        status = fl_fail(FL_ERR_INPUT, "a set has no rows of the classes in 'data.classes'");
    return status;
}

fl_status fl_set_choose(fl_dataset *d, const fl_data_conf *conf, const fl_node *section,
                        const fl_source *like) {
    int n;
    FL_TRY(count_classes(conf, section, like, &n));
    if (like->target == FL_TARGET_CLASS) return choose_classes(d, conf, section, like, n);
    if (conf->classes.n)
        return fl_node_error(fl_node_get(section, "classes"),
                             "the rows of this set have no classes");
    d->classes = n;
    take_rows(d, NULL);
    return FL_OK;
}

/* ---- some of the rows ---- */

enum { FOR_SPLIT, FOR_LIMIT }; /* each its own permutation */

/* mark[i] = 1 for those at positions from … n-1 of a permutation, 0 for the others. */
static uint8_t *draw(int64_t n, int64_t from, uint64_t seed, uint32_t purpose) {
    fl_rng rng = {.seed = seed, .stream = FL_STREAM_SPLIT, .epoch = purpose};
    int64_t *order = fl_alloc((size_t)n * sizeof *order);
    uint8_t *mark = fl_alloc((size_t)n);
    fl_rng_permute(&rng, order, n);
    for (int64_t i = from; i < n; i++) mark[order[i]] = 1;
    fl_free(order);
    return mark;
}

static void invert(uint8_t *mark, int64_t n) {
    for (int64_t i = 0; i < n; i++) mark[i] = !mark[i];
}

bool fl_set_split(fl_dataset *train, fl_dataset *validation, double share, uint64_t seed) {
    int64_t n = train->rows, part = (int64_t)floor(share * (double)n);
    if (part == 0 || part == n) return false;
    uint8_t *mark = draw(n, n - part, seed, FOR_SPLIT);
    fl_dataset_drop(train, mark);
    invert(mark, n);
    fl_dataset_drop(validation, mark);
    fl_free(mark);
    return true;
}

void fl_set_limit(fl_dataset *d, int64_t limit, uint64_t seed) {
    if (limit == FL_NONE) return;
    if (limit > d->rows)
        fl_note("'data.limit' is %lld, but the training set has %lld rows: all are used",
                (long long)limit, (long long)d->rows);
    if (limit >= d->rows) return;
    uint8_t *mark = draw(d->rows, limit, seed, FOR_LIMIT);
    fl_dataset_drop(d, mark);
    fl_free(mark);
}

void fl_set_close(fl_dataset *d) {
    for (int i = 0; d->class_name && i < d->classes; i++) fl_free(d->class_name[i]);
    fl_free(d->class_name);
    fl_free(d->row);
    fl_free(d->label);
    fl_prep_close(&d->prep);
    fl_source_close(d->source);
    fl_free(d);
}
