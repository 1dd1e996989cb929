/* params: layouts, first values, and the names of the bases' tensors. */
#include "sheet_fixture.h"

static int filled_from(const char *yaml, sheet *s) {
    fixture f = fixture_open(yaml);
    int filled = -1;
    sheet_write(s);
    if (fl_model_load(f.model, path, true, NULL, &filled) != FL_OK) fail_msg("%s", fl_message());
    assert_int_equal(filled, f.model->n_params);
    fixture_close(&f);
    return filled;
}

/* ---- the bases' tensors, written down anew ---- */

static void weight_bias(sheet *s, const char *name, int co, int ci, int k) {
    add(s, D(co, ci, k, k), "%s.weight", name);
    add(s, D(co), "%s.bias", name);
}

static void vgg16_names(void **state) {
    (void)state;
    static const int at[] = {0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28};
    static const char *const keras[] = {"1_conv1", "1_conv2", "2_conv1", "2_conv2", "3_conv1",
                                        "3_conv2", "3_conv3", "4_conv1", "4_conv2", "4_conv3",
                                        "5_conv1", "5_conv2", "5_conv3"};
    static const int c[] = {3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512};
    for (int torchvision = 0; torchvision < 2; torchvision++) {
        sheet s = sheet_open(FL_F16, 512 * 512 * 9);
        for (int i = 0; i < 13; i++) {
            char name[32];
            if (torchvision)
                snprintf(name, sizeof name, "features.%d", at[i]);
            else
                snprintf(name, sizeof name, "block%s", keras[i]);
            weight_bias(&s, name, c[i + 1], c[i], 3);
        }
        /* the top is not used: its shapes do not matter */
        for (int i = 0; i < 9; i += 3) add(&s, D(7), "classifier.%d.weight", i);
        if (!torchvision) s.n -= 3;
        if (!torchvision) add(&s, D(7), "predictions.bias");
        assert_int_equal(filled_from("model: {base: vgg16, include_top: false}", &s), 26);
    }
}

static void squeezenet_names(void **state) {
    (void)state;
    static const int at[] = {3, 4, 5, 7, 8, 9, 10, 12},
                     in[] = {96, 128, 128, 256, 256, 384, 384, 512},
                     sq[] = {16, 16, 32, 32, 48, 48, 64, 64};
    sheet s = sheet_open(FL_F32, 1 << 20);
    weight_bias(&s, "features.0", 96, 3, 7);
    for (int i = 0; i < 8; i++) {
        char name[3][32];
        snprintf(name[0], 32, "features.%d.squeeze", at[i]);
        snprintf(name[1], 32, "features.%d.expand1x1", at[i]);
        snprintf(name[2], 32, "features.%d.expand3x3", at[i]);
        weight_bias(&s, name[0], sq[i], in[i], 1);
        weight_bias(&s, name[1], sq[i] * 4, sq[i], 1);
        weight_bias(&s, name[2], sq[i] * 4, sq[i], 3);
    }
    weight_bias(&s, "classifier.1", 1000, 512, 1);
    assert_int_equal(filled_from("model: {base: squeezenet1_0}", &s), 52);
}

static void resnet20_names(void **state) {
    (void)state;
    sheet s = sheet_open(FL_F32, 1 << 16);
    resnet20_sheet(&s);
    add(&s, D(10, 64), "fc.weight");
    add(&s, D(10), "fc.bias");
    assert_int_equal(filled_from("model: {base: resnet20_cifar}", &s), 107);
}

