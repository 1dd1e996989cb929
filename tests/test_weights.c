/* weights: what every format must hold to, run over the whole registry; conversions; writing. */
#include <math.h>
#include <sys/stat.h>

#include "frostline/rng.h"
#include "scratch.h"
#include "weights/format.h"

enum { MAX_TENSORS = 12, MAX_BYTES = 4096, DTYPES = FL_BOOL8 + 1 };

static fl_rng dice = {.seed = 7};
static uint64_t below(uint64_t n) {
    dice.sample++;
    return fl_rng_below(&dice, 0, n);
}

static void assert_same_tensor(const fl_tensor_info *have, const fl_tensor_info *want) {
    fl_tensor_info t = *want;
    assert_true(fl_tensor_measure(&t));
    assert_int_equal(have->dtype, t.dtype);
    assert_int_equal(have->n, t.n);
    for (int i = 0; i < t.n; i++) assert_int_equal(have->d[i], t.d[i]);
    assert_int_equal(have->count, t.count);
    assert_int_equal(have->bytes, t.bytes);
    assert_memory_equal(have->data, t.data, t.bytes);
}

/* ---- the registry ---- */

static const fl_tensor_info shapes[] = {
    {.n = 0},
    {.n = 1, .d = {1}},
    {.n = 1, .d = {0}},
    {.n = 1, .d = {17}},
    {.n = 2, .d = {3, 5}},
    {.n = 3, .d = {2, 0, 3}},
    {.n = 4, .d = {4, 3, 2, 2}},
    {.n = 8, .d = {1, 2, 1, 3, 1, 2, 1, 2}},
};

static void round_trip(const fl_weights_ops *format, fl_tensor_info t) {
    char *path = scratch_path("one");
    strcat(path, format->ending);
    fl_status status = fl_weights_write(path, 1, &t, 0, NULL);
    if (status != FL_OK) { /* a format may lack a type, but not these */
        assert_int_equal(status, FL_ERR_INPUT);
        assert_true(t.dtype != FL_F32 && t.dtype != FL_I64);
        assert_message(fl_dtype_name(t.dtype), path);
        return;
    }
    fl_weights *w;
    assert_int_equal(fl_weights_open(path, &w), FL_OK);
    assert_string_equal(fl_weights_format(w), format->name);
    assert_string_equal(fl_weights_path(w), path);
    assert_int_equal(fl_weights_count(w), 1);
    assert_same_tensor(fl_weights_at(w, 0), &t);
    assert_ptr_equal(fl_weights_find(w, fl_weights_at(w, 0)->name), fl_weights_at(w, 0));
    fl_weights_close(w);
}

static void every_format_round_trips(void **state) {
    (void)state;
    unsigned char bytes[MAX_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)below(256);
    for (const fl_weights_ops *const *f = fl_weights_formats; *f; f++)
        for (int dtype = 0; dtype < DTYPES; dtype++)
            for (size_t i = 0; i < FL_COUNT(shapes); i++) {
                fl_tensor_info t = shapes[i];
                t.name = "array";
                t.dtype = (fl_dtype)dtype;
                t.data = bytes + i % 3; /* no alignment is promised */
                round_trip(*f, t);
            }
}

/* Refused, or opened as tensors that lie one after the other up to the end of the file. */
static void open_or_refuse(const char *path, size_t len) {
    fl_weights *w;
    if (fl_weights_open(path, &w) != FL_OK) {
        assert_null(w);
        assert_message(path, NULL);
        return;
    }
    const char *at = NULL;
    unsigned sum = 0;
    for (int i = 0; i < fl_weights_count(w); i++) {
        const fl_tensor_info *t = fl_weights_at(w, i);
        assert_true(!at || at == t->data);
        assert_int_equal(t->bytes, t->count * fl_dtype_size(t->dtype));
        at = t->data;
        for (size_t k = 0; k < t->bytes; k++) sum += (unsigned char)*at++;
    }
    assert_true(sum < 256 * len);
    if (at) assert_ptr_equal(at, w->bytes + len);
    fl_weights_close(w);
}

/* Every shorter file is refused, and so is a longer one. */
static void every_format_refuses_truncated_files(void **state) {
    (void)state;
    float data[6] = {1, 2, 3, 4, 5, 6};
    fl_tensor_info t = {.name = "array", .n = 2, .d = {2, 3}, .data = data};
    for (const fl_weights_ops *const *f = fl_weights_formats; *f; f++) {
        char *path = scratch_path("cut"), *bytes;
        strcat(path, (*f)->ending);
        size_t len;
        assert_int_equal(fl_weights_write(path, 1, &t, 0, NULL), FL_OK);
        assert_int_equal(fl_file_read(path, &bytes, &len), FL_OK);
        for (size_t n = 0; n <= len + 1; n++) {
            if (n == len) continue;
            fl_weights *w;
            scratch_file(strrchr(path, '/') + 1, bytes, n); /* one more is the final NUL */
            assert_int_equal(fl_weights_open(path, &w), FL_ERR_INPUT);
            assert_message(path, NULL);
        }
        fl_free(bytes);
    }
}

