/* safetensors: files that are not as they should be, each refused for its own reason. */
#include "scratch.h"
#include "weights/format.h"

static char *put(const char *header, uint64_t declared, size_t data) {
    size_t len = strlen(header);
    char *bytes = fl_alloc(8 + len + data);
    memcpy(bytes, &declared, 8);
    memcpy(bytes + 8, header, len);
    char *path = scratch_file("case.safetensors", bytes, 8 + len + data);
    fl_free(bytes);
    return path;
}

static void refuses(const char *path, const char *fragment) {
    fl_weights *w;
    if (fl_weights_open(path, &w) == FL_OK) fail_msg("opened, expected: %s", fragment);
    assert_null(w);
    assert_message("error: ", path);
    assert_message(fragment, NULL);
}

#define A(dtype, shape, offsets)                                                                   \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define AB(a, b)                                                                                   \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" a "},"                              \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" b "}}"
#define META(value) "{\"__metadata__\":" value "}"
#define F32         "\"F32\""

static const struct {
    const char *header;
    size_t data;
    const char *fragment;
} cases[] = {
    /* JSON */
    {"", 0, "header is not valid JSON at byte"},
    {"   ", 0, "header is not valid JSON"},
    {"{", 0, "header is not valid JSON at byte 9"},
    {"{} x", 0, "end of file expected"},
    {"{\"a\":}", 0, "header is not valid JSON at byte"},
    {"{\"a\" 1}", 0, "':' expected"},
    {"{'a':1}", 0, "header is not valid JSON"},
    {"{\"a\":1,}", 0, "header is not valid JSON"},
    {"{\"a\":{},\"a\":{}}", 0, "duplicate object key"},
    {"{\"a\\u0000b\":{}}", 0, "NUL byte in object key"},
    {"{\"\xff\":{}}", 0, "unable to decode byte 0xff"},
    {"{\"\\ud800\":{}}", 0, "invalid Unicode"},
    {"[]", 0, "header is not a JSON object"},
    {"[[[[[[[[", 0, "header is not valid JSON"},
    {"\"text\"", 0, "header is not valid JSON"},
    /* entries */
    {"{\"a\":1}", 0, "tensor 'a': its entry is not an object"},
    {"{\"a\":null}", 0, "tensor 'a': its entry is not an object"},
    {"{\"a\":[]}", 0, "tensor 'a': its entry is not an object"},
    {"{\"\":{}}", 0, "a tensor's name is empty"},
    {"{\"a\":{}}", 0, "tensor 'a': member 'dtype' is missing"},
    {"{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor 'a': member 'shape' is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 4, "member 'data_offsets' is missing"},
    {"{\"a\":{\"shape\":[],\"data_offsets\":[0,4]}}", 4, "member 'dtype' is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "member 'shape' is missing"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"scale\":2}}", 4,
     "tensor 'a': unknown member 'scale'"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[0,4]}}", 4,
     "duplicate object key"},
    /* dtypes */
    {A("7", "[]", "[0,4]"), 4, "tensor 'a': dtype is not a text"},
    {A("null", "[]", "[0,4]"), 4, "tensor 'a': dtype is not a text"},
    {A("\"F31\"", "[]", "[0,4]"), 4, "dtype 'F31' is unknown; expected one of F32, F16"},
    {A("\"f32\"", "[]", "[0,4]"), 4, "dtype 'f32' is unknown"},
    {A("\"\"", "[]", "[0,4]"), 4, "dtype '' is unknown"},
    {A("\"F8_E4M3\"", "[4]", "[0,4]"), 4, "dtype 'F8_E4M3' is unknown"},
    /* shapes */
    {A(F32, "1", "[0,4]"), 4, "tensor 'a': shape is not a list"},
    {A(F32, "{}", "[0,4]"), 4, "tensor 'a': shape is not a list"},
    {A(F32, "[\"1\"]", "[0,4]"), 4, "shape[0] is not a size"},
    {A(F32, "[1.0]", "[0,4]"), 4, "shape[0] is not a size"},
    {A(F32, "[1,-1]", "[0,4]"), 4, "shape[1] is not a size; expected an integer ≥ 0"},
    {A(F32, "[1,null]", "[0,4]"), 4, "shape[1] is not a size"},
    {A(F32, "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "shape has 9 dimensions; expected at most 8"},
    {A(F32, "[9223372036854775807]", "[0,4]"), 4, "overflow"},
    {A(F32, "[9223372036854775808]", "[0,4]"), 4, "too big integer"},
    {A(F32, "[4294967296,4294967296]", "[0,0]"), 0, "overflow"}, /* 2^64 elements look like 0 */
    {A(F32, "[2147483648,2147483648,1]", "[0,4]"), 4, "overflow"},
    {A(F32, "[4611686018427387904,4,0]", "[0,0]"), 0, "overflow"},
    {A(F32, "[0,4611686018427387904,4]", "[0,0]"), 0, "overflow"},
    /* places */
    {A(F32, "[]", "4"), 4, "tensor 'a': data_offsets is malformed"},
    {A(F32, "[]", "[]"), 4, "tensor 'a': data_offsets is malformed"},
    {A(F32, "[]", "[4]"), 4, "tensor 'a': data_offsets is malformed"},
    {A(F32, "[]", "[0,4,8]"), 8, "tensor 'a': data_offsets is malformed"},
    {A(F32, "[]", "[0,4.0]"), 4, "tensor 'a': data_offsets is malformed"},
    {A(F32, "[]", "[\"0\",4]"), 4, "tensor 'a': data_offsets is malformed"},
    {A(F32, "[]", "{\"0\":0,\"1\":4}"), 4, "tensor 'a': data_offsets is malformed"},
    {A(F32, "[]", "[4,0]"), 4, "data_offsets [4, 0] are negative or reversed"},
    {A(F32, "[]", "[-4,0]"), 4, "data_offsets [-4, 0] are negative or reversed"},
    {A(F32, "[]", "[-9223372036854775808,9223372036854775807]"), 4, "negative or reversed"},
    {A(F32, "[]", "[0,4]"), 3, "ends at byte 4, but the file has only 3 bytes of data"},
    {A(F32, "[]", "[9223372036854775803,9223372036854775807]"), 4, "the file has only 4 bytes"},
    {A(F32, "[2]", "[0,4]"), 4, "data_offsets span 4 bytes; its shape and dtype need 8"},
    {A(F32, "[]", "[0,8]"), 8, "data_offsets span 8 bytes; its shape and dtype need 4"},
    {A(F32, "[0]", "[0,4]"), 4, "data_offsets span 4 bytes; its shape and dtype need 0"},
    {A(F32, "[]", "[0,4]"), 5, "1 bytes are left over at the end, from byte 65 on"},
    {A(F32, "[]", "[4,8]"), 8, "tensor 'a': the 4 bytes before byte 65 belong to no tensor"},
    {AB("[0,4]", "[0,4]"), 4, "tensor 'b': at byte"},
    {AB("[0,4]", "[3,7]"), 7, "overlaps tensor 'a'"},
    {AB("[3,7]", "[0,4]"), 7, "overlaps tensor 'b'"},
    {AB("[0,4]", "[5,9]"), 9, "tensor 'b': the 1 bytes before byte"},
    {AB("[4,8]", "[0,4]"), 9, "1 bytes are left over"},
    {"{}", 1, "1 bytes are left over"},
    /* metadata */
    {META("1"), 0, "__metadata__ is not an object"},
    {META("null"), 0, "__metadata__ is not an object"},
    {META("[\"a\"]"), 0, "__metadata__ is not an object"},
    {META("{\"a\":1}"), 0, "__metadata__: 'a' is not a text"},
    {META("{\"a\":\"b\",\"c\":{}}"), 0, "__metadata__: 'c' is not a text"},
    {META("{\"a\":\"b\",\"a\":\"c\"}"), 0, "duplicate object key"},
    {META("{\"a\":\"\\u0000\"}"), 0, "\\u0000 is not allowed"},
};

static void malformed_headers(void **state) {
    (void)state;
    assert_true(FL_COUNT(cases) >= 45);
    for (size_t i = 0; i < FL_COUNT(cases); i++)
        refuses(put(cases[i].header, strlen(cases[i].header), cases[i].data), cases[i].fragment);
}

static void wrong_header_lengths(void **state) {
    (void)state;
    refuses(put("{}", 3, 0), "a header of 3 bytes, but only 2 follow");
    refuses(put("{}", 100000000, 0), "a header of 100000000 bytes, but only 2 follow");
    refuses(put("{}", 100000001, 0), "a header of 100000001 bytes; expected at most 100000000");
    refuses(put("{}", UINT64_MAX, 0), "a header of 18446744073709551615 bytes");
    refuses(put("{}", UINT64_MAX - 7, 0), "expected at most 100000000");
    refuses(put("{}", 1, 0), "not valid JSON");
    refuses(put("{}", 0, 0), "not valid JSON");
}

/* Messages go to terminals: what a name holds must not. */
static void names_are_shown_tame(void **state) {
    (void)state;
    static const char header[] = "{\"\\u001b[31m\\n\":7}";
    refuses(put(header, strlen(header), 0), "tensor '?[31m?': its entry");
}

static void opens(const char *header, size_t data, const char *order) {
    fl_weights *w;
    if (fl_weights_open(put(header, strlen(header), data), &w) != FL_OK)
        fail_msg("%s", fl_message());
    assert_int_equal(fl_weights_count(w), strlen(order));
    for (int i = 0; order[i]; i++) assert_int_equal(fl_weights_at(w, i)->name[0], order[i]);
    fl_weights_close(w);
}

static void unusual_but_legal_files(void **state) {
    (void)state;
    opens("{}", 0, "");
    opens("{}       ", 0, "");
    opens("{\n}\t", 0, "");
    opens(META("{}"), 0, "");
    opens(A(F32, "[]", "[0,4]"), 4, "a");
    opens(A(F32, "[0]", "[0,0]"), 0, "a");
    opens(A(F32, "[1,0,7]", "[0,0]"), 0, "a");
    opens(A("\"BOOL\"", "[1,1,1,1,1,1,1,3]", "[0,3]"), 3, "a");
    opens(AB("[0,4]", "[4,8]"), 8, "ab");
    opens(AB("[4,8]", "[0,4]"), 8, "ba");
#define EMPTY(name, at)                                                                            \
    "\"" name "\":{\"dtype\":\"F64\",\"shape\":[0],\"data_offsets\":[" at "," at "]}"
#define BYTE(name, from, to)                                                                       \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[" from "," to "]}"
    opens("{" BYTE("b", "1", "2") "," EMPTY("d", "1") "," BYTE("a", "0", "1") "," EMPTY(
              "c", "1") "," EMPTY("e", "2") "}",
          2, "adcbe");
}

/* Two tensors at odd addresses, then every bit of the header flipped and every shorter file. */
static void sweeps_over_two_tensors(void **state) {
    (void)state;
    unsigned char bytes[3] = {1, 2, 3};
    double x[2] = {4, 5};
    fl_tensor_info t[2] = {{.name = "b", .dtype = FL_U8, .n = 1, .d = {3}, .data = bytes},
                           {.name = "x", .dtype = FL_F64, .n = 1, .d = {2}, .data = x}};
    const char *const meta[][2] = {{"step", "12"}};
    char *path = scratch_path("two.safetensors"), *file;
    size_t len;
    fl_weights *w;
    assert_int_equal(fl_weights_write(path, 2, t, 1, meta), FL_OK);
    assert_int_equal(fl_file_read(path, &file, &len), FL_OK);
    for (size_t n = 0; n < len; n++)
        refuses(scratch_file("two.safetensors", file, n), "two.safetensors");
    int opened = 0;
    for (size_t bit = 0; bit < 8 * (len - 19); bit++) {
        file[bit / 8] ^= (char)(1 << bit % 8);
        if (fl_weights_open(scratch_file("two.safetensors", file, len), &w) == FL_OK) {
            double y[2] = {0};
            assert_int_equal(fl_weights_count(w), 2);
            const fl_tensor_info *last = fl_weights_at(w, 1);
            assert_int_equal(last->bytes, 16);
            assert_ptr_equal((const unsigned char *)last->data + 16, w->bytes + len);
            memcpy(y, last->data, 16);
            assert_true(y[0] == 4 && y[1] == 5);
            opened++;
        } else {
            assert_message(path, NULL);
        }
        fl_weights_close(w);
        file[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_true(opened > 0); /* a letter of a name, for one, may change */
    fl_free(file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_headers),       cmocka_unit_test(wrong_header_lengths),
        cmocka_unit_test(names_are_shown_tame),    cmocka_unit_test(unusual_but_legal_files),
        cmocka_unit_test(sweeps_over_two_tensors),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