static void mobilenet_names(void **state) {
    (void)state;
    static const int c[] = {8, 16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256};
    for (int keras = 0; keras < 2; keras++) {
        sheet s = sheet_open(FL_F32, 256 * 1000);
        char name[32];
        add(&s, D(8, 3, 3, 3), "conv1.weight");
        norm(&s, keras ? "conv1_bn" : "bn1", 8);
        for (int i = 0; i < 26; i++) {
            const char *kind = i % 2 ? "pw" : "dw";
            int n = i / 2, co = c[n + i % 2], ci = i % 2 ? c[n] : 1, k = i % 2 ? 1 : 3;
            if (keras)
                snprintf(name, sizeof name, "conv_%s_%d", kind, n + 1);
            else
                snprintf(name, sizeof name, "blocks.%d.%s", n, kind);
            add(&s, D(co, ci, k, k), "%s.weight", name);
            strcat(name, "_bn");
            norm(&s, name, co);
        }
        weight_bias(&s, keras ? "conv_preds" : "fc", 1000, 256, 1);
        assert_int_equal(filled_from("model: {base: mobilenet_v1, alpha: 0.25}", &s), 137);
    }
}

/* ---- layouts and first values ---- */

static void layouts_are_inverse(void **state) {
    (void)state;
    const fl_param_spec specs[] = {
        {.n = 4, .d = {5, 3, 2, 4}, .layout = FL_LAYOUT_CONV},
        {.n = 4, .d = {12, 1, 2, 5}, .layout = FL_LAYOUT_DEPTHWISE},
        {.n = 2, .d = {10, 12}, .layout = FL_LAYOUT_PLAIN},
    };
    float file[120], memory[120], back[120];
    for (int i = 0; i < 120; i++) file[i] = (float)i;
    for (int k = 0; k < 3; k++) {
        fl_param_to_memory(&specs[k], file, memory);
        fl_param_to_file(&specs[k], memory, back);
        assert_memory_equal(back, file, sizeof file);
    }
    fl_param_to_memory(&specs[0], file, memory); /* (kh, kw, ci, co) ← (co, ci, kh, kw) */
    assert_true(memory[((1 * 4 + 2) * 3 + 1) * 5 + 3] == file[((3 * 3 + 1) * 2 + 1) * 4 + 2]);
    fl_param_to_memory(&specs[1], file, memory); /* (kh, kw, co) ← (co, 1, kh, kw) */
    assert_true(memory[(1 * 5 + 3) * 12 + 7] == file[(7 * 2 + 1) * 5 + 3]);
}

static void check_spread(fl_init init, double variance, double limit) {
    fixture f = fixture_open("model: {input: [300], layers: [dense: {units: 200}]}");
    float *all = fixture_place(f.model);
    f.model->layer[0].plan.param[0].init = init;
    fl_model_init(f.model, 7);
    const fl_param *p = &f.model->param[0];
    double sum = 0, squares = 0, most = 0;
    int repeated = 0;
    for (size_t i = 0; i < p->len; i++) {
        if (i > 0 && p->value[i] == p->value[i - 1]) repeated++;
        sum += p->value[i];
        squares += (double)p->value[i] * p->value[i];
        most = fmax(most, fabs(p->value[i]));
    }
    assert_true(repeated < 20);
    double n = (double)p->len, deviation = sqrt(variance);
    assert_true(fabs(sum / n) < 5 * deviation / sqrt(n));
    assert_true(fabs(squares / n / variance - 1) < 0.03);
    assert_true(most <= limit * (1 + 1e-6) && most > 0.97 * limit);
    fl_free(all);
    fixture_close(&f);
}

static void first_values_spread_as_in_keras(void **state) {
    (void)state;
    double glorot = 2.0 / 500, he = 2.0 / 300, cut = 2 / 0.87962566103423978;
    check_spread(FL_INIT_GLOROT_UNIFORM, glorot, sqrt(3 * glorot));
    check_spread(FL_INIT_HE_UNIFORM, he, sqrt(3 * he));
    check_spread(FL_INIT_GLOROT_NORMAL, glorot, cut * sqrt(glorot));
    check_spread(FL_INIT_HE_NORMAL, he, cut * sqrt(he));
    check_spread(FL_INIT_LECUN_NORMAL, he / 2, cut * sqrt(he / 2));
}

