/* npy: headers as numpy writes them, and as it does not. */
#include "scratch.h"
#include "weights/format.h"

static char *put(int major, const char *header, uint32_t declared, size_t data) {
    size_t field = major == 1 ? 2 : 4, len = strlen(header);
    char *bytes = fl_alloc(8 + field + len + data);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (char)major;
    memcpy(bytes + 8, &declared, field);
    memcpy(bytes + 8 + field, header, len);
    for (size_t i = 0; i < data; i++) bytes[8 + field + len + i] = (char)i;
    char *path = scratch_file("case.npy", bytes, 8 + field + len + data);
    fl_free(bytes);
    return path;
}

static void refuses(const char *path, const char *fragment) {
    fl_weights *w;
    if (fl_weights_open(path, &w) == FL_OK) fail_msg("opened, expected: %s", fragment);
    assert_null(w);
    assert_message(fragment, path);
}

#define DICT(descr, order, shape)                                                                  \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static const struct {
    const char *header;
    size_t data;
    const char *fragment;
} cases[] = {
    {"", 0, "npy header, byte 10: expected '{'"},
    {"\n", 0, "npy header, byte 11: expected '{'"},
    {"{", 0, "byte 11: expected one each of 'descr'"},
    {"{}", 0, "expected all of 'descr', 'fortran_order', 'shape'"},
    {"{'descr': '<f4'", 4, "expected ',' or '}'"},
    {"{'descr': '<f4'}", 4, "expected all of"},
    {"{'descr' '<f4'}", 4, "expected ':'"},
    {"{'descr': '<f4', 'descr': '<f4', }", 4, "byte 27: expected one each"},
    {"{'descr': '<f4', 'color': 1}", 4, "byte 27: expected one each"},
    {DICT("'<f4'", "False", "()") "x", 4, "expected nothing after '}'"},
    {DICT("'>f4'", "False", "()"), 4, "byte 20: expected a little-endian type"},
    {DICT("'=f4'", "False", "()"), 4, "expected a little-endian type"},
    {DICT("'|O'", "False", "()"), 4, "expected a little-endian type"},
    {DICT("'<c8'", "False", "()"), 8, "expected a little-endian type"},
    {DICT("'<U3'", "False", "()"), 12, "expected a little-endian type"},
    {DICT("''", "False", "()"), 4, "expected a little-endian type"},
    {DICT("'<f4", "False", "()"), 4, "expected"},
    {DICT("[('a', '<f4')]", "False", "()"), 4, "expected a plain type in quotes"},
    {DICT("'<f4'", "True", "(1, 1)"), 4, "expected False, that is C order"},
    {DICT("'<f4'", "0", "()"), 4, "expected False"},
    {DICT("'<f4'", "False", "1"), 4, "expected a shape"},
    {DICT("'<f4'", "False", "[1]"), 4, "expected a shape"},
    {DICT("'<f4'", "False", "(-1,)"), 4, "expected a size or ')'"},
    {DICT("'<f4'", "False", "(,)"), 4, "expected a size or ')'"},
    {DICT("'<f4'", "False", "(1.5,)"), 4, "expected ',' or ')'"},
    {DICT("'<f4'", "False", "(1 2)"), 4, "expected ',' or ')'"},
    {DICT("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"), 4, "expected at most 8 dimensions"},
    {DICT("'<f4'", "False", "(9223372036854775808,)"), 4, "expected a size below 2^63"},
    {DICT("'<f4'", "False", "(99999999999999999999999,)"), 4, "expected a size below 2^63"},
    {DICT("'<f4'", "False", "(9223372036854775807,)"), 4, "overflow"},
    {DICT("'<f4'", "False", "(4294967296, 4294967296)"), 0, "overflow"},
    {DICT("'<f4'", "False", "(2,)"), 7, "tensor 'array': 7 bytes from byte"},
    {DICT("'<f4'", "False", "(2,)"), 9, "9 bytes from byte 68 on; its shape and dtype need 8"},
    {DICT("'<f4'", "False", "(0,)"), 1, "need 0"},
};

static void malformed_headers(void **state) {
    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++)
        refuses(put(1, cases[i].header, (uint32_t)strlen(cases[i].header), cases[i].data),
                cases[i].fragment);
}

static void wrong_versions_and_lengths(void **state) {
    (void)state;
    static const char dict[] = DICT("'<f4'", "False", "()");
    uint32_t len = sizeof dict - 1;
    refuses(put(0, dict, len, 4), "npy version 0.0; expected 1.0, 2.0 or 3.0");
    refuses(put(4, dict, len, 4), "npy version 4.0");
    refuses(put(1, dict, len + 5, 4), "the file is cut short");
    refuses(put(2, dict, UINT32_MAX, 4), "npy header has 4294967295 bytes");
    refuses(put(1, dict, len + 1, 4), "expected nothing after '}'");
    refuses(put(1, dict, 0, 4), "expected '{'");
}

static void opens(int major, const char *header, size_t data, fl_tensor_info want) {
    fl_weights *w;
    if (fl_weights_open(put(major, header, (uint32_t)strlen(header), data), &w) != FL_OK)
        fail_msg("%s", fl_message());
    const fl_tensor_info *t = fl_weights_find(w, "array");
    assert_non_null(t);
    assert_int_equal(t->dtype, want.dtype);
    assert_int_equal(t->n, want.n);
    assert_memory_equal(t->d, want.d, sizeof want.d);
    assert_int_equal(t->bytes, data);
    for (size_t i = 0; i < data; i++) assert_int_equal(((const char *)t->data)[i], (char)i);
    assert_int_equal(fl_weights_metadata_count(w), 0);
    fl_weights_close(w);
}

static void headers_as_others_write_them(void **state) {
    (void)state;
    fl_tensor_info scalar = {.dtype = FL_F32}, pair = {.dtype = FL_I16, .n = 1, .d = {2}};
    fl_tensor_info grid = {.dtype = FL_U8, .n = 2, .d = {2, 3}};
    for (int major = 1; major <= 3; major++) {
        opens(major, DICT("'<f4'", "False", "()"), 4, scalar);
        opens(major, DICT("'<i2'", "False", "(2,)"), 4, pair);
        opens(major, DICT("'|u1'", "False", "(2, 3)"), 6, grid);
    }
    opens(1, DICT("'|u1'", "False", "(2L, 3L)"), 6, grid);
    opens(1, "{\"shape\": (2,3), \"fortran_order\":False,\"descr\":\"|u1\"}", 6, grid);
    opens(1, "  { 'shape' : ( 2 , 3 , ) , 'fortran_order' : False , 'descr' : '|u1' }   \n", 6,
          grid);
}

/* numpy maps an array only if it starts at a multiple of 64. */
static void written_headers_are_aligned(void **state) {
    (void)state;
    static const char data[64];
    for (int n = 0; n <= FL_MAX_DIMS; n++) {
        fl_tensor_info t = {.name = "x", .dtype = FL_U8, .n = n, .data = data};
        for (int i = 0; i < n; i++) t.d[i] = 1;
        char *path = scratch_path("aligned.npy"), *bytes;
        size_t len;
        assert_int_equal(fl_weights_write(path, 1, &t, 0, NULL), FL_OK);
        assert_int_equal(fl_file_read(path, &bytes, &len), FL_OK);
        assert_int_equal((len - 1) % 64, 0);
        assert_int_equal(bytes[len - 2], '\n');
        fl_free(bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(wrong_versions_and_lengths),
        cmocka_unit_test(headers_as_others_write_them),
        cmocka_unit_test(written_headers_are_aligned),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
