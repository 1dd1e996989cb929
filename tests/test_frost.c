/* frost: rows are kept, told apart from absent ones, and never trusted when damaged; float16 is the
 * nearest there is. */
#include <math.h>
#include <string.h>

#include "frostline/frost.h"
#include "frostline/half.h"
#include "unit.h"

enum { ROWS = 13, WIDTH = 21 };

typedef struct table {
    char *memory;
    size_t bytes;
    fl_cache_conf conf;
} table;

static table make(fl_cache_dtype dtype) {
    table t = {.conf = {ROWS, WIDTH, dtype, 7, true}};
    t.bytes = fl_cache_bytes(&t.conf);
    t.memory = fl_alloc_pages(t.bytes);
    return t;
}

static fl_cache *open_as(table *t, uint64_t key) {
    t->conf.key = key;
    return fl_cache_open(t->memory, &t->conf, true);
}

/* In two pieces, as of two layers; small whole numbers, which a float16 has too. */
static void fill(fl_cache *c, int64_t row) {
    float v[WIDTH];
    for (int i = 0; i < WIDTH; i++) v[i] = (float)(row * 100 + i);
    fl_cache_put(c, row, 0, v, 5);
    fl_cache_put(c, row, 5, v + 5, WIDTH - 5);
    fl_cache_mark(c, row);
}

static bool right(fl_cache *c, int64_t row) {
    float v[WIDTH];
    fl_cache_get(c, row, 0, v, 8);
    fl_cache_get(c, row, 8, v + 8, WIDTH - 8);
    for (int i = 0; i < WIDTH; i++)
        if (v[i] != (float)(row * 100 + i)) return false;
    return true;
}

static void keep_rows(fl_cache_dtype dtype, bool checksums) {
    table t = make(dtype);
    t.conf.checksums = checksums;
    fl_cache *c = fl_cache_open(t.memory, &t.conf, true);
    assert_int_equal(fl_cache_count(c), 0);
    for (int64_t i = 0; i < ROWS; i += 2) fill(c, i);
    fl_cache *other = fl_cache_open(t.memory, &t.conf, false);
    assert_int_equal(fl_cache_count(other), 7);
    for (int64_t i = 0; i < ROWS; i++) {
        assert_int_equal(fl_cache_has(other, i), i % 2 == 0);
        assert_true(i % 2 || right(other, i));
    }
    fl_cache_close(c);
    fl_cache_close(other);
    fl_free_pages(t.memory, t.bytes);
}

static void rows_are_kept(void **state) {
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++)
        for (int checksums = 0; checksums < 2; checksums++)
            keep_rows((fl_cache_dtype)dtype, checksums);
    table whole = make(FL_CACHE_FLOAT32), half = make(FL_CACHE_FLOAT16);
    assert_true(half.bytes < whole.bytes);
    fl_free_pages(whole.memory, whole.bytes);
    fl_free_pages(half.memory, half.bytes);
}

/* A table on another node has the same conf: its rows are copied as they lie. */
static void rows_are_copied_whole(void **state) {
    (void)state;
    for (int dtype = 0; dtype < 2; dtype++) {
        table t[2] = {make((fl_cache_dtype)dtype), make((fl_cache_dtype)dtype)};
        fl_cache *from = open_as(&t[0], 7), *to = open_as(&t[1], 7);
        fill(from, 3);
        memcpy(fl_cache_row(to, 3), fl_cache_row(from, 3), fl_cache_row_bytes(&t[0].conf));
        assert_false(fl_cache_has(to, 3));
        fl_cache_mark(to, 3);
        assert_true(fl_cache_has(to, 3) && right(to, 3) && fl_cache_count(to) == 1);
        fl_cache_close(from);
        fl_cache_close(to);
        for (int i = 0; i < 2; i++) fl_free_pages(t[i].memory, t[i].bytes);
    }
}

