/* frostline convert */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/keras.h"
#include "frostline/half.h"
#include "frostline/log.h"

typedef struct words { /* of the command line; NULL: not said */
    const char *names, *dtype, *tensor, *flatten;
    bool bgr;
} words;

typedef struct conversion {
    const fl_weights *in;
    int n;
    int *from;          /* (n) tensors of the file */
    fl_tensor_info *to; /* (n) as they are to be */
    float *floats;      /* of one tensor */
    uint16_t *halves;
    size_t cut; /* numbers beyond the largest that there is */
} conversion;

/* ---- the bytes ---- */

static double largest_of(fl_dtype t) {
    return t == FL_F16 ? 65504 : t == FL_BF16 ? 0x1.fep127 : FLT_MAX;
}

static double number_at(const fl_tensor_info *t, const float *floats, size_t i) {
    double v = floats[i]; /* of which one of eight bytes may exceed all */
    if (t->dtype == FL_F64) memcpy(&v, (const char *)t->data + i * sizeof v, sizeof v);
    return v;
}

/* What is finite stays so. */
static void cut(conversion *c, const fl_tensor_info *from, double largest) {
    for (size_t i = 0; i < from->count; i++) {
        double v = number_at(from, c->floats, i);
        if (!isfinite(v) || fabs(v) <= largest) continue;
        c->floats[i] = (float)copysign(largest, v);
        c->cut++;
    }
}

/* By way of float32, as PyTorch rounds too. */
static const void *bytes_of(void *context, int i) {
    conversion *c = context;
    const fl_tensor_info *from = fl_weights_at(c->in, c->from[i]);
    fl_dtype dtype = c->to[i].dtype;
    if (dtype == from->dtype) return from->data;
    FL_CHECK(fl_tensor_read_float(c->in, from, c->floats) == FL_OK, "%s", fl_message());
    cut(c, from, largest_of(dtype));
    if (dtype == FL_F32) return c->floats;
    for (size_t k = 0; k < from->count; k++)
        c->halves[k] = dtype == FL_F16 ? fl_to_float16(c->floats[k]) : fl_to_bfloat16(c->floats[k]);
    return c->halves;
}

/* ---- which tensors, and as what ---- */

