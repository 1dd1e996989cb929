/* Opening the training and the validation set: their sources, then classes, split, limit and
 * preparation. */
#include "data/set.h"

typedef struct opening {
    const fl_data_conf *conf;
    fl_node *section;
    fl_shape input;
    uint64_t seed;
    double split; /* share of the training rows that is validation; 0: none */
    fl_source *train, *validation;
} opening;

typedef struct split_conf {
    double split;
} split_conf;

static const fl_field split_fields[] = {
    {"split", FL_FLOAT, offsetof(split_conf, split), NULL, 0, 1, NULL,
     "share of the training rows that become the validation set", NULL},
    {0},
};

static fl_status parse_split(opening *o) {
    split_conf c;
    if (!fl_node_get(o->conf->validation, "split")) return FL_OK;
    FL_TRY(fl_fields_parse(o->conf->validation, "'validation'", split_fields, NULL, &c));
    o->split = c.split;
    if (c.split > 0 && c.split < 1) return FL_OK;
    return fl_node_error(o->conf->validation, "'split' should lie between 0 and 1, such as 0.1");
}

/* ---- sources ---- */

static fl_status open_source(const opening *o, fl_node *node, const char *role,
                             const fl_source *train, fl_source **out) {
    fl_source_conf sc = {node, role, o->input, o->seed, train};
    return fl_source_open(fl_dataset_formats[o->conf->format], &sc, out);
}

/* What a net that learnt from one set expects must hold for the other. */
static fl_status check_alike(const fl_source *train, const fl_source *v) {
    if (v->target != train->target || v->pixels != train->pixels)
        return fl_fail(FL_ERR_INPUT,
                       "'data.validation' and 'data.train' hold different kinds of rows or labels");
    if (v->target == FL_TARGET_VECTOR && v->classes != train->classes)
        return fl_fail(FL_ERR_INPUT,
                       "'data.validation' has %d outputs a row, but 'data.train' has %d",
                       v->classes, train->classes);
    for (int64_t i = 0; v->label && i < v->rows; i++)
        if (v->label[i] >= train->classes)
            return fl_fail(FL_ERR_INPUT,
                           "'data.validation': row %lld is of class %d, but 'data.train' has only "
                           "0 to %d",
                           (long long)i, (int)v->label[i], train->classes - 1);
    return FL_OK;
}

/* The validation set alone needs the training set for a split, and for ids that are given by it. */
static bool needs_train(const opening *o, int which) {
    return (which & FL_DATA_TRAIN) || o->split > 0 ||
           fl_dataset_formats[o->conf->format]->ids_from_train;
}

static fl_status open_sources(opening *o, int which) {
    const fl_data_conf *c = o->conf;
    bool validation = (which & FL_DATA_VALIDATION) && c->validation && o->split == 0;
    if (o->split > 0 && !c->train)
        return fl_node_error(c->validation, "'split' takes rows from 'train', which is absent");
    if (c->train && needs_train(o, which))
        FL_TRY(open_source(o, c->train, "train", NULL, &o->train));
    if (validation) FL_TRY(open_source(o, c->validation, "validation", o->train, &o->validation));
    return o->train && o->validation ? check_alike(o->train, o->validation) : FL_OK;
}

/* ---- sets ---- */

static fl_status make_set(const opening *o, fl_source *s, const fl_source *like, fl_dataset **out) {
    fl_dataset *d = *out = fl_alloc(sizeof *d);
    d->source = s;
    s->users++;
    d->shuffle = o->conf->shuffle;
    d->variants = o->conf->cache_variants;
    FL_TRY(fl_prep_open(o->conf, o->section, o->input, s, &d->prep));
    return fl_set_choose(d, o->conf, o->section, like);
}

static fl_status make_split(const opening *o, fl_data *d) {
    FL_TRY(make_set(o, o->train, o->train, &d->validation));
    if (!fl_set_split(d->train, d->validation, o->split, o->seed))
        return fl_node_error(o->conf->validation,
                             "a split of %g leaves one of the sets without rows", o->split);
    return FL_OK;
}

static fl_status make_sets(const opening *o, fl_data *d) {
    if (o->train) FL_TRY(make_set(o, o->train, o->train, &d->train));
    if (o->validation)
        FL_TRY(make_set(o, o->validation, o->train ? o->train : o->validation, &d->validation));
    if (o->split > 0) FL_TRY(make_split(o, d));
    if (d->train) fl_set_limit(d->train, o->conf->limit, o->seed);
    return FL_OK;
}

static void close_set(fl_dataset **d) {
    if (*d) fl_set_close(*d);
    *d = NULL;
}

static fl_status open_data(opening *o, int which, fl_data *d) {
    FL_TRY(parse_split(o));
    FL_TRY(open_sources(o, which));
    FL_TRY(make_sets(o, d));
    if (!(which & FL_DATA_TRAIN)) close_set(&d->train);
    if (!(which & FL_DATA_VALIDATION)) close_set(&d->validation);
    return FL_OK;
}

fl_status fl_data_open(const fl_data_conf *conf, fl_node *section, fl_shape input, uint64_t seed,
                       int which, fl_data **out) {
    opening o = {.conf = conf, .section = section, .input = input, .seed = seed};
    fl_data *d = *out = fl_alloc(sizeof *d);
    fl_status status = open_data(&o, which, d);
    fl_source_close(o.train);
    fl_source_close(o.validation);
    if (status == FL_OK) return FL_OK;
    fl_data_close(d);
    *out = NULL;
    return status;
}

void fl_data_close(fl_data *d) {
    if (!d) return;
    close_set(&d->train);
    close_set(&d->validation);
    fl_free(d);
}
