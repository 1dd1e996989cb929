/* plan_cost.c: what `frostline plan` says of the seconds of a step, and of other depths of
 * freezing. */
#include <math.h>

#include "frostline/report.h"
#include "table.h"
#include "tables.h"
#include "text.h"

typedef struct line {
    const char *what;
    double seconds;
} line;

/* What is known of the data may speak against keeping features after all. */
bool fl_shows_cached_step(const fl_plan *p) {
    return p->cost.cached_step > 0 && !p->features.reason;
}

void fl_add_cost(const fl_plan *p, int columns, fl_text *out) {
    static const fl_table_column columns_of[] = {{"A step, foretold", .right = false},
                                                 {"Time", .right = true}};
    const fl_cost *c = &p->cost;
    char text[32];
    if (!c->known) return;
    const line lines[] = {{"data", c->data},
                          {"static", c->fixed},
                          {"forward", c->forward},
                          {"backward", c->backward},
                          {"sums that nothing hides", c->reduce_exposed},
                          {"update", c->update},
                          {"other", c->other}};
    fl_text_add(out, "\n");
    fl_table t = fl_table_open((int)FL_COUNT(columns_of), columns_of);
    for (size_t i = 0; i < FL_COUNT(lines); i++) {
        fl_table_row(&t);
        fl_table_cell(&t, 0, "%s", lines[i].what);
        fl_table_cell(&t, 1, "%s",
                      lines[i].seconds > 0 ? fl_human_seconds(lines[i].seconds, text) : "–");
    }
    fl_table_rule(&t);
    fl_table_row(&t);
    fl_table_cell(&t, 0, "step");
    fl_table_cell(&t, 1, "%s", fl_human_seconds(c->step, text));
    fl_table_print(&t, columns, out);
    fl_table_close(&t);
    fl_text_add(out, " %.4g samples/s", (double)p->conf.batch_size / c->step);
    if (fl_shows_cached_step(p))
        fl_text_add(out, "; %s a step once all features are kept",
                    fl_human_seconds(c->cached_step, text));
    fl_text_add(out, "\n from what each layer took on this machine%s%s\n",
                *c->network ? "; network: " : "", c->network);
}

/* ---- other depths ---- */

enum { RULE, FROZEN, PAYLOAD, MEMORY, FIRST };

const fl_what_if_point *fl_what_if_at(const fl_what_if *w, int depth, int np) {
    return &w->point[depth * w->n_np + np];
}

static double seconds_of(const fl_what_if_point *p, bool cached) {
    return cached ? p->cached_step : p->step;
}

int fl_what_if_pays(const fl_what_if *w, int depth, bool cached) {
    int best = 0;
    const double gain = 0.95; /* less is within what steps differ by anyway */
    for (int i = 1; i < w->n_np; i++) {
        double now = seconds_of(fl_what_if_at(w, depth, i), cached),
               before = seconds_of(fl_what_if_at(w, depth, best), cached);
        if (now < gain * before) best = i;
    }
    return best;
}

static void add_depth(fl_table *t, const fl_what_if *w, int depth, bool cached) {
    char text[32];
    const fl_what_if_point *first = fl_what_if_at(w, depth, 0);
    int best = fl_what_if_pays(w, depth, cached);
    fl_table_row(t);
    fl_table_cell(t, RULE, "%s", w->rule[depth]);
    fl_table_cell(t, FROZEN, "%s", fl_text_percent(first->frozen, text));
    fl_table_cell(t, PAYLOAD, "%s", fl_human_bytes(first->payload, text));
    fl_table_cell(t, MEMORY, "%s",
                  fl_human_bytes(fl_what_if_at(w, depth, w->n_np - 1)->memory, text));
    for (int i = 0; i < w->n_np; i++)
        fl_table_cell(t, FIRST + i, "%s%s",
                      fl_human_seconds(seconds_of(fl_what_if_at(w, depth, i), cached), text),
                      i == best && best < w->n_np - 1 ? " ■" : "  ");
}

static void add_table(const fl_what_if *w, bool cached, int columns, fl_text *out) {
    char head[FL_TABLE_COLUMNS][32];
    fl_table_column column[FL_TABLE_COLUMNS] = {[RULE] = {"Freeze", .shrinks = true},
                                                [FROZEN] = {"Frozen", .right = true},
                                                [PAYLOAD] = {"Payload", .right = true},
                                                [MEMORY] = {"Memory", .right = true}};
    for (int i = 0; i < w->n_np; i++) {
        snprintf(head[i], sizeof head[i], "%d rank%s  ", w->np[i], w->np[i] > 1 ? "s" : "");
        column[FIRST + i] = (fl_table_column){head[i], .right = true};
    }
    fl_text_add(out, cached ? "\nSeconds of a step once all features are kept\n"
                            : "Seconds of a step, nothing kept\n");
    fl_table t = fl_table_open(FIRST + w->n_np, column);
    for (int d = 0; d < w->n_depths; d++) add_depth(&t, w, d, cached);
    fl_table_print(&t, columns, out);
    fl_table_close(&t);
}

/* The first depth from which on the most ranks never pay. */
static void add_verdict(const fl_what_if *w, bool cached, fl_text *out) {
    int depth = w->n_depths;
    while (depth > 0 && fl_what_if_pays(w, depth - 1, cached) < w->n_np - 1) depth--;
    if (w->n_np < 2) return;
    if (depth == w->n_depths)
        fl_text_add(out, " at the deepest, %d ranks still pay\n", w->np[w->n_np - 1]);
    else
        fl_text_add(out,
                    " ■ more ranks make a step less than 5 %% faster: from '%s' on %d no longer "
                    "pay, %d do\n",
                    w->rule[depth], w->np[w->n_np - 1], w->np[fl_what_if_pays(w, depth, cached)]);
}

char *fl_what_if_text(const fl_what_if *w, int columns) {
    fl_text out = {0};
    add_table(w, false, columns, &out);
    add_verdict(w, false, &out);
    if (w->keeps) {
        add_table(w, true, columns, &out);
        add_verdict(w, true, &out);
    }
    fl_text_add(&out,
                " global batch %lld; payload: reduced in a step; memory: of a node, at %d rank%s, "
                "without kept features\n from what each layer took on this machine%s%s\n",
                (long long)w->batch_size, w->np[w->n_np - 1], w->np[w->n_np - 1] > 1 ? "s" : "",
                w->network ? "; network: " : "", w->network ? w->network : "");
    return out.s;
}
