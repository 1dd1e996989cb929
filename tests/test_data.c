/* data: the order of samples and its cutting into batches; every format through the loader; the set
 * that a config chooses. */
#include "data/sampler.h"
#include "data_fixture.h"

enum { ROWS = 23 };
static const int sizes[] = {1, 2, 3, 4, 5, 7};

/* ---- cutting ---- */

static void test_ranges(void **state) {
    (void)state;
    for (int64_t n = 0; n < 40; n++)
        for (int64_t parts = 1; parts < 9; parts++) {
            int64_t at = 100;
            for (int64_t i = 0; i < parts; i++) {
                fl_range r = fl_range_part((fl_range){100, 100 + n}, i, parts);
                assert_int_equal(r.lo, at);
                assert_in_range(r.hi - r.lo, n / parts, (n + parts - 1) / parts);
                at = r.hi;
            }
            assert_int_equal(at, 100 + n);
        }
}

static void test_order(void **state) {
    (void)state;
    int64_t a[ROWS], b[ROWS], seen[ROWS] = {0};
    fl_sample_order(a, ROWS, true, 3, 1);
    fl_sample_order(b, ROWS, true, 3, 1);
    assert_memory_equal(a, b, sizeof a);
    for (int i = 0; i < ROWS; i++) seen[a[i]]++;
    for (int i = 0; i < ROWS; i++) assert_int_equal(seen[i], 1);
    fl_sample_order(b, ROWS, true, 3, 2);
    assert_memory_not_equal(a, b, sizeof a);
    fl_sample_order(b, ROWS, true, 4, 1);
    assert_memory_not_equal(a, b, sizeof a);
    fl_sample_order(b, ROWS, false, 3, 1);
    for (int i = 0; i < ROWS; i++) assert_int_equal(b[i], i);
}

/* ---- the loader ---- */

typedef struct served { /* what one rank is served */
    int n, first_of[ROWS];
    fl_batch batch[ROWS];
    int64_t sample[ROWS];
} served;

static void check_row(const fl_batch *b, int i) {
    assert_int_equal(b->label[i], b->sample[i] % 3);
    assert_float_equal(b->x[2 * i], 10.0f * (float)b->sample[i], 0);
    assert_float_equal(b->x[2 * i + 1], 10.0f * (float)b->sample[i] + 1.0f, 0);
}

static void run_rank(const fl_dataset *d, fl_loader_conf conf, int64_t first_step, served *e) {
    fl_loader *l = must_load(d, conf);
    int at = 0;
    e->n = 0;
    fl_loader_start(l, 4, first_step);
    for (const fl_batch *b; (b = fl_loader_next(l)); e->n++) {
        assert_int_equal(b->status, FL_OK);
        assert_in_range(b->rows, 0, fl_loader_max_rows(l));
        for (int i = 0; i < b->rows; i++) check_row(b, i);
        memcpy(e->sample + at, b->sample, (size_t)b->rows * sizeof *b->sample);
        e->batch[e->n] = *b;
        e->first_of[e->n] = at;
        at += b->rows;
    }
    assert_null(fl_loader_next(l));
    fl_loader_close(l);
}

/* The micro-batches of all ranks, put together, are the order itself; the numbers in each batch add
 * up. */