static fl_status unknown_tensor(const fl_weights *in, const char *tensor) {
    size_t n = (size_t)fl_weights_count(in);
    const char **names = fl_alloc(n * sizeof *names);
    for (size_t i = 0; i < n; i++) names[i] = fl_weights_at(in, (int)i)->name;
    const char *near = fl_nearest(tensor, names, n);
    fl_free(names);
    return fl_fail(FL_ERR_CONFIG, "option '--tensor': '%s' has no tensor '%s'%s%s%s",
                   fl_weights_path(in), tensor, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static fl_status choose(conversion *c, const char *tensor) {
    int all = fl_weights_count(c->in);
    c->from = fl_alloc((size_t)all * sizeof *c->from);
    c->to = fl_alloc((size_t)all * sizeof *c->to);
    for (int i = 0; i < all; i++) {
        const fl_tensor_info *t = fl_weights_at(c->in, i);
        if (tensor && strcmp(t->name, tensor) != 0) continue;
        c->from[c->n] = i;
        c->to[c->n++] = *t;
    }
    return c->n > 0 || !tensor ? FL_OK : unknown_tensor(c->in, tensor);
}

static fl_status set_dtype(conversion *c, fl_dtype dtype) {
    size_t most = 0;
    int others = 0;
    for (int i = 0; i < c->n; i++) {
        bool floats = fl_dtype_is_floating(c->to[i].dtype);
        if (floats) c->to[i].dtype = dtype;
        if (floats && c->to[i].count > most) most = c->to[i].count;
        others += !floats;
    }
    if (others == c->n)
        return fl_fail(FL_ERR_INPUT,
                       "option '--dtype': '%s' has no such tensor of F32, F16, BF16 "
                       "or F64",
                       fl_weights_path(c->in));
    if (others > 0)
        fl_note("%d tensor%s of whole numbers: as before", others, others > 1 ? "s" : "");
    c->floats = fl_alloc(most * sizeof *c->floats);
    c->halves = fl_alloc(most * sizeof *c->halves);
    return FL_OK;
}

/* Which are of no layer of the base is told: they may be a head, or show that it is another net. */
static void set_names(conversion *c, const fl_translation *t) {
    enum { TOLD = 6 };
    fl_text others = {0};
    int n = 0;
    for (int i = 0; i < c->n; i++) {
        char *name = t->name[c->from[i]];
        if (name)
            c->to[i].name = name;
        else if (n++ < TOLD)
            fl_text_add(&others, "%s%s", n > 1 ? ", " : "", c->to[i].name);
    }
    fl_note("%d tensor%s of %s, by %s's names%s%s%s", c->n - n, c->n - n == 1 ? "" : "s", t->base,
            fl_names_text(t->from), n ? "; of other names, which stay: " : "", n ? others.s : "",
            n > TOLD ? ", …" : "");
    fl_free(others.s);
}

/* ---- writing ---- */

static fl_status write_all(conversion *c, const char *path) {
    int n = fl_weights_metadata_count(c->in);
    const char *(*meta)[2] = fl_alloc((size_t)n * sizeof *meta);
    for (int i = 0; i < n; i++) fl_weights_metadata_at(c->in, i, &meta[i][0], &meta[i][1]);
    fl_status status =
        fl_weights_write_from(path, c->n, c->to, bytes_of, c, n, (const char *const(*)[2])meta);
    fl_free(meta);
    return status;
}

static void say(const conversion *c, const char *path) {
    char human[32];
    size_t bytes = 0;
    for (int i = 0; i < c->n; i++) bytes += c->to[i].count * fl_dtype_size(c->to[i].dtype);
    if (c->cut > 0)
        fl_warn("%zu number%s beyond the largest that can be written became that", c->cut,
                c->cut > 1 ? "s" : "");
    printf("%s: %d tensor%s, %s\n", path, c->n, c->n == 1 ? "" : "s",
           fl_human_bytes((double)bytes, human));
}

static fl_status convert_names(conversion *c, fl_naming names, const char *path) {
    fl_translation t;
    FL_TRY(fl_names_translate(c->in, names, &t));
    set_names(c, &t);
    fl_status status = write_all(c, path);
    fl_names_close(&t);
    return status;
}

static fl_status convert(conversion *c, const words *w, const char *path) {
    static const fl_dtype dtypes[] = {FL_F32, FL_F16, FL_BF16};
    int names = w->names ? fl_cli_choice("names", w->names, FL_NAMING_CHOICES) : 0,
        dtype = w->dtype ? fl_cli_choice("dtype", w->dtype, "float32|float16|bfloat16") : 0;
    if (names < 0 || dtype < 0) return FL_ERR_CONFIG;
    FL_TRY(choose(c, w->tensor));
    if (w->dtype) FL_TRY(set_dtype(c, dtypes[dtype]));
    FL_TRY(w->names ? convert_names(c, (fl_naming)names, path) : write_all(c, path));
    say(c, path);
    return FL_OK;
}

static fl_status open_input(const char *path, const char *beside, const words *w, fl_weights **in) {
    if (fl_keras_is_hdf5(path)) return fl_keras_import(path, beside, w->bgr, w->flatten, in);
    FL_TRY(fl_weights_open(path, in));
    if (!w->bgr && !w->flatten) return FL_OK;
    fl_weights_close(*in);
    return fl_fail(FL_ERR_CONFIG, "option '--%s' is for HDF5 files of Keras, which '%s' is not",
                   w->bgr ? "bgr" : "flatten", path);
}

static fl_status convert_file(const char *from, const char *to, const words *w) {
    fl_weights *in;
    FL_TRY(open_input(from, to, w, &in));
    conversion c = {.in = in};
    fl_status status = convert(&c, w, to);
    fl_free(c.to);
    fl_free(c.from);
    fl_free(c.floats);
    fl_free(c.halves);
    fl_weights_close(in);
    return status;
}

fl_status fl_cli_convert(fl_comm *comm, int argc, char **argv) {
    (void)comm;
    words w = {0};
    const fl_option options[] = {
        {"names", &w.names, NULL, NULL},   {"dtype", &w.dtype, NULL, NULL},
        {"tensor", &w.tensor, NULL, NULL}, {"flatten", &w.flatten, NULL, NULL},
        {"bgr", NULL, NULL, &w.bgr},       {NULL, NULL, NULL, NULL}};
    fl_arguments a;
    fl_status status = fl_arguments_parse(argc, argv, options, 1, &a);
    if (status == FL_OK) status = fl_arguments_no_overrides(argv[0], &a);
    if (status == FL_OK && a.n_words != 1)
        status = fl_fail(FL_ERR_CONFIG, "'frostline convert' needs a file of weights, and another "
                                        "to write");
    if (status == FL_OK) status = convert_file(a.config, a.word[0], &w);
    fl_arguments_close(&a);
    return status;
}
