/* Rounding: every algorithm of every instruction set of this machine, and whole nets, against the
 * same in double. The bounds are what README promises. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exact.h"
#include "unit.h"

/* ---- convolutions ---- */

typedef struct tally {
    const char *kernels;
    int seen[FL_PASSES];
} tally;

/* Of float32; winograd7 gathers most. */
static double bound(const char *algorithm) {
    if (strcmp(algorithm, "winograd7") == 0) return 8e-6;
    if (strcmp(algorithm, "winograd4_bf16") == 0) return 2e-2;
    if (strcmp(algorithm, "implicit_bf16") == 0) return 4e-3;
    return 2e-6;
}

static void check_conv(void *context, fl_pass pass, const char *algorithm, fl_error e) {
    tally *t = context;
    t->seen[pass]++;
    if (!(e.rms <= bound(algorithm) && e.max <= 25 * bound(algorithm)))
        fail_msg("%s %s, pass %d: rms %g, max %g", t->kernels, algorithm, pass, e.rms, e.max);
}

static void convolutions_are_near_double(void **state) {
    (void)state;
    const fl_conv cases[] = {
        {13, 14, 64, 13, 14, 40, 3, 3, 1, 1, 1, 1}, /* many channels, no whole tiles */
        {16, 16, 3, 16, 16, 32, 3, 3, 1, 1, 1, 1},  /* as a first layer */
        {14, 14, 48, 7, 7, 32, 3, 3, 2, 2, 0, 0},   /* strides */
        {9, 9, 128, 9, 9, 33, 1, 1, 1, 1, 0, 0},    /* a product */
        {12, 12, 16, 12, 12, 16, 5, 5, 1, 1, 2, 2},
    };
    for (const fl_kernels *const *k = fl_kernels_all(); *k; k++)
        for (size_t i = 0; i < FL_COUNT(cases); i++) {
            tally t = {.kernels = (*k)->name};
            fl_error_conv(*k, &cases[i], 2, check_conv, &t);
            for (fl_pass p = 0; p < FL_PASSES; p++) assert_true(t.seen[p] >= ((*k)->isa ? 2 : 1));
        }
}

/* ---- nets ---- */

static fl_comm *comm;

static fl_error error_of(const char *base, int size, const char *precision) {
    fl_config *config;
    fl_experiment *x;
    fl_error e = {NAN, NAN};
    char *text =
        fl_format("model: {base: %s, include_top: false, input: [%d, %d, 3], layers: [flatten]}\n"
                  "data: {format: synthetic, train: {rows: 2, classes: 2}}\n"
                  "kernels: {static_precision: %s}\ntrain: {loss: mse, batch_size: 1}\n",
                  base, size, size, precision);
    if (fl_config_parse(base, text, 0, NULL, &config) != FL_OK ||
        fl_experiment_open(config, &x) != FL_OK || fl_error_net(comm, x, 1, &e) != FL_OK)
        fail_msg("%s: %s", base, fl_message());
    print_message("%s %s %s: rms %.2g, max %.2g\n", getenv("FROSTLINE_ISA"), base, precision, e.rms,
                  e.max);
    fl_experiment_close(x);
    fl_config_close(config);
    fl_free(text);
    return e;
}

static const struct {
    const char *base;
    int size;
    double rms; /* what 13, 10, 14 and 19 layers in a row may gather */
} nets[] = {{"vgg16", 32, 1e-5},
            {"squeezenet1_0", 48, 1e-5},
            {"mobilenet_v1", 32, 1e-5},
            {"resnet20_cifar", 16, 1e-5}};

/* The reference has but one rounding a layer, so it need not be tried on all. */
static void nets_are_near_double(void **state) {
    (void)state;
    for (const fl_kernels *const *k = fl_kernels_all() + 1; *k; k++) {
        setenv("FROSTLINE_ISA", (*k)->name, 1);
        for (size_t i = 0; i < FL_COUNT(nets); i++) {
            fl_error e = error_of(nets[i].base, nets[i].size, "float32");
            assert_true(e.rms <= nets[i].rms && e.max <= 10 * nets[i].rms);
            assert_true(e.rms > 1e-9); /* it is not compared with itself */
        }
    }
    setenv("FROSTLINE_ISA", "reference", 1);
    assert_true(error_of("resnet20_cifar", 16, "float32").rms <= 1e-6);
    unsetenv("FROSTLINE_ISA");
}

static void nets_in_bf16_are_near_enough(void **state) {
    const fl_kernels *k;
    (void)state;
    assert_int_equal(fl_kernels_select(&k), FL_OK);
    if (!*fl_conv_bf16(k)) skip();
    setenv("FROSTLINE_ISA", k->name, 1);
    for (size_t i = 0; i < FL_COUNT(nets); i++) {
        fl_error e = error_of(nets[i].base, nets[i].size, "bf16");
        assert_true(e.rms <= 4e-2 && e.rms > 1e-4); /* and bf16 it was */
    }
    unsetenv("FROSTLINE_ISA");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_are_near_double),
        cmocka_unit_test(nets_are_near_double),
        cmocka_unit_test(nets_in_bf16_are_near_enough),
    };
    if (fl_comm_open(&comm) != FL_OK) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fl_comm_close(comm);
    return failed;
}
