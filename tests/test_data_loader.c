/* data: the loader: reading ahead changes nothing, stopping in the middle, rows that cannot be
 * read. */
#include "data_fixture.h"

enum { ROWS = 23 };

static void same_epoch(fl_loader *a, fl_loader *b, size_t input) { /* from where both stand */
    const fl_batch *x, *y;
    while ((x = fl_loader_next(a)) && (y = fl_loader_next(b))) {
        assert_int_equal(x->rows, y->rows);
        assert_memory_equal(x->sample, y->sample, (size_t)x->rows * sizeof *x->sample);
        assert_memory_equal(x->label, y->label, (size_t)x->rows * sizeof *x->label);
        assert_memory_equal(x->x, y->x, (size_t)x->rows * input * sizeof *x->x);
    }
    assert_null(x);
    assert_null(fl_loader_next(b));
}

static void same_batches(fl_loader *a, fl_loader *b, size_t input) {
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        fl_loader_start(a, epoch, 0);
        fl_loader_start(b, epoch, 0);
        same_epoch(a, b, input);
    }
}

static const char busy_folder[] =
    "format: image_folder, train: %s, augment: {horizontal_flip: true, random_crop: "
    "{padding: 2}, random_resized_crop: {}}";

static void test_prefetch_changes_nothing(void **state) {
    (void)state;
    char *yaml = fl_format(busy_folder, write_folder("busy", "ab", 9));
    opened o = must_open(yaml, fl_shape3(12, 12, 3));
    fl_loader_conf conf = {.batch_size = 4, .accumulation = 2, .training = true, .seed = 2};
    fl_loader *plain = must_load(o.data->train, conf);
    for (conf.prefetch = 1; conf.prefetch < 6; conf.prefetch += 2) {
        fl_loader *ahead = must_load(o.data->train, conf);
        same_batches(plain, ahead, 12 * 12 * 3);
        fl_loader_close(ahead);
    }
    fl_loader_close(plain);
    close_set(&o);
    fl_free(yaml);
}

static void test_close_while_busy(void **state) {
    (void)state;
    char *yaml = fl_format(busy_folder, write_folder("busy", "ab", 9));
    opened o = must_open(yaml, fl_shape3(40, 40, 3));
    fl_loader_conf conf = {.batch_size = 3, .training = true};
    for (int i = 0; i < 40; i++) {
        conf.prefetch = 1 + i % 4;
        fl_loader *l = must_load(o.data->train, conf);
        if (i % 5) fl_loader_start(l, i, 0);
        for (int k = 0; k < i % 4; k++) fl_loader_next(l);
        fl_loader_close(l);
    }
    close_set(&o);
    fl_free(yaml);
}

/* A start in the middle of another epoch: nothing of that one comes through. */
static void test_restart_while_busy(void **state) {
    (void)state;
    char *yaml = fl_format(busy_folder, write_folder("busy", "ab", 9));
    opened o = must_open(yaml, fl_shape3(40, 40, 3));
    fl_loader_conf conf = {.batch_size = 3, .training = true};
    fl_loader *plain = must_load(o.data->train, conf);
    conf.prefetch = 3;
    fl_loader *ahead = must_load(o.data->train, conf);
    for (int64_t epoch = 0; epoch < 60; epoch++) {
        fl_loader_start(ahead, epoch + 1, 0);
        for (int64_t k = 0; k < epoch % 4; k++) fl_loader_next(ahead);
        fl_loader_start(ahead, epoch, epoch % 5);
        fl_loader_start(plain, epoch, epoch % 5);
        same_epoch(plain, ahead, 40 * 40 * 3);
    }
    fl_loader_close(plain);
    fl_loader_close(ahead);
    close_set(&o);
    fl_free(yaml);
}

/* What the caller holds stays as it is while the thread fills the others. */
static void test_batch_held(void **state) {
    (void)state;
    char *yaml = fl_format("format: arrays, train: %s", write_arrays("a.safetensors", ROWS));
    opened o = must_open(yaml, fl_shape1(2));
    fl_loader *l = must_load(o.data->train, (fl_loader_conf){.batch_size = 2, .prefetch = 1});
    fl_loader_start(l, 0, 0);
    for (const fl_batch *b; (b = fl_loader_next(l));) {
        float kept[4];
        memcpy(kept, b->x, (size_t)b->rows * 2 * sizeof *kept);
        for (volatile int spin = 0; spin < 100000; spin++) {}
        assert_memory_equal(kept, b->x, (size_t)b->rows * 2 * sizeof *kept);
    }
    fl_loader_close(l);
    close_set(&o);
    fl_free(yaml);
}

static void test_skip_inputs(void **state) {
    (void)state;
    char *root = write_folder("unread", "ab", 2);
    char *yaml = fl_format("format: image_folder, train: %s", root);
    opened o = must_open(yaml, fl_shape3(6, 8, 3));
    scratch_file("unread/a/0.png", "no image", 8);
    fl_loader *l = must_load(o.data->train, (fl_loader_conf){.batch_size = 4, .prefetch = 1});
    for (int skip = 0; skip < 2; skip++) {
        fl_loader_skip_inputs(l, skip);
        fl_loader_start(l, 0, 0);
        const fl_batch *b = fl_loader_next(l);
        assert_int_equal(b->status, skip ? FL_OK : FL_ERR_INPUT);
        assert_int_equal(b->rows, skip ? 4 : 0);
        assert_int_equal(b->x == NULL, skip);
        if (skip) assert_int_equal(b->label[3], 1);
    }
    fl_loader_close(l);
    close_set(&o);
    fl_free(yaml);
}