/* Whatever a flipped bit does to the head of a file: an error, or tensors that can be read. */
static void every_format_stands_flipped_bits(void **state) {
    (void)state;
    float data[6] = {1, 2, 3, 4, 5, 6};
    fl_tensor_info t = {.name = "array", .n = 2, .d = {2, 3}, .data = data};
    for (const fl_weights_ops *const *f = fl_weights_formats; *f; f++) {
        char *path = scratch_path("flip"), *bytes;
        strcat(path, (*f)->ending);
        size_t len;
        assert_int_equal(fl_weights_write(path, 1, &t, 0, NULL), FL_OK);
        assert_int_equal(fl_file_read(path, &bytes, &len), FL_OK);
        for (size_t bit = 0; bit < 8 * (len - sizeof data); bit++) {
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            scratch_file(strrchr(path, '/') + 1, bytes, len);
            open_or_refuse(path, len);
            bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
        fl_free(bytes);
    }
}

/* ---- opening ---- */

static void refuses(const char *path, const char *fragment) {
    fl_weights *w;
    assert_int_equal(fl_weights_open(path, &w), FL_ERR_INPUT);
    assert_null(w);
    assert_message(path, fragment);
}

static void what_is_no_file_of_weights(void **state) {
    (void)state;
    refuses(scratch_path("none.safetensors"), "cannot open");
    refuses(scratch_path("none.safetensors"), "No such file or directory");
    refuses(scratch, "is a folder");
    refuses("/dev/null", "not a regular file");
    assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
    refuses(scratch_path("fifo"), "not a regular file");
    refuses(scratch_file("empty", "", 0), "neither a safetensors nor an npy file");
    refuses(scratch_file("empty.safetensors", "", 0), "has 0 bytes");
    refuses(scratch_file("empty.npy", "", 0), "has 0 bytes");
    refuses(scratch_file("text.txt", "hello, this is text", 19), "neither");
    refuses(scratch_file("a.pt", "PK\3\4............", 16), "safetensors.torch.save_file");
    refuses(scratch_file("a.h5", "\x89HDF\r\n\x1a\n........", 16), "HDF5");
    refuses(scratch_file("a.safetensors.gz", "\x1f\x8b..............", 16), "gunzip");
    refuses(scratch_file("lfs.safetensors", "version https://git-lfs.github.com/spec/v1\n", 43),
            "git lfs pull");
    refuses(scratch_file("model.safetensors.index.json", "{\"weight_map\": {}}", 18), "JSON");
}

static void content_decides_not_the_name(void **state) {
    (void)state;
    float x = 1;
    fl_tensor_info t = {.name = "x", .data = &x};
    fl_weights *w;
    char *npy = scratch_path("scalar.npy"), *odd = scratch_path("odd.safetensors");
    assert_int_equal(fl_weights_write(npy, 1, &t, 0, NULL), FL_OK);
    assert_int_equal(rename(npy, odd), 0);
    assert_int_equal(fl_weights_open(odd, &w), FL_OK);
    assert_string_equal(fl_weights_format(w), "npy");
    fl_weights_close(w);
}

/* ---- conversions ---- */

static char nowhere_path[] = "nowhere";
static const fl_weights nowhere = {.path = nowhere_path};

static float slow_half(unsigned h) {
    int sign = h >> 15 ? -1 : 1, exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
    if (exponent == 31) return fraction ? NAN : (float)sign * INFINITY;
    if (exponent == 0) return (float)copysign(ldexp(fraction, -24), sign);
    return (float)ldexp(sign * (1024 + fraction), exponent - 25);
}

static float slow_bfloat(unsigned b) {
    int sign = b >> 15 ? -1 : 1, exponent = (int)(b >> 7 & 255), fraction = (int)(b & 127);
    if (exponent == 255) return fraction ? NAN : (float)sign * INFINITY;
    if (exponent == 0) return (float)copysign(ldexp(fraction, -133), sign);
    return (float)ldexp(sign * (128 + fraction), exponent - 134);
}

static void every_half_and_bfloat(void **state) {
    (void)state;
    static char bytes[2 * 65536 + 1];
    static float have[2][65536];
    for (unsigned i = 0; i < 65536; i++) memcpy(bytes + 1 + 2 * i, &(uint16_t){(uint16_t)i}, 2);
    fl_tensor_info t = {.name = "all", .n = 1, .d = {65536}, .count = 65536, .data = bytes + 1};
    t.dtype = FL_F16;
    assert_int_equal(fl_tensor_read_float(&nowhere, &t, have[0]), FL_OK);
    t.dtype = FL_BF16;
    assert_int_equal(fl_tensor_read_float(&nowhere, &t, have[1]), FL_OK);
    for (unsigned i = 0; i < 65536; i++) {
        float want[2] = {slow_half(i), slow_bfloat(i)};
        for (int k = 0; k < 2; k++)
            if (isnan(want[k]) ? !isnan(have[k][i]) : memcmp(&want[k], &have[k][i], 4) != 0)
                fail_msg("pattern %u as %s: %g, expected %g", i, k ? "BF16" : "F16",
                         (double)have[k][i], (double)want[k]);
    }
}

static void doubles_and_floats(void **state) {
    (void)state;
    double from[4] = {1.5, -1e300, 0x1p-149, 0.1};
    float want[4] = {1.5f, -INFINITY, 0x1p-149f, 0.1f}, have[4];
    char bytes[sizeof from + 1];
    memcpy(bytes + 1, from, sizeof from);
    fl_tensor_info t = {.name = "d", .dtype = FL_F64, .n = 1, .d = {4}, .data = bytes + 1};
    assert_true(fl_tensor_measure(&t));
    assert_int_equal(fl_tensor_read_float(&nowhere, &t, have), FL_OK);
    assert_memory_equal(have, want, sizeof want);
    memcpy(bytes + 1, want, sizeof want);
    t.dtype = FL_F32;
    memset(have, 0, sizeof have);
    assert_int_equal(fl_tensor_read_float(&nowhere, &t, have), FL_OK);
    assert_memory_equal(have, want, sizeof want);
}

static void integers_of_all_widths(void **state) {
    (void)state;
    static const struct {
        fl_dtype dtype;
        uint64_t bits;
        int64_t want;
    } cases[] = {
        {FL_I64, 1ull << 63, INT64_MIN},
        {FL_I32, 0x80000000u, INT32_MIN},
        {FL_I16, 0x8000, -32768},
        {FL_I8, 0x80, -128},
        {FL_U64, ~0ull >> 1, INT64_MAX},
        {FL_U32, 0xffffffffu, 4294967295},
        {FL_U16, 0xffff, 65535},
        {FL_U8, 0xff, 255},
        {FL_BOOL8, 0, 0},
        {FL_BOOL8, 2, 1},
    };
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        char bytes[9];
        int64_t have;
        memcpy(bytes + 1, &cases[i].bits, 8);
        fl_tensor_info t = {.name = "i", .dtype = cases[i].dtype, .count = 1, .data = bytes + 1};
        assert_int_equal(fl_tensor_read_int(&nowhere, &t, &have), FL_OK);
        assert_int_equal(have, cases[i].want);
    }
}

