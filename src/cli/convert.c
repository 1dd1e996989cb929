/* frostline convert */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "frostline/half.h"
#include "frostline/log.h"

typedef struct words { /* of the command line; NULL: not said */
    const char *names, *dtype, *tensor;
} words;

typedef struct conversion {
    const fl_weights *in;
    int n;
    fl_tensor_info *to;          /* (n) as they are to be */
    const fl_tensor_info **from; /* (n) as they are in the file */
    float *floats;               /* of one tensor */
    uint16_t *halves;
    size_t cut; /* numbers that float16 cannot hold */
} conversion;

/* ---- the bytes ---- */

static bool is_floating(fl_dtype t) {
    return t == FL_F32 || t == FL_F16 || t == FL_BF16 || t == FL_F64;
}

static void narrow(conversion *c, fl_dtype dtype, size_t n) {
    for (size_t i = 0; i < n && dtype == FL_F16; i++) {
        c->cut += isfinite(c->floats[i]) && fabsf(c->floats[i]) > 65504;
        c->halves[i] = fl_to_float16(c->floats[i]);
    }
    for (size_t i = 0; i < n && dtype == FL_BF16; i++) c->halves[i] = fl_to_bfloat16(c->floats[i]);
}

static const void *bytes_of(void *context, int i) {
    conversion *c = context;
    const fl_tensor_info *from = c->from[i];
    fl_dtype dtype = c->to[i].dtype;
    if (dtype == from->dtype) return from->data;
    FL_CHECK(fl_tensor_read_float(c->in, from, c->floats) == FL_OK, "%s", fl_message());
    if (dtype == FL_F32) return c->floats;
    narrow(c, dtype, from->count);
    return c->halves;
}

/* ---- which tensors, and as what ---- */

static void take(conversion *c, const fl_tensor_info *t) {
    c->from[c->n] = t;
    c->to[c->n++] = *t;
}

static fl_status choose(conversion *c, const char *tensor) {
    int all = fl_weights_count(c->in);
    c->from = fl_alloc((size_t)all * sizeof *c->from);
    c->to = fl_alloc((size_t)all * sizeof *c->to);
    for (int i = 0; i < all; i++) {
        const fl_tensor_info *t = fl_weights_at(c->in, i);
        if (!tensor || strcmp(t->name, tensor) == 0) take(c, t);
    }
    if (c->n > 0 || !tensor) return FL_OK;
    const char **names = fl_alloc((size_t)all * sizeof *names);
    for (int i = 0; i < all; i++) names[i] = fl_weights_at(c->in, i)->name;
    const char *near = fl_nearest(tensor, names, (size_t)all);
    fl_free(names);
    return fl_fail(FL_ERR_CONFIG, "option '--tensor': '%s' has no tensor '%s'%s%s%s",
                   fl_weights_path(c->in), tensor, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

static void set_dtype(conversion *c, fl_dtype dtype) {
    size_t most = 0;
    for (int i = 0; i < c->n; i++) {
        if (is_floating(c->to[i].dtype)) c->to[i].dtype = dtype;
        if (c->to[i].count > most) most = c->to[i].count;
    }
    c->floats = fl_alloc(most * sizeof *c->floats);
    c->halves = fl_alloc(most * sizeof *c->halves);
}

/* The names are those of the whole file, of which one tensor may have been chosen. */
static void set_names(conversion *c, const fl_translation *t) {
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < t->count; k++)
            if (fl_weights_at(c->in, k) == c->from[i]) c->to[i].name = t->name[k];
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

static fl_status say(const conversion *c, const char *path, const fl_translation *t) {
    char human[32];
    size_t bytes = 0;
    for (int i = 0; i < c->n; i++) bytes += c->to[i].count * fl_dtype_size(c->to[i].dtype);
    if (c->cut > 0)
        fl_warn("%zu number%s beyond ±65504, the largest of float16, became that", c->cut,
                c->cut > 1 ? "s" : "");
    printf("%s: %d tensor%s, %s", path, c->n, c->n == 1 ? "" : "s",
           fl_human_bytes((double)bytes, human));
    if (t->base)
        printf("; renamed %d of %s, which had %s's names", t->changed, t->base,
               fl_names_text(t->from));
    printf("\n");
    return FL_OK;
}

static fl_status convert(conversion *c, const words *w, const char *path) {
    fl_translation t = {0};
    int names = w->names ? fl_cli_choice("names", w->names, FL_NAMING_CHOICES) : 0,
        dtype = w->dtype ? fl_cli_choice("dtype", w->dtype, "float32|float16|bfloat16") : 0;
    static const fl_dtype dtypes[] = {FL_F32, FL_F16, FL_BF16};
    if (names < 0 || dtype < 0) return FL_ERR_CONFIG;
    FL_TRY(choose(c, w->tensor));
    if (w->dtype) set_dtype(c, dtypes[dtype]);
    if (w->names) FL_TRY(fl_names_translate(c->in, (fl_naming)names, &t));
    set_names(c, &t);
    fl_status status = write_all(c, path);
    if (status == FL_OK) say(c, path, &t);
    fl_names_close(&t);
    return status;
}

static fl_status convert_file(const char *from, const char *to, const words *w) {
    fl_weights *in;
    FL_TRY(fl_weights_open(from, &in));
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
    const fl_option options[] = {{"names", &w.names, NULL, NULL},
                                 {"dtype", &w.dtype, NULL, NULL},
                                 {"tensor", &w.tensor, NULL, NULL},
                                 {NULL, NULL, NULL, NULL}};
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