static void another_conf_empties(void **state) {
    (void)state;
    table t = make(FL_CACHE_FLOAT32);
    fl_cache *c = open_as(&t, 7);
    for (int64_t i = 0; i < ROWS; i++) fill(c, i);
    fl_cache_close(c);
    const uint64_t keys[] = {7, 8, 7}; /* not even if the old key comes back */
    for (size_t i = 0; i < FL_COUNT(keys); i++) {
        c = open_as(&t, keys[i]);
        assert_int_equal(fl_cache_count(c), i == 0 ? ROWS : 0);
        fl_cache_close(c);
    }
    c = open_as(&t, 7);
    fill(c, 0);
    fl_cache_close(c);
    t.conf.dtype = FL_CACHE_FLOAT16;
    c = open_as(&t, 7);
    assert_int_equal(fl_cache_count(c), 0);
    fl_cache_close(c);
    fl_free_pages(t.memory, t.bytes);
}

/* Any byte of the file may be damaged between runs: whatever is still there is right. */
static void damage_is_never_trusted(void **state) {
    (void)state;
    table t = make(FL_CACHE_FLOAT32);
    char *whole = fl_alloc(t.bytes);
    fl_cache *c = open_as(&t, 7);
    for (int64_t i = 0; i < ROWS; i++) fill(c, i);
    fl_cache_close(c);
    memcpy(whole, t.memory, t.bytes);
    int lost = 0;
    for (size_t at = 0; at < t.bytes; at++) {
        memcpy(t.memory, whole, t.bytes);
        t.memory[at] ^= (char)(1 << at % 8);
        c = open_as(&t, 7);
        for (int64_t i = 0; i < ROWS; i++) assert_true(!fl_cache_has(c, i) || right(c, i));
        lost += fl_cache_count(c) < ROWS;
        fl_cache_close(c);
    }
    assert_true(lost > ROWS * WIDTH * 4); /* every byte of every row matters */
    fl_free(whole);
    fl_free_pages(t.memory, t.bytes);
}

/* ---- float16 ---- */

static float value_of(uint16_t half) { /* by its definition */
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double size = exponent ? ldexp(1 + fraction / 1024.0, exponent - 15) : ldexp(fraction, -24);
    if (exponent == 31) size = fraction ? NAN : INFINITY;
    return (float)(half & 0x8000 ? -size : size);
}

static void every_half_is_widened_and_narrowed(void **state) {
    (void)state;
    for (int i = 0; i < 1 << 16; i++) {
        uint16_t half = (uint16_t)i, back;
        float v = fl_from_float16(half), is = value_of(half);
        assert_true(isnan(is) ? isnan(v) : v == is && signbit(v) == signbit(is));
        back = fl_to_float16(v);
        if (isnan(is))
            assert_true((back & 0x7fff) > 0x7c00);
        else
            assert_int_equal(back, half);
    }
}

static uint16_t narrowed(double v) {
    return fl_to_float16((float)v);
}

/* Between two neighbours: below the middle the lower, above it the upper, on it the even one. */
static void halves_are_the_nearest(void **state) {
    (void)state;
    for (int i = 0; i < 0x7bff; i++) {
        double low = value_of((uint16_t)i), high = value_of((uint16_t)(i + 1));
        double middle = (low + high) / 2, step = (high - low) / 64;
        assert_int_equal(narrowed(middle - step), i);
        assert_int_equal(narrowed(middle + step), i + 1);
        assert_int_equal(narrowed(middle), i % 2 ? i + 1 : i);
        assert_int_equal(narrowed(-middle - step), (i + 1) | 0x8000);
    }
    assert_int_equal(narrowed(65519), 0x7bff);
    assert_int_equal(narrowed(1e30), 0x7bff);
    assert_int_equal(narrowed(-1e30), 0xfbff);
    assert_int_equal(narrowed(INFINITY), 0x7c00); /* a net that fails is to be seen failing */
    assert_int_equal(narrowed(-INFINITY), 0xfc00);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_kept),
        cmocka_unit_test(rows_are_copied_whole),
        cmocka_unit_test(another_conf_empties),
        cmocka_unit_test(damage_is_never_trusted),
        cmocka_unit_test(every_half_is_widened_and_narrowed),
        cmocka_unit_test(halves_are_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
