/* model: the graph that a section makes, and every way in which a section can be wrong. */
#include "model_fixture.h"

static size_t count_of(const char *yaml) {
    fixture f = fixture_open(yaml);
    size_t n = fl_model_count(f.model);
    fixture_close(&f);
    return n;
}

static void counts_are_those_known(void **state) {
    (void)state;
    assert_int_equal(count_of("model: {base: vgg16, include_top: false}"), 14714688);
    assert_int_equal(count_of("model: {base: vgg16}"), 138357544);
    assert_int_equal(count_of("model: {base: squeezenet1_0}"), 1248424);
    assert_int_equal(count_of("model: {base: squeezenet1_0, include_top: false}"),
                     1248424 - 513000);
    assert_int_equal(count_of("model: {base: mobilenet_v1}"), 4253864);
    assert_int_equal(count_of("model: {base: mobilenet_v1, include_top: false}"), 3228864);
    assert_int_equal(count_of("model: {base: mobilenet_v1, alpha: 0.75, include_top: false}"),
                     1832976);
    /* 3x3 convolutions by stage, two shortcuts, four numbers a normalised channel, the classifier
     */
    assert_int_equal(count_of("model: {base: resnet20_cifar}"),
                     432 + 6 * 2304 + 4608 + 5 * 9216 + 18432 + 5 * 36864 + 512 + 2048 +
                         4 * (7 * 16 + 7 * 32 + 7 * 64) + 650);
    assert_int_equal(count_of("model: {input: [100], layers: [dense: {units: 64}, dense: {units: "
                              "32}, dense: {units: 10}]}"),
                     8874);
}

static void layers_are_named_as_in_keras(void **state) {
    (void)state;
    fixture f = fixture_open("model:\n  input: [8]\n  layers:\n"
                             "  - dense: {units: 2}\n"
                             "  - dense: {units: 2}\n"
                             "  - activation: {activation: relu}\n"
                             "  - dense: {units: 2}\n"
                             "  - dense: {units: 2, name: dense_2}\n");
    const char *names[] = {"dense", "dense_1", "activation", "dense_3", "dense_2"};
    for (int i = 0; i < 5; i++) assert_string_equal(f.model->layer[i].name, names[i]);
    assert_int_equal(fl_model_find(f.model, "dense_2"), 4);
    assert_int_equal(fl_model_find(f.model, "dens"), -1);
    assert_string_equal(f.model->param[0].name, "dense.weight");
    assert_string_equal(f.model->param[5].name, "dense_3.bias");
    char *resolved = fl_config_text(f.config);
    assert_non_null(strstr(resolved, "dense_3"));
    fl_free(resolved);
    fixture_close(&f);
}

static void inputs_make_a_graph(void **state) {
    (void)state;
    fixture f = fixture_open("model:\n  input: [4, 4, 3]\n  layers:\n"
                             "  - conv2d: {name: a, filters: 3, kernel_size: 1}\n"
                             "  - conv2d: {name: b, filters: 3, kernel_size: 1, inputs: input}\n"
                             "  - add: {inputs: [a, b, input]}\n"
                             "  - concat: {inputs: [add, a]}\n"
                             "  - flatten\n"
                             "  - batch_norm:\n");
    const fl_model *m = f.model;
    assert_int_equal(m->layer[0].in[0], FL_MODEL_INPUT);
    assert_int_equal(m->layer[1].in[0], FL_MODEL_INPUT);
    assert_int_equal(m->layer[2].n_in, 3);
    assert_int_equal(m->layer[2].in[1], 1);
    assert_int_equal(m->layer[2].in[2], FL_MODEL_INPUT);
    assert_int_equal(m->layer[3].in[0], 2);
    assert_int_equal(m->layer[4].in[0], 3);
    assert_true(fl_shape_equal(m->layer[5].shape, fl_shape1(96)));
    assert_ptr_equal(m->layer[0].node, fl_node_item(f.conf.layers, 0));
    fixture_close(&f);
}

static void a_base_feeds_the_layers_after_it(void **state) {
    (void)state;
    fixture f = fixture_open("model:\n  base: vgg16\n  include_top: false\n  input: [64, 96, 3]\n"
                             "  layers:\n  - flatten\n  - dense: {units: 5}\n");
    const fl_model *m = f.model;
    int pool = fl_model_find(m, "block5_pool");
    assert_true(fl_shape_equal(m->layer[pool].shape, fl_shape3(2, 3, 512)));
    assert_string_equal(m->layer[pool].group, "vgg16");
    assert_null(m->layer[pool].node);
    assert_int_equal(m->layer[pool + 1].in[0], pool);
    assert_null(m->layer[pool + 1].group);
    assert_true(fl_model_matches(&m->layer[0], "vgg16"));
    assert_true(fl_model_matches(&m->layer[0], "block[1-4]_*"));
    assert_false(fl_model_matches(&m->layer[pool + 1], "vgg16"));
    fixture_close(&f);
}

