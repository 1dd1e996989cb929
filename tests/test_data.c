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
    fl_loader_conf conf = {0, size, batch, accumulation, true, 9, 0, 1};
    fl_sample_order(order, ROWS, true, 9, 4);
    for (conf.rank = 0; conf.rank < size; conf.rank++) {
        conf.prefetch = (conf.rank + (int)accumulation) % 3;
        run_rank(d, conf, 0, &e[conf.rank]);
        assert_int_equal(e[conf.rank].n, e[0].n);
    }
    check_ranks(e, &conf, order);
}

/* A loader with several parts brings what as many loaders with one would, one part after the other
 * in each step. */
static void check_parts(const fl_dataset *d, int64_t batch, int64_t accumulation) {
    static served one[4], all;
    const fl_loader_conf conf = {.size = 4, .batch_size = batch, .accumulation = accumulation};
    for (int r = 0; r < 4; r++) {
        fl_loader_conf c = conf;
        c.rank = r;
        run_rank(d, c, 1, &one[r]);
    }
    fl_loader_conf several = conf;
    several.rank = 1;
    several.parts = 3;
    run_rank(d, several, 1, &all);
    assert_int_equal(all.n, 3 * one[0].n);
    int at[4] = {0};
    for (int k = 0; k < all.n; k++) {
        const fl_batch *b = &all.batch[k];
        int r = 1 + b->nth, j = at[r]++;
        assert_in_range(b->nth, 0, 2);
        assert_int_equal(b->step, one[r].batch[j].step);
        assert_int_equal(b->first, one[r].batch[j].first);
        assert_int_equal(b->rows, one[r].batch[j].rows);
        assert_int_equal(b->last, one[r].batch[j].last);
        assert_memory_equal(all.sample + all.first_of[k], one[r].sample + one[r].first_of[j],
                            (size_t)b->rows * sizeof(int64_t));
        bool goes_on = k > 0 && all.batch[k - 1].step == b->step;
        int before = goes_on ? all.batch[k - 1].nth + all.batch[k - 1].last : 0;
        assert_int_equal(b->nth, before);
    }
}

static void test_parts(void **state) {
    (void)state;
    char *yaml = fl_format("format: arrays, train: %s", write_arrays("a.safetensors", ROWS));
    opened o = must_open(yaml, fl_shape1(2));
    for (int64_t accumulation = 1; accumulation <= 3; accumulation++) {
        check_parts(o.data->train, 8, accumulation);
        check_parts(o.data->train, 10, accumulation);
    }
    close_set(&o);
    fl_free(yaml);
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
    fl_loader_conf conf = {1, 2, 4, 2, true, 9, 2, 1};
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

/* ---- a validation set opened alone ---- */

static void check_same(const fl_dataset *a, const fl_dataset *b, fl_shape input) {
    size_t n = fl_shape_size(input) * (size_t)fl_dataset_rows(a);
    assert_int_equal(fl_dataset_rows(a), fl_dataset_rows(b));
    assert_int_equal(fl_dataset_classes(a), fl_dataset_classes(b));
    assert_int_equal(fl_dataset_hash(a), fl_dataset_hash(b));
    assert_int_equal(fl_dataset_stamp(a), fl_dataset_stamp(b));
    for (int64_t i = 0; i < fl_dataset_rows(a); i++)
        assert_int_equal(fl_dataset_label(a, i), fl_dataset_label(b, i));
    float *x = all_rows(a, input), *y = all_rows(b, input);
    assert_memory_equal(x, y, n * sizeof *x);
    fl_free(x);
    fl_free(y);
}

/* Frees yaml. */
static void check_alone(char *yaml, fl_shape input) {
    opened both = must_open(yaml, input), alone = open_set(yaml, input, FL_DATA_VALIDATION);
    if (alone.status != FL_OK) fail_msg("%s\n%s", yaml, fl_message());
    assert_null(alone.data->train);
    check_same(both.data->validation, alone.data->validation, input);
    close_set(&both);
    close_set(&alone);
    fl_free(yaml);
}

static void test_synthetic_alone(void **state) {
    (void)state;
    const fl_shape image = fl_shape3(4, 4, 2);
    check_alone(
        fl_strdup("format: synthetic, train: {rows: 12, classes: 4}, validation: {rows: 9}"),
        image);
    check_alone(fl_strdup("format: synthetic, train: {rows: 12}, validation: {split: 0.5}"), image);
    /* nor does it need a training set in the config, and its noise is not that of training */
    opened o = must_open("format: synthetic, train: {rows: 9, classes: 3}, "
                         "validation: {rows: 9, classes: 3}",
                         image),
           only = must_open("format: synthetic, validation: {rows: 9, classes: 3}", image);
    check_same(o.data->validation, only.data->validation, image);
    float *x = all_rows(o.data->train, image), *v = all_rows(o.data->validation, image);
    for (int i = 0; i < 9; i++) assert_memory_not_equal(x + 32 * i, v + 32 * i, 32 * sizeof *x);
    fl_free(x);
    fl_free(v);
    close_set(&o);
    close_set(&only);
}

static void test_files_alone(void **state) {
    (void)state;
    static const char table[] = "a,y\n1,0\n2,1\n3,0\n", other[] = "a,y\n4,1\n5,0\n";
    char *train = fl_strdup(write_folder("alone-t", "abc", 2)); /* its path is soon reused */
    check_alone(fl_format("format: image_folder, train: %s, validation: %s", train,
                          write_folder("alone-v", "bc", 1)),
                fl_shape3(6, 8, 3));
    fl_free(train);
    check_alone(fl_format("format: idx, train: {images: %s, labels: %s}, "
                          "validation: {images: %s, labels: %s}",
                          write_idx_images("ti", 9, 3, 2), write_idx_labels("tl", 9, 3),
                          write_idx_images("vi", 6, 3, 2), write_idx_labels("vl", 6, 3)),
                fl_shape3(3, 2, 1));
    check_alone(fl_format("format: cifar10, train: [%s], validation: %s", write_cifar("tc", 3),
                          write_cifar("vc", 2)),
                fl_shape3(32, 32, 3));
    check_alone(fl_format("format: arrays, train: %s, validation: %s",
                          write_arrays("t.safetensors", 7), write_arrays("v.safetensors", 5)),
                fl_shape1(2));
    check_alone(fl_format("format: csv, train: {file: %s, label: y}, "
                          "validation: {file: %s, label: y}",
                          scratch_file("t.csv", table, sizeof table - 1),
                          scratch_file("v.csv", other, sizeof other - 1)),
                fl_shape1(1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_every_sample_once),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_evaluation_in_order),
        cmocka_unit_test(test_synthetic_alone),
        cmocka_unit_test(test_files_alone),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