/* Copies the named parameter's first values, in file order, into v[36]. */
static void first_values(const char *layers, const char *name, uint64_t seed, float *v) {
    char yaml[256];
    snprintf(yaml, sizeof yaml, "model: {input: [4, 4, 3], layers: [%s]}", layers);
    fixture f = fixture_open(yaml);
    float *all = fixture_place(f.model);
    fl_model_init(f.model, seed);
    for (int i = 0; i < f.model->n_params; i++)
        if (strcmp(f.model->param[i].name, name) == 0)
            fl_param_to_file(f.model->param[i].spec, f.model->param[i].value, v);
    fl_free(all);
    fixture_close(&f);
}

static void first_values_depend_on_seed_and_name_alone(void **state) {
    (void)state;
    float a[36], b[36], c[36], d[36];
    const char *one = "conv2d: {name: a, filters: 3, kernel_size: 2}";
    first_values(one, "a.weight", 1, a);
    first_values("conv2d: {name: z, filters: 3, kernel_size: 1}, "
                 "conv2d: {name: a, filters: 3, kernel_size: 2}",
                 "a.weight", 1, b);
    first_values(one, "a.weight", 2, c);
    first_values("conv2d: {name: b, filters: 3, kernel_size: 2}", "b.weight", 1, d);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    assert_memory_not_equal(a, d, sizeof a);
}

/* The parameter of the file, in the file's order, and what the seed alone would have made. */
static void filling_is_first_values_under_the_file(void **state) {
    (void)state;
    const char *
        one = "model: {input: [6, 6, 3], layers: [conv2d: {name: a, filters: 21, kernel_size: 3}]}",
       *two = "model: {input: [6, 6, 3], layers: [conv2d: {name: a, filters: 21, kernel_size: 3}, "
              "conv2d: {name: b, filters: 21, kernel_size: 2, kernel_initializer: he_normal}]}";
    fixture f = fixture_open(one), g = fixture_open(two), h = fixture_open(two);
    float *saved = fixture_place(f.model), *filled = fixture_place(g.model),
          *made = fixture_place(h.model);
    fl_model_init(f.model, 5);
    assert_int_equal(fl_model_save(f.model, path, FL_NAMES_FROSTLINE, 0, NULL), FL_OK);
    assert_int_equal(fl_model_fill(g.model, 9, path, false, NULL), FL_OK);
    fl_model_init(h.model, 9);
    assert_int_equal(fl_model_load(h.model, path, false, NULL, NULL), FL_OK);
    assert_memory_equal(filled, made, fl_model_count(g.model) * sizeof(float));
    assert_memory_equal(filled, saved, fl_model_count(f.model) * sizeof(float));
    assert_int_equal(fl_model_fill(g.model, 5, NULL, true, NULL), FL_OK);
    assert_memory_equal(filled, saved, fl_model_count(f.model) * sizeof(float));
    fl_free(saved), fl_free(filled), fl_free(made);
    fixture_close(&f), fixture_close(&g), fixture_close(&h);
}

static void what_is_not_writable_is_left_alone(void **state) {
    (void)state;
    fixture f = fixture_open("model: {input: [3], layers: [dense: {units: 2}]}");
    float *all = fixture_place(f.model);
    f.model->param[0].writable = NULL;
    for (int i = 0; i < 8; i++) all[i] = 9;
    fl_model_init(f.model, 1);
    for (int i = 0; i < 8; i++) assert_true(all[i] == (i < 6 ? 9 : 0));
    fl_free(all);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vgg16_names),
        cmocka_unit_test(squeezenet_names),
        cmocka_unit_test(resnet20_names),
        cmocka_unit_test(mobilenet_names),
        cmocka_unit_test(layouts_are_inverse),
        cmocka_unit_test(first_values_spread_as_in_keras),
        cmocka_unit_test(first_values_depend_on_seed_and_name_alone),
        cmocka_unit_test(filling_is_first_values_under_the_file),
        cmocka_unit_test(what_is_not_writable_is_left_alone),
    };
    return cmocka_run_group_tests(tests, make_path, remove_path);
}
