/* Parameters from a file, by name. All is checked, and every problem listed, before the first value
 * is taken. */
#include "model/parts.h"

#include <string.h>

#include "frostline/log.h"

enum { MOST_LINES = 20 };

typedef struct loading {
    fl_model *m;
    const fl_weights *w;
    bool strict;
    const fl_strings *reinit;
    const uint64_t *seed;         /* decides the values that the file lacks; NULL: they stay */
    fl_naming names;              /* of the file */
    char **name;                  /* (n_params) in that naming */
    const fl_tensor_info **found; /* (n_params) or NULL */
    const char **surplus;         /* the file's tensors that no parameter is named after */
    int n_named, n_surplus, n_problems;
    double alpha;   /* the widths that would fit, from the first misshaped tensor; 0: unknown */
    bool head;      /* a head's tensor has another shape */
    bool lax_helps; /* some problem would be none with strict: false */
    fl_text lines;
} loading;

static void problem(loading *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void problem(loading *o, const char *format, ...) {
    if (o->n_problems++ >= MOST_LINES) return;
    va_list args;
    va_start(args, format);
    fl_text_add(&o->lines, "\n  ");
    fl_text_addv(&o->lines, format, args);
    va_end(args);
}

/* ---- which names the file uses ---- */

static int count_named(const loading *o, fl_naming names) {
    int n = 0;
    for (int i = 0; i < o->m->n_params; i++) {
        char *name = fl_names_param(o->m, &o->m->param[i], names);
        if (fl_weights_find(o->w, name)) n++;
        fl_free(name);
    }
    return n;
}

static fl_naming naming_of(const loading *o) {
    fl_naming best = FL_NAMES_FROSTLINE;
    int most = count_named(o, best);
    for (fl_naming i = FL_NAMES_TORCHVISION; i <= FL_NAMES_KERAS; i++) {
        int n = fl_names_known(o->m, i) ? count_named(o, i) : 0;
        if (n <= most) continue;
        most = n;
        best = i;
    }
    return best;
}

/* ---- the file's tensors ---- */

static bool is_named(const loading *o, const char *tensor) {
    for (int i = 0; i < o->m->n_params; i++)
        if (strcmp(o->name[i], tensor) == 0) return true;
    return false;
}

/* PyTorch counts batches beside a batch norm's statistics; nothing here depends on that count. */
static bool is_counter(const char *tensor) {
    const char *dot = strrchr(tensor, '.');
    return dot && strcmp(dot, ".num_batches_tracked") == 0;
}

static void find_surplus(loading *o) {
    for (int i = 0; i < fl_weights_count(o->w); i++) {
        const char *name = fl_weights_at(o->w, i)->name;
        if (!is_named(o, name) && !is_counter(name) && !fl_names_unused_top(o->m, o->names, name))
            o->surplus[o->n_surplus++] = name;
    }
}

static void match(loading *o) {
    size_t n = (size_t)o->m->n_params + 1;
    o->names = naming_of(o);
    o->name = fl_alloc(n * sizeof *o->name);
    o->found = fl_alloc(n * sizeof *o->found);
    o->surplus = fl_alloc(((size_t)fl_weights_count(o->w) + 1) * sizeof *o->surplus);
    for (int i = 0; i < o->m->n_params; i++) {
        o->name[i] = fl_names_param(o->m, &o->m->param[i], o->names);
        o->found[i] = fl_weights_find(o->w, o->name[i]);
        if (o->found[i]) o->n_named++;
    }
    find_surplus(o);
}

/* ---- what may be wrong with them ---- */

static bool is_fresh(const loading *o, const fl_param *p) {
    for (int i = 0; o->reinit && i < o->reinit->n; i++)
        if (fl_model_matches(&o->m->layer[p->layer], o->reinit->v[i])) return true;
    return false;
}

static bool is_head(const loading *o, const fl_param *p) {
    return o->m->base && !o->m->layer[p->layer].group;
}

static const char *dims_text(const int64_t *d, int n, char *buf, size_t size) {
    int at = snprintf(buf, size, "(");
    for (int i = 0; i < n && at < (int)size; i++)
        at += snprintf(buf + at, size - (size_t)at, "%s%lld", i ? ", " : "", (long long)d[i]);
    if (at < (int)size) snprintf(buf + at, size - (size_t)at, ")");
    return buf;
}

static void misshaped(loading *o, const fl_param *p, const fl_tensor_info *t) {
    char there[192], here[192];
    problem(o, "misshaped: %s is %s in the file, %s in the net", t->name,
            dims_text(t->d, t->n, there, sizeof there),
            dims_text(p->spec->d, p->spec->n, here, sizeof here));
    if (is_head(o, p)) o->head = true;
    const fl_base_net *net = o->m->net;
    if (o->alpha == 0 && net && net->base->scales && t->n > 0)
        o->alpha = net->alpha * (double)t->d[0] / (double)p->spec->d[0];
}

static void missing(loading *o, const fl_param *p, const char *name) {
    if (!o->strict || is_head(o, p)) return;
    const char *near = fl_nearest(name, o->surplus, (size_t)o->n_surplus);
    o->lax_helps = true;
    problem(o, "missing: %s%s%s%s", name, near ? "; the file has '" : "", near ? near : "",
            near ? "'" : "");
}

static void check_param(loading *o, int i) {
    const fl_param *p = &o->m->param[i];
    const fl_tensor_info *t = o->found[i];
    if (is_fresh(o, p)) {
        o->found[i] = NULL;
    } else if (!t) {
        missing(o, p, o->name[i]);
    } else if (!fl_param_fits(p->spec, t)) {
        misshaped(o, p, t);
    } else if (!fl_dtype_is_floating(t->dtype)) {
        problem(o, "of type %s: %s; weights are F32, F16, BF16 or F64", fl_dtype_name(t->dtype),
                t->name);
    }
}

static const char *nearest_lacking(const loading *o, const char *tensor) {
    const char **lacking = fl_alloc((size_t)(o->m->n_params + 1) * sizeof *lacking);
    size_t n = 0;
    for (int i = 0; i < o->m->n_params; i++)
        if (!o->found[i]) lacking[n++] = o->name[i];
    const char *near = fl_nearest(tensor, lacking, n);
    fl_free(lacking);
    return near;
}

static void surplus(loading *o, const char *tensor) {
    const char *near = nearest_lacking(o, tensor);
    o->lax_helps = true;
    problem(o, "surplus: %s%s%s%s", tensor, near ? "; the net has '" : "", near ? near : "",
            near ? "'" : "");
}

static void check_surplus(loading *o) {
    for (int i = 0; i < o->n_surplus; i++)
        if (o->strict)
            surplus(o, o->surplus[i]);
        else
            fl_warn("%s: tensor '%s' belongs to no layer of the net; it is passed over",
                    fl_weights_path(o->w), o->surplus[i]);
}

static void remedies(loading *o) {
    if (o->n_problems > MOST_LINES)
        fl_text_add(&o->lines, "\n  … and %d more", o->n_problems - MOST_LINES);
    if (o->head)
        fl_text_add(&o->lines, "\n  to start a layer of another shape afresh, name it in "
                               "'reinit' of section 'model'");
    if (o->alpha > 0)
        fl_text_add(&o->lines,
                    "\n  the widths follow 'alpha' of section 'model', %g here; the "
                    "file looks like alpha: %.4g",
                    o->m->net->alpha, o->alpha);
    if (o->lax_helps)
        fl_text_add(&o->lines, "\n  'strict: false' in section 'model' keeps first values for what "
                               "is missing and passes over what is surplus");
}

static fl_status report(loading *o) {
    if (o->n_problems == 0) return FL_OK;
    remedies(o);
    return fl_fail(FL_ERR_INPUT, "%s does not fit the net (%d tensor%s; names are read as %s's):%s",
                   fl_weights_path(o->w), o->n_problems, o->n_problems == 1 ? "" : "s",
                   fl_names_text(o->names), o->lines.s);
}

static fl_status check(loading *o) {
    for (int i = 0; i < o->m->n_params; i++) check_param(o, i);
    check_surplus(o);
    FL_TRY(report(o));
    if (o->n_named > 0 || o->m->n_params == 0) return FL_OK;
    return fl_fail(FL_ERR_INPUT, "%s: no tensor is named as a parameter of the net ('%s', …)",
                   fl_weights_path(o->w), o->m->param[0].name);
}

/* ---- taking them ---- */

static fl_status take(const loading *o, const fl_param *p, const fl_tensor_info *t) {
    if (p->spec->layout == FL_LAYOUT_PLAIN) return fl_tensor_read_float(o->w, t, p->writable);
    float *file = fl_alloc(p->len * sizeof *file);
    fl_status s = fl_tensor_read_float(o->w, t, file);
    if (s == FL_OK) fl_param_to_memory(p->spec, file, p->writable);
    fl_free(file);
    return s;
}

static fl_status take_all(loading *o, int *filled) {
    int n = 0;
    for (int i = 0; i < o->m->n_params; i++) {
        const fl_param *p = &o->m->param[i];
        if (o->found[i]) n++;
        if (!p->writable) continue;
        if (o->found[i])
            FL_TRY(take(o, p, o->found[i]));
        else if (o->seed)
            fl_param_init(p, *o->seed);
    }
    if (filled) *filled = n;
    return FL_OK;
}

static void close_loading(loading *o) {
    for (int i = 0; i < o->m->n_params; i++) fl_free(o->name[i]);
    fl_free(o->name);
    fl_free(o->found);
    fl_free(o->surplus);
    fl_free(o->lines.s);
}

static fl_status load(loading *o, const char *path, bool taking, int *filled) {
    fl_weights *w = NULL;
    FL_TRY(fl_weights_open(path, &w));
    o->w = w;
    match(o);
    fl_status s = check(o);
    if (s == FL_OK && taking) s = take_all(o, filled);
    close_loading(o);
    fl_weights_close(w);
    return s;
}

fl_status fl_model_load(fl_model *m, const char *path, bool strict, const fl_strings *reinit,
                        int *filled) {
    loading o = {.m = m, .strict = strict, .reinit = reinit};
    return load(&o, path, true, filled);
}

fl_status fl_model_fits(fl_model *m, const char *path, bool strict, const fl_strings *reinit) {
    loading o = {.m = m, .strict = strict, .reinit = reinit};
    return load(&o, path, false, NULL);
}

fl_status fl_model_fill(fl_model *m, uint64_t seed, const char *path, bool strict,
                        const fl_strings *reinit) {
    loading o = {.m = m, .strict = strict, .reinit = reinit, .seed = &seed};
    if (path) return load(&o, path, true, NULL);
    fl_model_init(m, seed);
    return FL_OK;
}
