/* numpy's .npy: "\x93NUMPY", version, header length, a Python dict, then one array. It has no name:
 * its tensor is "array".
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * Read: versions 1 to 3, plain little-endian types, C order. Written: version 1; metadata has no
 * place in it. */
#include <string.h>

#include "weights/format.h"

static const char magic[] = "\x93NUMPY";

enum { MAGIC = 6, VERSION = 2, ALIGNMENT = 64 };

static const struct {
    const char *descr;
    fl_dtype dtype;
} types[] = {
    {"<f4", FL_F32}, {"<f2", FL_F16}, {"<f8", FL_F64}, {"<i8", FL_I64},
    {"<i4", FL_I32}, {"<i2", FL_I16}, {"|i1", FL_I8},  {"<u8", FL_U64},
    {"<u4", FL_U32}, {"<u2", FL_U16}, {"|u1", FL_U8},  {"|b1", FL_BOOL8},
};

static bool matches(const unsigned char *bytes, size_t size) {
    return size >= MAGIC && memcmp(bytes, magic, MAGIC) == 0;
}

/* ---- the dict: a cursor; `expected` says what it wanted where it stands ---- */

typedef struct cursor {
    const char *at, *end, *expected;
} cursor;

static bool fail(cursor *c, const char *expected) {
    c->expected = expected;
    return false;
}

static void skip_blanks(cursor *c) {
    while (c->at < c->end && strchr(" \t\n", *c->at) && *c->at) c->at++;
}

static bool take(cursor *c, const char *text) {
    size_t n = strlen(text);
    skip_blanks(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0) return false;
    c->at += n;
    return true;
}

static bool take_quoted(cursor *c, const char **text, size_t *n) {
    skip_blanks(c);
    if (c->at == c->end || !(*c->at == '\'' || *c->at == '"')) return false;
    const char *close = memchr(c->at + 1, *c->at, (size_t)(c->end - c->at - 1));
    if (!close) return false;
    *text = c->at + 1;
    *n = (size_t)(close - *text);
    c->at = close + 1;
    return true;
}

static bool take_descr(cursor *c, fl_dtype *dtype) {
    skip_blanks(c);
    cursor start = *c;
    const char *text;
    size_t n;
    if (!take_quoted(c, &text, &n)) return fail(c, "a plain type in quotes, such as '<f4'");
    for (size_t i = 0; i < FL_COUNT(types); i++) {
        if (n != strlen(types[i].descr) || memcmp(text, types[i].descr, n) != 0) continue;
        *dtype = types[i].dtype;
        return true;
    }
    *c = start;
    return fail(c, "a little-endian type: <f4 <f2 <f8 <i8 <i4 <i2 |i1 <u8 <u4 <u2 |u1 |b1 "
                   "(x.astype converts)");
}

static bool take_order(cursor *c) {
    if (take(c, "False")) return true;
    return fail(c, "False, that is C order (numpy.ascontiguousarray converts)");
}

static bool take_size(cursor *c, int64_t *size) {
    const char *start = c->at;
    for (*size = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (__builtin_mul_overflow(*size, 10, size) ||
            __builtin_add_overflow(*size, *c->at - '0', size))
            return fail(c, "a size below 2^63");
    if (c->at == start) return fail(c, "a size or ')'");
    if (c->at < c->end && *c->at == 'L') c->at++; /* as Python 2 wrote a long */
    return true;
}

static bool take_shape(cursor *c, fl_tensor_info *t) {
    if (!take(c, "(")) return fail(c, "a shape, such as (3, 4)");
    t->n = 0;
    while (!take(c, ")")) {
        if (t->n == FL_MAX_DIMS) return fail(c, "at most 8 dimensions");
        if (!take_size(c, &t->d[t->n++])) return false;
        if (take(c, ",")) continue;
        return take(c, ")") ? true : fail(c, "',' or ')'");
    }
    return true;
}

enum { DESCR = 1, ORDER = 2, SHAPE = 4 };

static int take_key(cursor *c) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    const char *text;
    size_t n;
    cursor start = *c;
    if (take_quoted(c, &text, &n))
        for (int i = 0; i < 3; i++)
            if (n == strlen(keys[i]) && memcmp(text, keys[i], n) == 0) return 1 << i;
    *c = start;
    return 0;
}

static bool take_member(cursor *c, fl_tensor_info *t, int *seen) {
    skip_blanks(c);
    const char *start = c->at;
    int key = take_key(c);
    if (key == 0 || (*seen & key)) {
        c->at = start;
        return fail(c, "one each of 'descr', 'fortran_order' and 'shape'");
    }
    *seen |= key;
    if (!take(c, ":")) return fail(c, "':'");
    if (key == DESCR) return take_descr(c, &t->dtype);
    return key == ORDER ? take_order(c) : take_shape(c, t);
}