enum { IMAGES = 18, VARIANTS = 3, PIXELS = 12 * 12 * 3 };

typedef struct variants { /* what epochs have brought */
    uint64_t hash[IMAGES * VARIANTS];
    int seen[IMAGES * VARIANTS];
    int64_t of_epoch[IMAGES]; /* the input of each sample in the epoch before, this one's now */
    int unchanged;            /* samples whose input was that of the epoch before */
} variants;

static void look(variants *v, const fl_batch *b) {
    for (int i = 0; i < b->rows; i++) {
        int64_t input = b->input[i], sample = b->sample[i];
        uint64_t hash = fl_hash(b->x + (size_t)i * PIXELS, PIXELS * sizeof(float), 0);
        assert_int_equal(input / VARIANTS, sample);
        if (v->seen[input]++) assert_true(v->hash[input] == hash);
        v->hash[input] = hash;
        v->unchanged += v->of_epoch[sample] == input;
        v->of_epoch[sample] = input;
    }
}

static void look_at_epoch(variants *v, const fl_dataset *d, int64_t epoch, int ranks) {
    fl_loader_conf conf = {.size = ranks, .batch_size = 5, .training = true, .seed = 8};
    for (; conf.rank < ranks; conf.rank++) {
        fl_loader *l = must_load(d, conf);
        fl_loader_start(l, epoch, 0);
        for (const fl_batch *b; (b = fl_loader_next(l));) look(v, b);
        fl_loader_close(l);
    }
}

/* Each round of epochs brings each variant of each sample once, with the same pixels every time and
 * on any rank, and never in step with the other samples. */
static void test_variants(void **state) {
    (void)state;
    char *folder = fl_format(busy_folder, write_folder("variants", "ab", IMAGES / 2));
    char *yaml = fl_format("%s, cache_variants: 3", folder);
    opened o = must_open(yaml, fl_shape3(12, 12, 3)),
           other = must_open(folder, fl_shape3(12, 12, 3));
    assert_int_equal(fl_dataset_inputs(o.data->train, true), IMAGES * VARIANTS);
    assert_int_equal(fl_dataset_inputs(o.data->train, false), IMAGES);
    assert_int_equal(fl_dataset_inputs(other.data->train, true), 0);
    variants v = {0};
    for (int epoch = 1; epoch <= 4 * VARIANTS; epoch++) {
        look_at_epoch(&v, o.data->train, epoch, 1 + epoch % 3);
        for (int i = 0; i < IMAGES * VARIANTS && epoch % VARIANTS == 0; i++)
            assert_int_equal(v.seen[i], epoch / VARIANTS);
    }
    assert_in_range(v.unchanged, 1, 3 * IMAGES - 1);
    for (int i = 0; i < IMAGES * VARIANTS; i++)
        for (int k = 0; k < i; k++) assert_true(v.hash[i] != v.hash[k]);
    close_set(&o);
    close_set(&other);
    fl_free(folder);
    fl_free(yaml);
}

static void test_bad_image(void **state) {
    (void)state;
    char *yaml = fl_format("format: image_folder, train: %s, on_bad_image: skip",
                           write_folder("bad", "ab", 3));
    opened o = must_open(yaml, fl_shape3(6, 8, 3));
    fl_dataset *d = o.data->train;
    uint8_t bad[6];
    scratch_file("bad/b/1.PNG", "no image", 8);
    fl_loader *l = must_load(d, (fl_loader_conf){.batch_size = 3, .prefetch = 2});
    fl_loader_start(l, 0, 0);
    assert_int_equal(fl_loader_next(l)->status, FL_OK);
    const fl_batch *b = fl_loader_next(l);
    assert_int_equal(b->status, FL_ERR_INPUT);
    assert_int_equal(b->rows, 0);
    assert_non_null(strstr(b->message, "bad/b/1.PNG"));
    fl_loader_close(l);
    uint64_t before = fl_dataset_hash(d);
    assert_int_equal(fl_dataset_check(d, 0, 4, bad), 0);
    assert_int_equal(fl_dataset_check(d, 4, 6, bad + 4), 1);
    assert_int_equal(bad[4], 1);
    fl_dataset_drop(d, bad);
    assert_int_equal(fl_dataset_rows(d), 5);
    assert_int_not_equal(fl_dataset_hash(d), before);
    fl_free(all_rows(d, fl_shape3(6, 8, 3)));
    memset(bad, 1, sizeof bad);
    fl_dataset_drop(d, bad);
    assert_int_equal(fl_loader_open(d, &(fl_loader_conf){0, 1, 1, 1, false, 0, 0, 1}, &l),
                     FL_ERR_INPUT);
    close_set(&o);
    fl_free(yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefetch_changes_nothing),
        cmocka_unit_test(test_close_while_busy),
        cmocka_unit_test(test_restart_while_busy),
        cmocka_unit_test(test_batch_held),
        cmocka_unit_test(test_skip_inputs),
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_bad_image),
    };
    return cmocka_run_group_tests(tests, scratch_open, scratch_close);
}