static void check_ranks(const served *e, const fl_loader_conf *conf, const int64_t *order) {
    int64_t at = 0, steps = 0, in_step = 0;
    for (int k = 0; k < e[0].n; k++) {
        int64_t in_micro = 0, least = ROWS, most = 0;
        const fl_batch *b0 = &e[0].batch[k];
        for (int r = 0; r < conf->size; r++) {
            const fl_batch *b = &e[r].batch[k];
            assert_int_equal(b->first, in_micro);
            assert_int_equal(b->step, steps);
            assert_int_equal(b->global_rows, b0->global_rows);
            assert_int_equal(b->step_rows, b0->step_rows);
            assert_int_equal(b->last, b0->last);
            for (int i = 0; i < b->rows; i++)
                assert_int_equal(e[r].sample[e[r].first_of[k] + i], order[at++]);
            in_micro += b->rows;
            least = b->rows < least ? b->rows : least;
            most = b->rows > most ? b->rows : most;
        }
        assert_true(most - least <= 1);
        assert_true(in_micro > 0);
        assert_int_equal(in_micro, b0->global_rows);
        in_step += in_micro;
        if (!b0->last) continue;
        assert_int_equal(in_step, b0->step_rows);
        assert_int_equal(in_step, steps < ROWS / conf->batch_size ? conf->batch_size
                                                                  : ROWS % conf->batch_size);
        in_step = 0;
        steps++;
    }
    assert_int_equal(at, ROWS);
    assert_int_equal(steps, (ROWS + conf->batch_size - 1) / conf->batch_size);
}

static void check_world(const fl_dataset *d, int size, int64_t batch, int64_t accumulation) {
    static served e[7];
    int64_t order[ROWS];
    fl_loader_conf conf = {0, size, batch, accumulation, true, 9, 0};
    fl_sample_order(order, ROWS, true, 9, 4);
    for (conf.rank = 0; conf.rank < size; conf.rank++) {
        conf.prefetch = (conf.rank + (int)accumulation) % 3;
        run_rank(d, conf, 0, &e[conf.rank]);
        assert_int_equal(e[conf.rank].n, e[0].n);
    }
    check_ranks(e, &conf, order);
}

static void test_every_sample_once(void **state) {
    (void)state;
    static const int64_t batches[] = {1, 2, 5, 8, 23, 40}, accumulations[] = {1, 2, 3, 10};
    char *yaml = fl_format("format: arrays, train: %s", write_arrays("a.safetensors", ROWS));
    opened o = must_open(yaml, fl_shape1(2));
    for (size_t s = 0; s < FL_COUNT(sizes); s++)
        for (size_t b = 0; b < FL_COUNT(batches); b++)
            for (size_t a = 0; a < FL_COUNT(accumulations); a++)
                check_world(o.data->train, sizes[s], batches[b], accumulations[a]);
    close_set(&o);
    fl_free(yaml);
}

static void test_resume(void **state) {
    (void)state;
    static served whole, tail;
    char *yaml = fl_format("format: arrays, train: %s", write_arrays("a.safetensors", ROWS));
    opened o = must_open(yaml, fl_shape1(2));
    fl_loader_conf conf = {1, 2, 4, 2, true, 9, 2};
    run_rank(o.data->train, conf, 0, &whole);
    for (int step = 0; step <= 6; step++) {
        run_rank(o.data->train, conf, step, &tail);
        int before = whole.n - tail.n, skipped = before < whole.n ? whole.first_of[before] : 0;
        assert_int_equal(before, step < 6 ? 2 * step : whole.n);
        for (int k = 0; k < tail.n; k++) {
            assert_int_equal(tail.batch[k].step, whole.batch[before + k].step);
            assert_int_equal(tail.first_of[k], whole.first_of[before + k] - skipped);
            assert_memory_equal(tail.sample + tail.first_of[k],
                                whole.sample + whole.first_of[before + k],
                                (size_t)tail.batch[k].rows * sizeof(int64_t));
        }
    }
    close_set(&o);
    fl_free(yaml);
}

/* Evaluation: in order, whatever the config says about shuffling. */
static void test_evaluation_in_order(void **state) {
    (void)state;
    static served e;
    char *yaml = fl_format("format: arrays, train: %s", write_arrays("a.safetensors", ROWS));
    opened o = must_open(yaml, fl_shape1(2));
    run_rank(o.data->train, (fl_loader_conf){.batch_size = 7, .prefetch = 1}, 0, &e);
    for (int i = 0; i < ROWS; i++) assert_int_equal(e.sample[i], i);
    close_set(&o);
    fl_free(yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_every_sample_once),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_evaluation_in_order),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