static fl_activation fused(const char *last, bool sigmoid) {
    char yaml[256];
    snprintf(yaml, sizeof yaml, "model: {input: [4], layers: [dense: {units: 4}, %s]}", last);
    fixture f = fixture_open(yaml);
    fl_model *m = f.model;
    const fl_model_layer *l = &m->layer[1];
    fl_model_fuse_final(m, sigmoid);
    fl_activation final = m->final;
    if (final != FL_ACT_LINEAR)
        assert_int_equal(*fl_layer_activation(l->ops, l->conf), FL_ACT_LINEAR);
    assert_int_equal(l->shape.d[0], 4);
    fixture_close(&f);
    return final;
}

static void the_final_activation_comes_off(void **state) {
    (void)state;
    assert_int_equal(fused("dense: {units: 4, activation: softmax}", false), FL_ACT_SOFTMAX);
    assert_int_equal(fused("activation: {activation: softmax}", false), FL_ACT_SOFTMAX);
    assert_int_equal(fused("activation: {activation: sigmoid}", true), FL_ACT_SIGMOID);
    assert_int_equal(fused("dense: {units: 4, activation: sigmoid}", false), FL_ACT_LINEAR);
    assert_int_equal(fused("dense: {units: 4, activation: softmax}", true), FL_ACT_LINEAR);
    assert_int_equal(fused("dense: {units: 4, activation: relu}", false), FL_ACT_LINEAR);
    assert_int_equal(fused("batch_norm: {}", false), FL_ACT_LINEAR);
}

#define HEAD  "model:\n  input: [8]\n  layers:\n"
#define IMAGE "model:\n  input: [8, 8, 3]\n  layers:\n"
static const refusal refusals[] = {
    {"model: {input: [4]}", "1:8", "needs 'base' or 'layers'"},
    {"model: {input: [4], layers: []}", "1:29", "needs 'base' or 'layers'"},
    {"model: {layers: [flatten]}", "1:8", "needs 'input'"},
    {"model: {input: [4, 4], layers: [flatten]}", "1:16", "not 2 numbers"},
    {"model: {input: [0], layers: [flatten]}", "1:17", "0"},
    {"model: {input: [4], layers: {dense: {units: 3}}}", "1:29", "must be a list"},
    {"model: {base: vgg19}", "1:15", "did you mean 'vgg16'"},
    {"model: {base: vgg16, inptu: [64, 64, 3]}", "1:22", "did you mean 'input'"},
    {"model: {base: vgg16, input: [64, 64, 3]}", "1:29", "include_top: false"},
    {"model: {base: vgg16, include_top: false, input: [16, 64, 3]}", "1:49", "32 x 32 at least"},
    {"model: {base: vgg16, include_top: false, input: [64]}", "1:49", "takes [height, width"},
    {"model: {base: vgg16, alpha: 0.5}", "1:29", "no meaning for base vgg16"},
    {"model: {alpha: 0.5, input: [4], layers: [dense: {units: 1}]}", "1:16", "without a base"},
    {"model: {base: resnet20_cifar, reinit: [fd]}", "1:40", "did you mean 'fc'"},
    {"model: {base: squeezenet1_0, layers: [flatten: {inputs: classifier.1}]}", "1:15",
     "no layer reads the output of 'classifier.3'"},
    {"model: {base: resnet20_cifar, layers: [dense: {units: 2, name: fc}]}", "1:64",
     "already that of a layer of the base"},
    {HEAD "  - dens: {units: 2}\n", "4:5", "did you mean 'dense'"},
    {HEAD "  - dense:\n    units: 2\n", "5:5", "indented beneath it"},
    {HEAD "  - dense\n", "4:5", "needs options"},
    {HEAD "  - dense:\n", "4:5", "units"},
    {HEAD "  - dense: 3\n", "4:12", "must be a map"},
    {HEAD "  - dense: {units: 2, unit: 3}\n", "4:23", "unknown key 'unit'"},
    {HEAD "  - dense: {units: -2}\n", "4:20", "units"},
    {HEAD "  - [dense]\n", "4:5", "expected a layer"},
    {HEAD "  - {}\n", "4:5", "expected a layer"},
    {HEAD "  - flatten: {name: a}\n  - dense: {units: 2, name: a}\n", "5:29", "layer above"},
    {HEAD "  - dense: {units: 2, name: a b}\n", "4:29", "letters, digits"},
    {HEAD "  - dense: {units: 2, name: [a]}\n", "4:29", "letters, digits"},
    {HEAD "  - dense: {units: 2, name: input}\n", "4:29", "means the net's input"},
    {HEAD "  - dense: {units: 2, name: one}\n  - dense: {units: 2, inputs: [oen]}\n", "5:32",
     "did you mean 'one'"},
    {HEAD "  - dense: {units: 2, inputs: [b]}\n  - dense: {units: 2, name: b}\n", "4:32",
     "no layer above"},
    {HEAD "  - dense: {units: 2, name: a, inputs: [a]}\n", "4:41", "no layer above"},
    {HEAD "  - dense: {units: 2, inputs: [{a: b}]}\n", "4:32", "name of a layer"},
    {HEAD "  - dense: {units: 2, inputs: [input, input]}\n", "4:31", "takes 1 input, not 2"},
    {HEAD "  - dense: {units: 2, inputs: []}\n", "4:31", "takes 1 input, not 0"},
    {HEAD "  - add\n", "4:5", "not 1; name them: inputs: [layer, layer]"},
    {HEAD "  - add: {inputs: [input, input, input, input, input, input, input, input, input]}\n",
     "4:19", "not 9"},
    {HEAD "  - dense: {units: 2}\n  - dense: {units: 3, inputs: input}\n", "4:5",
     "no layer reads the output of 'dense'"},
    {HEAD "  - dense: {units: 3, name: a}\n  - add: {inputs: [a, input]}\n", "5:5",
     "layer 'add': "},
    {HEAD "  - conv2d: {filters: 2, kernel_size: 3}\n", "4:5", "layer 'conv2d': "},
    {IMAGE "  - conv2d: {filters: 2, kernel_size: 9}\n", "4:5", "layer 'conv2d': "},
};