static bool take_dict(cursor *c, fl_tensor_info *t) {
    int seen = 0;
    if (!take(c, "{")) return fail(c, "'{'");
    while (!take(c, "}")) {
        if (!take_member(c, t, &seen)) return false;
        if (take(c, ",")) continue;
        if (take(c, "}")) break;
        return fail(c, "',' or '}'");
    }
    skip_blanks(c);
    if (seen != (DESCR | ORDER | SHAPE)) return fail(c, "all of 'descr', 'fortran_order', 'shape'");
    return c->at == c->end ? true : fail(c, "nothing after '}'");
}

/* ---- reading ---- */

/* Where the header's text is, after checking the version and the length. */
static fl_status find_header(const fl_weights *w, size_t *at, size_t *len) {
    size_t field = w->size > MAGIC && w->bytes[MAGIC] == 1 ? 2 : 4;
    *at = MAGIC + VERSION + field;
    if (!matches(w->bytes, w->size) || w->size < *at)
        return fl_weights_refuse(w, NULL, "the file has %zu bytes; an npy file starts with %zu",
                                 w->size, *at);
    int major = w->bytes[MAGIC], minor = w->bytes[MAGIC + 1];
    if (major < 1 || major > 3 || minor != 0)
        return fl_weights_refuse(w, NULL, "npy version %d.%d; expected 1.0, 2.0 or 3.0", major,
                                 minor);
    uint32_t n = 0;
    memcpy(&n, w->bytes + MAGIC + VERSION, field);
    if (n > w->size - *at)
        return fl_weights_refuse(
            w, NULL,
            "the npy header has %u bytes, but only %zu follow; the file is cut "
            "short",
            n, w->size - *at);
    *len = n;
    return FL_OK;
}

static fl_status check_size(const fl_weights *w, size_t at, fl_tensor_info *t) {
    if (!fl_tensor_measure(t))
        return fl_weights_refuse(w, t->name,
                                 "shape: so many elements overflow; no file holds them");
    size_t have = w->size - at;
    if (have == t->bytes) return FL_OK;
    return fl_weights_refuse(w, t->name, "%zu bytes from byte %zu on; its shape and dtype need %zu",
                             have, at, t->bytes);
}

static fl_status read(fl_weights *w) {
    size_t at = 0, len = 0;
    FL_TRY(find_header(w, &at, &len));
    const char *text = (const char *)w->bytes + at;
    cursor c = {text, text + len, NULL};
    fl_tensor_info t = {.name = "array", .data = text + len};
    if (!take_dict(&c, &t))
        return fl_weights_refuse(w, NULL, "npy header, byte %zu: expected %s",
                                 (size_t)(c.at - (const char *)w->bytes), c.expected);
    FL_TRY(check_size(w, at + len, &t));
    fl_weights_add(w, &t);
    return FL_OK;
}

/* ---- writing ---- */

static const char *descr_of(fl_dtype dtype) {
    for (size_t i = 0; i < FL_COUNT(types); i++)
        if (types[i].dtype == dtype) return types[i].descr;
    return NULL;
}

static char *describe(const fl_tensor_info *t, size_t before) {
    fl_text s = {0};
    fl_text_add(&s, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr_of(t->dtype));
    for (int i = 0; i < t->n; i++)
        fl_text_add(&s, "%s%lld%s", i ? ", " : "", (long long)t->d[i], t->n == 1 ? "," : "");
    fl_text_add(&s, "), }");
    while ((before + s.len + 1) % ALIGNMENT != 0) fl_text_put(&s, " ", 1);
    fl_text_put(&s, "\n", 1);
    return s.s;
}

static fl_status write(fl_sink *out, const fl_weights_content *c) {
    if (c->n != 1)
        return fl_fail(FL_ERR_INPUT, "%s: npy holds one tensor, not %d; write .safetensors",
                       c->path, c->n);
    const fl_tensor_info *t = &c->tensors[0];
    if (!descr_of(t->dtype))
        return fl_fail(FL_ERR_INPUT, "%s: tensor '%s': npy has no %s; write .safetensors", c->path,
                       t->name, fl_dtype_name(t->dtype));
    char *header = describe(t, MAGIC + VERSION + sizeof(uint16_t));
    uint16_t len = (uint16_t)strlen(header);
    fl_sink_put(out, magic, MAGIC);
    fl_sink_put(out, "\1\0", VERSION);
    fl_sink_put(out, &len, sizeof len);
    fl_sink_put(out, header, len);
    fl_sink_put_tensor(out, c, 0);
    fl_free(header);
    return FL_OK;
}

const fl_weights_ops fl_weights_npy = {
    .name = "npy",
    .ending = ".npy",
    .matches = matches,
    .read = read,
    .write = write,
};
