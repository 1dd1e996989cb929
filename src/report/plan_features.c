/* plan_features.c: what `frostline plan` says of kept features. */
#include "tables.h"

static const char *bytes_text(size_t n, char *buf) {
    return fl_human_bytes((double)n, buf);
}

static void add_rows(const fl_feature_plan *f, fl_text *t) {
    fl_text_add(t, "%lld rows", (long long)f->rows);
    if (f->variants > 1) fl_text_add(t, " in %lld variants", (long long)f->variants);
    if (f->validation_rows) fl_text_add(t, " and %lld to validate", (long long)f->validation_rows);
}

void fl_add_features(const fl_plan *p, fl_text *t) {
    const fl_feature_plan *f = &p->features;
    char row[32], all[32];
    if (!f->place) return;
    if (f->reason) {
        fl_text_add(t, "\nFeatures are not kept: %s\n", f->reason);
        return;
    }
    fl_text_add(t, "\nFeatures kept (%s), per node: ", f->place);
    if (f->rows) add_rows(f, t);
    fl_text_add(t, "%s%s %s each", f->rows ? ", " : "", bytes_text(f->row_bytes, row), f->dtype);
    if (f->rows)
        fl_text_add(t, ": %s\n", bytes_text(f->bytes, all));
    else
        fl_text_add(t, "; the data cannot be read here, so their number is unknown\n");
}