static void malformed_sections_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < FL_COUNT(refusals); i++) {
        fixture f;
        check_refusal(&refusals[i], fixture_try(&f, refusals[i].yaml));
        if (count_errors() != 1) fail_msg("%s\nhas more:\n%s", refusals[i].yaml, fl_message());
        fixture_close(&f);
    }
}

static void all_errors_come_at_once_without_cascades(void **state) {
    (void)state;
    fixture f;
    fl_status s = fixture_try(&f, IMAGE "  - conv2d: {name: a, filters: 4}\n"
                                        "  - dropuot: {rate: 0.1}\n"
                                        "  - batch_norm: {inputs: dropout}\n"
                                        "  - conv2d: {filters: 2, kernel_size: 99}\n"
                                        "  - dense: {units: 3, name: a}\n"
                                        "  - dense: {unit: 3}\n"
                                        "  - add: {name: end}\n"
                                        "  - flatten: {inputs: [end]}\n");
    assert_int_equal(s, FL_ERR_CONFIG);
    assert_null(f.model);
    const char *expected[] = {"t.yaml:4:",     "kernel_size", "t.yaml:5:5: ", "'dropuot'",
                              "t.yaml:8:29: ", "t.yaml:9:",   "'unit'",       "t.yaml:10:5: "};
    for (size_t i = 0; i < FL_COUNT(expected); i++)
        if (!strstr(fl_message(), expected[i])) fail_msg("no %s in\n%s", expected[i], fl_message());
    assert_null(strstr(fl_message(), "t.yaml:6:"));
    assert_null(strstr(fl_message(), "t.yaml:11:"));
    fixture_close(&f);
    fixture_try(&f, "model:\n  base: vgg15\n  layers:\n  - dense: {units: 2, inputs: block9}\n");
    assert_int_equal(count_errors(), 1);
    fixture_close(&f);
    fixture_try(&f, "model: {}\n");
    assert_int_equal(count_errors(), 2);
    fixture_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_known),
        cmocka_unit_test(layers_are_named_as_in_keras),
        cmocka_unit_test(inputs_make_a_graph),
        cmocka_unit_test(a_base_feeds_the_layers_after_it),
        cmocka_unit_test(the_final_activation_comes_off),
        cmocka_unit_test(malformed_sections_are_refused),
        cmocka_unit_test(all_errors_come_at_once_without_cascades),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
