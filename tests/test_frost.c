/* frost: rows are kept, told apart from absent ones, and never trusted when damaged. */
#include <string.h>

#include "frostline/frost.h"
#include "unit.h"

enum { ROWS = 13, WIDTH = 21 };

typedef struct table {
    char *memory;
    size_t bytes;
} table;

static table make(void) {
    table t = {.bytes = fl_cache_bytes(ROWS, WIDTH)};
    t.memory = fl_alloc_pages(t.bytes);
    return t;
}

static void fill(fl_cache *c, int64_t row) {
    for (int i = 0; i < WIDTH; i++) fl_cache_row(c, row)[i] = (float)(row * 100 + i);
    fl_cache_mark(c, row);
}

static bool right(fl_cache *c, int64_t row) {
    for (int i = 0; i < WIDTH; i++)
        if (fl_cache_row(c, row)[i] != (float)(row * 100 + i)) return false;
    return true;
}

static void rows_are_kept(void **state) {
    (void)state;
    for (int checksums = 0; checksums < 2; checksums++) {
        table t = make();
        fl_cache *c = fl_cache_open(t.memory, ROWS, WIDTH, 7, checksums, true);
        assert_int_equal(fl_cache_count(c), 0);
        for (int64_t i = 0; i < ROWS; i += 2) fill(c, i);
        fl_cache *other = fl_cache_open(t.memory, ROWS, WIDTH, 7, checksums, false);
        assert_int_equal(fl_cache_count(other), 7);
        for (int64_t i = 0; i < ROWS; i++) {
            assert_int_equal(fl_cache_has(other, i), i % 2 == 0);
            assert_true(i % 2 || right(other, i));
        }
        fl_cache_close(c);
        fl_cache_close(other);
        fl_free_pages(t.memory, t.bytes);
    }
}

static void another_key_empties(void **state) {
    (void)state;
    table t = make();
    fl_cache *c = fl_cache_open(t.memory, ROWS, WIDTH, 7, true, true);
    for (int64_t i = 0; i < ROWS; i++) fill(c, i);
    fl_cache_close(c);
    c = fl_cache_open(t.memory, ROWS, WIDTH, 7, true, true);
    assert_int_equal(fl_cache_count(c), ROWS);
    fl_cache_close(c);
    c = fl_cache_open(t.memory, ROWS, WIDTH, 8, true, true);
    assert_int_equal(fl_cache_count(c), 0);
    fl_cache_close(c);
    c = fl_cache_open(t.memory, ROWS, WIDTH, 7, true,
                      true); /* not even if the old key comes back */
    assert_int_equal(fl_cache_count(c), 0);
    fl_cache_close(c);
    fl_free_pages(t.memory, t.bytes);
}

/* Any byte of the file may be damaged between runs: whatever is still there is right. */
static void damage_is_never_trusted(void **state) {
    (void)state;
    table t = make();
    char *whole = fl_alloc(t.bytes);
    fl_cache *c = fl_cache_open(t.memory, ROWS, WIDTH, 7, true, true);
    for (int64_t i = 0; i < ROWS; i++) fill(c, i);
    fl_cache_close(c);
    memcpy(whole, t.memory, t.bytes);
    int lost = 0;
    for (size_t at = 0; at < t.bytes; at++) {
        memcpy(t.memory, whole, t.bytes);
        t.memory[at] ^= (char)(1 << at % 8);
        c = fl_cache_open(t.memory, ROWS, WIDTH, 7, true, true);
        for (int64_t i = 0; i < ROWS; i++) assert_true(!fl_cache_has(c, i) || right(c, i));
        lost += fl_cache_count(c) < ROWS;
        fl_cache_close(c);
    }
    assert_true(lost > ROWS * WIDTH * 4); /* every byte of every row matters */
    fl_free(whole);
    fl_free_pages(t.memory, t.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_kept),
        cmocka_unit_test(another_key_empties),
        cmocka_unit_test(damage_is_never_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