static void conversions_that_make_no_sense(void **state) {
    (void)state;
    uint64_t big[2] = {1, 1ull << 63};
    int64_t ints[2];
    float floats[2];
    fl_tensor_info t = {.name = "labels", .dtype = FL_U64, .n = 1, .d = {2}, .data = big};
    assert_true(fl_tensor_measure(&t));
    assert_int_equal(fl_tensor_read_int(&nowhere, &t, ints), FL_ERR_INPUT);
    assert_message("tensor 'labels': element 1 is 9223372036854775808", "nowhere");
    for (int dtype = 0; dtype < DTYPES; dtype++) {
        t.dtype = (fl_dtype)dtype;
        t.count = 0;
        bool floating = dtype <= FL_F64;
        assert_int_equal(fl_tensor_read_float(&nowhere, &t, floats), floating ? 0 : FL_ERR_INPUT);
        assert_int_equal(fl_tensor_read_int(&nowhere, &t, ints), floating ? FL_ERR_INPUT : 0);
        assert_message("tensor 'labels'", fl_dtype_name(t.dtype));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_round_trips),
        cmocka_unit_test(every_format_refuses_truncated_files),
        cmocka_unit_test(every_format_stands_flipped_bits),
        cmocka_unit_test(what_is_no_file_of_weights),
        cmocka_unit_test(content_decides_not_the_name),
        cmocka_unit_test(every_half_and_bfloat),
        cmocka_unit_test(doubles_and_floats),
        cmocka_unit_test(integers_of_all_widths),
        cmocka_unit_test(conversions_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
