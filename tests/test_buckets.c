/* buckets: cut so that little is left to send when backward ends. */
#include "frostline/plan.h"
#include "model_fixture.h"

enum { LAYERS = 12, UNITS = 400, LEAST = 1 << 18, MB = 1 << 20 };

/* Equal dense layers of UNITS (UNITS + 1) floats: 0.64 MB each, all trainable. */
static fl_plan *open_plan(fixture *f, double bucket_mb) {
    fl_text t = {0};
    fl_text_add(&t, "model:\n  input: [%d]\n  layers:\n", UNITS);
    for (int i = 0; i < LAYERS; i++) fl_text_add(&t, "    - dense: {units: %d}\n", UNITS);
    *f = fixture_open(t.s);
    fl_free(t.s);
    for (int l = 0; l < LAYERS; l++) f->model->layer[l].trainable = true;
    fl_plan_conf conf = {.np = 1,
                         .batch_size = 1,
                         .accumulation = 1,
                         .bucket_bytes = (size_t)(bucket_mb * MB),
                         .kernels = &fl_kernels_reference};
    fl_plan *p;
    assert_int_equal(fl_plan_open(f->model, &conf, &p), FL_OK);
    return p;
}

static void each_takes_half_of_what_is_left(void **state) {
    (void)state;
    static const double mb[] = {0.1, 0.7, 1.5, 3, 25};
    for (size_t k = 0; k < FL_COUNT(mb); k++) {
        fixture f;
        fl_plan *p = open_plan(&f, mb[k]);
        size_t layer = UNITS * (UNITS + 1), asked = (size_t)(mb[k] * MB) / sizeof(float), sum = 0;
        for (int i = 0; i < p->n_buckets; i++) {
            size_t len = p->bucket[i].span.len, half = (p->n_trainable - sum) / 2;
            assert_true(len <= asked || len <= layer); /* one parameter may be longer */
            assert_true(len <= half || len <= LEAST + layer);
            sum += len;
        }
        assert_int_equal(sum, LAYERS * layer);
        assert_true(mb[k] < 25 || (p->n_buckets > 3 && p->n_buckets < LAYERS));
        fl_plan_close(p);
        fixture_close(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_takes_half_of_what_is_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
