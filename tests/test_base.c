/* base: names, files, text, random numbers, the trace. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frostline/arena.h"
#include "frostline/base.h"
#include "frostline/rng.h"
#include "frostline/tensor.h"
#include "frostline/trace.h"
#include "unit.h"

static void nearest_names(void **state) {
    (void)state;
    const char *keys[] = {"layers", "until", "train_last_n", "schedule"};
    assert_string_equal(fl_nearest("freez_until", keys, 4), "until");
    assert_string_equal(fl_nearest("layrs", keys, 4), "layers");
    assert_string_equal(fl_nearest("untli", keys, 4), "until");
    assert_string_equal(fl_nearest("shedule", keys, 4), "schedule");
    assert_null(fl_nearest("momentum", keys, 4));
    assert_null(fl_nearest("x", keys, 0));
}

static void globs(void **state) {
    (void)state;
    assert_true(fl_glob("block[1-4]_*", "block3_conv1"));
    assert_false(fl_glob("block[1-4]_*", "block5_conv1"));
    assert_false(fl_glob("fc", "fc1"));
}

static void messages(void **state) {
    (void)state;
    assert_int_equal(fl_fail(FL_ERR_INPUT, "no %s", "weights"), FL_ERR_INPUT);
    assert_string_equal(fl_message(), "error: no weights");
    fl_fail_text(FL_ERR_CONFIG, "as it is");
    assert_string_equal(fl_message(), "as it is");
}

static void files(void **state) {
    (void)state;
    char dir[] = "/tmp/frostline-base-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *deep = fl_path_join(dir, "a/b/c"), *file = fl_path_join(deep, "f"), *data;
    size_t len;
    assert_int_equal(fl_make_dirs(deep), FL_OK);
    assert_int_equal(fl_file_replace(file, "one\0two", 7), FL_OK);
    assert_int_equal(fl_file_read(file, &data, &len), FL_OK);
    assert_int_equal(len, 7);
    assert_memory_equal(data, "one\0two", 8);
    assert_int_equal(fl_make_dirs(file), FL_ERR_IO); /* a file stands there */
    assert_non_null(strstr(fl_message(), file));
    assert_int_equal(fl_remove_tree(dir), FL_OK);
    assert_false(fl_exists(dir));
    fl_free(data);
    assert_int_equal(fl_file_read(file, &data, &len), FL_ERR_INPUT);
    fl_free(deep);
    fl_free(file);
}

static void full_disk(void **state) {
    (void)state;
    if (!fl_exists("/dev/full")) skip();
    char big[100] = {0};
    assert_int_equal(fl_file_write("/dev/full", big, sizeof big), FL_ERR_IO);
}

static void philox_known_answer(void **state) {
    (void)state; /* differs if any round, constant or the order of words changes: streams are stable
                    for ever */
    fl_rng r = {42, FL_STREAM_SHUFFLE, 3, 7};
    uint64_t first = fl_rng_bits(&r, 0);
    assert_int_equal(first, fl_rng_bits(&r, 0));
    fl_rng other[4] = {r, r, r, r};
    other[0].seed++, other[1].stream++, other[2].epoch++, other[3].sample++;
    for (int i = 0; i < 4; i++) assert_int_not_equal(first, fl_rng_bits(&other[i], 0));
}

static void many_are_as_one_by_one(void **state) {
    (void)state;
    fl_rng r = {42, FL_STREAM_INIT, 3, 7};
    double u[100];
    fl_rng_uniforms(&r, 5, (uint64_t)1 << 31, FL_COUNT(u), u);
    for (size_t i = 0; i < FL_COUNT(u); i++) assert_true(u[i] == fl_rng_uniform(&r, 5 + (i << 31)));
}

static void moments(void **state) {
    (void)state;
    fl_rng r = {1, FL_STREAM_INIT, 0, 0};
    double u = 0, n1 = 0, n2 = 0, n4 = 0, bits = 0;
    const int count = 200000;
    for (int i = 0; i < count; i++) {
        double x = fl_rng_normal(&r, (uint64_t)i);
        u += fl_rng_uniform(&r, (uint64_t)i), n1 += x, n2 += x * x, n4 += x * x * x * x;
        bits += __builtin_popcountll(fl_rng_bits(&r, (uint64_t)i));
    }
    assert_true(fabs(u / count - 0.5) < 0.003);
    assert_true(fabs(n1 / count) < 0.01 && fabs(n2 / count - 1) < 0.02 &&
                fabs(n4 / count - 3) < 0.15);
    assert_true(fabs(bits / count - 32) < 0.05);
}

