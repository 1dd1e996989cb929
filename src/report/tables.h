/* tables.h: what the tables of a model and its plan have in common. */
#ifndef FROSTLINE_REPORT_TABLES_H
#define FROSTLINE_REPORT_TABLES_H

#include <jansson.h>

#include "frostline/report.h"

/* What a plan adds up to. FLOPs are those of one rank in one step: rows × accumulation times those
 * of a row. */
typedef struct fl_totals {
    size_t parameters, trainable; /* elements; parameters with buffers, trainable without */
    double flops_static, flops_forward, flops_backward;
    int n_frozen, n_static; /* layers that have parameters, none of which learns; static layers */
    int n_weighted;         /* layers that have parameters */
} fl_totals;
fl_totals fl_totals_of(const fl_plan *p);

/* A line on what is kept of what crosses the frost line, if that was worked out. */
void fl_add_features(const fl_plan *p, fl_text *t);

/* The buckets and what is moved for each; what is reduced in all. */
void fl_add_buckets(const fl_plan *p, int columns, fl_text *t);
void fl_add_traffic(const fl_plan *p, fl_text *t);

/* The seconds of a step, if they were worked out. */
bool fl_shows_cached_step(const fl_plan *p);
void fl_add_cost(const fl_plan *p, int columns, fl_text *t);
void fl_set_cost(json_t *o, const fl_plan *p);

/* The names of the layers that layer i reads, "a, b", into t. */
void fl_add_inputs(const fl_model *m, int i, fl_text *t);
/* "(None, 224, 224, 64)" into buf (≥ 80 bytes), which is returned. */
const char *fl_keras_shape(fl_shape s, char *buf);

#endif
