/* choose.c: which algorithm runs a convolution that learns, or that passes gradients on. */
#include <string.h>

#include "frostline/conv.h"

static const fl_epilogue plain = {.pool = 1}, adding = {.pool = 1, .accumulate = true};

/* Weights of a layer that learns are packed anew at each step: about half a nanosecond a float. */
static const double pack_seconds = 0.5e-9;

static double live_cost(const fl_conv_algo *a, const fl_conv *g, int rows) {
    return a->cost(g, rows) + pack_seconds * (double)a->packed(g);
}

static bool allowed(const char *name, const char *forced) {
    return !forced || strcmp(name, forced) == 0;
}

static const fl_conv_algo *cheapest(const fl_conv_algo *const *list, const fl_conv *g, int rows,
                                    const fl_epilogue *e, const char *forced) {
    const fl_conv_algo *best = NULL;
    for (; *list; list++) {
        if (!allowed((*list)->name, forced) || !(*list)->fits(g, e)) continue;
        if (!best || live_cost(*list, g, rows) < live_cost(best, g, rows)) best = *list;
    }
    return best;
}

/* Backward data is a convolution of its own where the stride is 1; the set may have better. */
static void choose_data(const fl_isa *isa, const fl_conv *g, int rows, const char *forced,
                        fl_conv_choice *out) {
    fl_conv h;
    out->data_geometry = *g;
    out->data = cheapest(isa->conv_dx, g, rows, &adding, forced);
    if (!fl_conv_adjoint(g, &h)) return;
    const fl_conv_algo *other = cheapest(isa->conv, &h, rows, &adding, forced);
    if (!other || (out->data && live_cost(out->data, g, rows) <= live_cost(other, &h, rows)))
        return;
    out->data = other;
    out->data_geometry = h;
    out->rotate = true;
}

static const fl_conv_dw_algo *choose_weights(const fl_isa *isa, const fl_conv *g, int rows,
                                             const char *forced) {
    const fl_conv_dw_algo *best = NULL;
    for (const fl_conv_dw_algo *const *a = isa->conv_dw; *a; a++) {
        if (!allowed((*a)->name, forced) || !(*a)->fits(g)) continue;
        if (!best || (*a)->cost(g, rows) < best->cost(g, rows)) best = *a;
    }
    return best;
}

fl_conv_choice fl_conv_choose(const fl_kernels *k, const fl_conv *g, int rows,
                              const fl_conv_setting *s) {
    static const fl_conv_setting nothing;
    fl_conv_choice c = {.data_geometry = *g};
    if (!k->isa) return c;
    if (!s) s = &nothing;
    c.forward = cheapest(k->isa->conv, g, rows, &plain, s->forced[FL_PASS_FORWARD]);
    choose_data(k->isa, g, rows, s->forced[FL_PASS_DX], &c);
    c.weights = choose_weights(k->isa, g, rows, s->forced[FL_PASS_DW]);
    return c;
}

const char *fl_conv_choice_name(const fl_kernels *k, const fl_conv_choice *c, fl_pass pass) {
    if (pass == FL_PASS_DW) return c->weights ? c->weights->name : k->plain;
    const fl_conv_algo *a = pass == FL_PASS_DX ? c->data : c->forward;
    return a ? a->name : k->plain;
}

/* ---- what there is ---- */

static void add_name(const char *name, const char **names, int *n) {
    for (int i = 0; i < *n; i++)
        if (strcmp(names[i], name) == 0) return;
    FL_CHECK(*n < FL_MAX_ALGORITHMS, "more than %d algorithms for one pass", FL_MAX_ALGORITHMS);
    names[(*n)++] = name;
}

static void add_fitting(const fl_conv_algo *const *list, const fl_conv *g, const fl_epilogue *e,
                        const char **names, int *n) {
    for (; *list; list++)
        if ((*list)->fits(g, e)) add_name((*list)->name, names, n);
}

static void add_fitting_weights(const fl_isa *isa, const fl_conv *g, const char **names, int *n) {
    for (const fl_conv_dw_algo *const *a = isa->conv_dw; *a; a++)
        if ((*a)->fits(g)) add_name((*a)->name, names, n);
}

int fl_conv_fitting(const fl_kernels *k, const fl_conv *g, fl_pass pass,
                    const char *names[FL_MAX_ALGORITHMS]) {
    int n = 0;
    fl_conv h;
    if (k->isa && pass == FL_PASS_FORWARD) add_fitting(k->isa->conv, g, &plain, names, &n);
    if (k->isa && pass == FL_PASS_DX) {
        add_fitting(k->isa->conv_dx, g, &adding, names, &n);
        if (fl_conv_adjoint(g, &h)) add_fitting(k->isa->conv, &h, &adding, names, &n);
    }
    if (k->isa && pass == FL_PASS_DW) add_fitting_weights(k->isa, g, names, &n);
    add_name(k->plain, names, &n);
    return n;
}

/* ---- scratch ---- */

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* Fewer rows may want more, for the work is cut differently. Beyond a few thousand all cuts are
 * alike. */
enum { ALL_ALIKE = 4096 };

size_t fl_conv_algo_work(const fl_conv_algo *a, const fl_conv *g, int rows) {
    size_t most = a->work(g, rows);
    for (int r = 1; r < rows && r <= ALL_ALIKE; r++) most = larger(most, a->work(g, r));
    return most;
}

static size_t weights_work(const fl_conv_dw_algo *a, const fl_conv *g, int rows) {
    size_t most = a->work(g, rows);
    for (int r = 1; r < rows && r <= ALL_ALIKE; r++) most = larger(most, a->work(g, r));
    return most;
}

static size_t live_work(const fl_conv_algo *a, const fl_conv *g, int rows) {
    return a->packed(g) + fl_conv_algo_work(a, g, rows);
}

size_t fl_conv_choice_work(const fl_kernels *k, const fl_conv *g, int rows,
                           const fl_conv_choice *c) {
    bool all = c->forward && c->data && c->weights;
    size_t most = all ? 0 : k->conv_work(g, rows);
    size_t turned = c->rotate ? (size_t)g->kh * g->kw * g->ci * g->co : 0;
    if (c->forward) most = larger(most, live_work(c->forward, g, rows));
    if (c->data) most = larger(most, live_work(c->data, &c->data_geometry, rows) + turned);
    if (c->weights) most = larger(most, weights_work(c->weights, g, rows));
    return most;
}