static void permutations(void **state) {
    (void)state;
    enum { N = 24, RUNS = 4800 };
    int64_t order[N];
    int first_at[N] = {0};
    for (uint32_t epoch = 0; epoch < RUNS; epoch++) {
        bool seen[N] = {false};
        fl_rng_permute(&(fl_rng){5, FL_STREAM_SHUFFLE, epoch, 0}, order, N);
        for (int i = 0; i < N; i++) {
            assert_false(seen[order[i]]);
            seen[order[i]] = true;
            if (order[i] == 0) first_at[i]++;
        }
    }
    for (int i = 0; i < N; i++) /* 200 expected, deviation 14 */
        assert_in_range(first_at[i], 130, 270);
}

static void utf8(void **state) {
    (void)state;
    const char *const pairs[][2] = {
        {"plain", "plain"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb7", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\xb7"},
        {"caf\xe9.png", "caf?.png"},
        {"\xc0\xaf", "??"},
        {"\xed\xa0\x80", "???"},
        {"\xe2\x82", "??"},
        {"\x80x", "?x"},
        {"\xf4\x90\x80\x80", "????"},
    };
    for (size_t i = 0; i < FL_COUNT(pairs); i++) {
        char *clean = fl_utf8_repair(pairs[i][0]);
        assert_string_equal(clean, pairs[i][1]);
        fl_free(clean);
    }
}

static void arenas(void **state) {
    (void)state;
    fl_arena a = {0};
    assert_null(fl_arena_take(&a, 1));
    fl_arena_take(&a, 65);
    assert_int_equal(a.used, 192);
}

static void shapes(void **state) {
    (void)state;
    char buf[64];
    assert_string_equal(fl_shape_text(fl_shape3(224, 224, 3), buf), "(224, 224, 3)");
    assert_int_equal(fl_shape_size(fl_shape3(4, 5, 6)), 120);
    assert_false(fl_shape_equal(fl_shape1(3), fl_shape3(1, 1, 3)));
}

/* What is recorded within a step is there, the last FL_TRACE_EVENTS of it, and nothing else. */
static void traces(void **state) {
    (void)state;
    const int more = 3;
    uint64_t lost, one_s = (uint64_t)(1 / fl_tick());
    fl_trace_event *e = fl_alloc(FL_TRACE_EVENTS * sizeof *e);
    fl_trace_step(1);
    fl_trace_end(FL_TRACE_DATA, -1, fl_trace_begin()); /* not open: nowhere */
    fl_trace_open();
    fl_trace_start();
    fl_trace_end(FL_TRACE_DATA, -1, fl_trace_begin()); /* not in a step */
    assert_int_equal(fl_trace_take(e, &lost), 0);
    fl_trace_step(7);
    uint64_t now = fl_ticks();
    for (int i = 0; i < FL_TRACE_EVENTS + more; i++)
        fl_trace_add(FL_TRACE_BUCKET, i, 40, now, now + one_s);
    assert_int_equal(fl_trace_take(e, &lost), FL_TRACE_EVENTS);
    assert_int_equal(lost, more);
    for (int i = 0; i < FL_TRACE_EVENTS; i++) assert_int_equal(e[i].index, i + more);
    assert_int_equal(e[0].step, 7);
    assert_int_equal(e[0].bytes, 40);
    assert_true(fabs((double)(e[0].end - e[0].begin) - 1e9) < 1e6);
    assert_int_equal(fl_trace_take(e, &lost), 0);
    fl_trace_close();
    fl_free(e);
}

static void quantiles(void **state) {
    (void)state;
    const double v[] = {3, -1, 7, -1, 5, -1, 1, -1}; /* every second one: 1 3 5 7 */
    size_t stride = 2 * sizeof *v;
    assert_true(fl_quantile(4, v, stride, 0) == 1);
    assert_true(fl_quantile(4, v, stride, 0.5) == 4);
    assert_true(fl_quantile(4, v, stride, 1) == 7);
    assert_true(fabs(fl_quantile(4, v, stride, 0.1) - 1.6) < 1e-12);
    assert_true(fl_quantile(3, v, stride, 0.5) == 5); /* of 3 5 7 */
    assert_true(fl_quantile(1, v, stride, 0.9) == 3);
    assert_true(isnan(fl_quantile(0, NULL, stride, 0.5)));
    assert_true(v[0] == 3 && v[6] == 1); /* left as they are */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_names),
        cmocka_unit_test(globs),
        cmocka_unit_test(messages),
        cmocka_unit_test(files),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(philox_known_answer),
        cmocka_unit_test(moments),
        cmocka_unit_test(permutations),
        cmocka_unit_test(many_are_as_one_by_one),
        cmocka_unit_test(arenas),
        cmocka_unit_test(shapes),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(utf8),
        cmocka_unit_test(traces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
