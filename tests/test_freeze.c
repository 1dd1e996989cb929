/* freeze: which layers the rules name, when they thaw, and what follows for backward. */
#include "frostline/freeze.h"
#include "model_fixture.h"

typedef struct frozen { /* a model and its rules */
    fixture f;
    fl_freeze_conf conf;
    fl_freeze *rules;
} frozen;

static fl_status frozen_try(frozen *z, const char *yaml) {
    memset(z, 0, sizeof *z);
    z->f = fixture_open(yaml);
    fl_node *section = fl_config_section(z->f.config, "freeze");
    fl_fields_parse(section, "section 'freeze'", fl_freeze_fields, NULL, &z->conf);
    fl_freeze_open(&z->conf, section, z->f.model, &z->rules);
    return fl_config_check(z->f.config);
}

static frozen frozen_open(const char *yaml) {
    frozen z;
    if (frozen_try(&z, yaml) != FL_OK) fail_msg("%s", fl_message());
    fl_freeze_apply(z.rules, 0, z.f.model);
    return z;
}

static void frozen_close(frozen *z) {
    fl_freeze_close(z->rules);
    fixture_close(&z->f);
}

/* a and b in a row, a side branch c, their sum, then a head. */
#define NET                                                                                        \
    "model:\n  input: [4]\n  layers:\n  - dense: {name: a, units: 4}\n"                            \
    "  - dense: {name: b, units: 4}\n  - dense: {name: c, units: 4, inputs: a}\n"                  \
    "  - add: {name: sum, inputs: [b, c]}\n  - dropout: {name: drop, rate: 0.5}\n"                 \
    "  - dense: {name: head, units: 2}\n"

static frozen freeze(const char *rules) {
    char yaml[1024];
    snprintf(yaml, sizeof yaml, NET "%s", rules);
    return frozen_open(yaml);
}

/* One letter a layer: trains T, frozen F, static S (frozen or not), neither -. */
static const char *marks(const fl_model *m) {
    static char text[64];
    for (int i = 0; i < m->n_layers; i++) {
        const fl_model_layer *l = &m->layer[i];
        text[i] = l->trainable ? 'T' : l->is_static ? 'S' : l->frozen ? 'F' : '-';
    }
    text[m->n_layers] = 0;
    return text;
}

static void expect(const char *rules, const char *expected) {
    frozen z = freeze(rules);
    assert_string_equal(marks(z.f.model), expected);
    frozen_close(&z);
}

static void rules_freeze_their_union(void **state) {
    (void)state;
    expect("", "TTT--T");
    expect("freeze: {layers: a}", "STT--T");
    expect("freeze: {layers: [a, b]}", "SST--T");
    expect("freeze: {layers: b}", "TFT--T");
    expect("freeze: {layers: ['[a-c]']}", "SSSS-T");
    expect("freeze: {layers: ['[a-c]', drop]}", "SSSSST");
    expect("freeze: {layers: sum}", "TTTF-T");
    expect("freeze: {until: b}", "SST--T");
    expect("freeze: {until: sum, layers: [drop]}", "SSSSST");
    expect("freeze: {train_last_n: 1}", "SSSS-T");
    expect("freeze: {train_last_n: 2}", "SST--T");
    expect("freeze: {train_last_n: 4}", "TTT--T");
    expect("freeze: {train_last_n: 3, layers: [c]}", "STS--T");
}

static void a_base_is_frozen_by_its_name(void **state) {
    (void)state;
    for (int until = 0; until < 2; until++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml,
                 "model: {base: vgg16, include_top: false, layers: [flatten, "
                 "dense: {units: 5}]}\nfreeze: {%s: vgg16}",
                 until ? "until" : "layers");
        frozen z = frozen_open(yaml);
        assert_string_equal(marks(z.f.model), "SSSSSSSSSSSSSSSSSSST");
        assert_false(z.f.model->layer[18].frozen);
        assert_false(fl_freeze_need(z.f.model, 19).input_gradient);
        frozen_close(&z);
    }
}

static void a_live_norm_without_weights_is_not_static(void **state) {
    (void)state;
    frozen z = frozen_open("model: {input: [4], layers: [batch_norm: {name: n}, dense: {units: "
                           "2}]}\nfreeze: {layers: n}");
    assert_string_equal(marks(z.f.model), "ST");
    fl_freeze_none(z.f.model);
    assert_string_equal(marks(z.f.model), "TT");
    frozen_close(&z);
}

static void the_schedule_thaws(void **state) {
    (void)state;
    frozen z = freeze("freeze: {until: sum, schedule: [{epoch: 3, unfreeze: [b, sum]}, {epoch: 5, "
                      "unfreeze: '*'}]}");
    assert_int_equal(fl_freeze_phases(z.rules), 3);
    static const int64_t epochs[] = {1, 3, 5};
    static const char *const expected[] = {"SSSS-T", "STS--T", "TTT--T"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fl_freeze_epoch(z.rules, i), epochs[i]);
        fl_freeze_apply(z.rules, i, z.f.model);
        assert_string_equal(marks(z.f.model), expected[i]);
    }
    static const int phases[] = {0, 0, 1, 1, 2, 2};
    for (int e = 1; e <= 6; e++) assert_int_equal(fl_freeze_phase_at(z.rules, e), phases[e - 1]);
    fl_freeze_apply(z.rules, 0, z.f.model);
    assert_string_equal(marks(z.f.model), "SSSS-T");
    frozen_close(&z);
}

/* ---- refusals: the section begins at line 10 ---- */

static const refusal refusals[] = {
    {"freeze: {layer: a}", "10:10", "did you mean 'layers'"},
    {"freeze: {layers: [a, heda]}", "10:22", "did you mean 'head'"},
    {"freeze: {layers: heda}", "10:18", "did you mean 'head'"},
    {"freeze: {layers: ['block*']}", "10:19", "unknown layer 'block*'"},
    {"freeze: {layers: {a: b}}", "10:18", "layers"},
    {"freeze: {until: summ}", "10:17", "did you mean 'sum'"},
    {"freeze: {until: 'h*'}", "10:17", "unknown layer 'h*'"},
    {"freeze: {until: head}", "10:9", "all parameters of the net are frozen"},
    {"freeze: {layers: '*'}", "10:9", "all parameters of the net are frozen"},
    {"freeze: {layers: head, until: c}", "10:9", "all parameters of the net are frozen"},
    {"freeze: {train_last_n: 0}", "10:24", "0"},
    {"freeze: {train_last_n: 5}", "10:24", "only 4 layers"},
    {"freeze: {train_last_n: all}", "10:24", "all"},
    {"freeze: {layers: a, schedule: 3}", "10:31", "must be a list"},
    {"freeze: {layers: a, schedule: [{epoch: 1, unfreeze: a}]}", "10:40", "1"},
    {"freeze: {layers: a, schedule: [{unfreeze: a}]}", "10:32", "epoch"},
    {"freeze: {layers: a, schedule: [{epoch: 2}]}", "10:32", "unfreeze"},
    {"freeze: {layers: a, schedule: [{epoch: 2, unfreeze: []}]}", "10:53", "names no layer"},
    {"freeze: {layers: a, schedule: [{epoch: 2, unfreeze: [x1]}]}", "10:54", "unknown layer 'x1'"},
    {"freeze: {layers: a, schedule: [{epoch: 2, unfreeze: [a, b]}]}", "10:57", "thaws nothing"},
    {"freeze: {layers: [a, b], schedule: [{epoch: 3, unfreeze: a}, {epoch: 3, unfreeze: b}]}",
     "10:70", "does not come after epoch 3"},
    {"freeze: {layers: a, schedule: [{epoch: 2, unfreeze: a}, {epoch: 3, unfreeze: a}]}", "10:78",
     "thaws nothing"},
    {"freeze: {layers: a, schedule: [{epoch: 2, unfreeze: a, freeze: b}]}", "10:56", "'freeze'"},
};

static void malformed_sections_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < FL_COUNT(refusals); i++) {
        refusal r = refusals[i];
        char yaml[1024];
        snprintf(yaml, sizeof yaml, NET "%s", r.yaml);
        frozen z;
        check_refusal(&r, frozen_try(&z, yaml));
        if (count_errors() != 1) fail_msg("%s\nhas more:\n%s", r.yaml, fl_message());
        frozen_close(&z);
    }
}

static void a_net_without_parameters_is_refused(void **state) {
    (void)state;
    frozen z;
    fl_status s = frozen_try(&z, "model: {input: [4], layers: [flatten]}\nfreeze: {}");
    check_refusal(&(refusal){"", "2:9", "no parameters"}, s);
    frozen_close(&z);
}

/* ---- the analysis against its definition, path by path ---- */

typedef bool property(const fl_model_layer *l);

static bool trains(const fl_model_layer *l) {
    return !l->frozen && strcmp(l->ops->name, "dense") == 0;
}
static bool changes(const fl_model_layer *l) {
    return trains(l) || (!l->frozen && strcmp(l->ops->name, "dropout") == 0);
}

/* Whether some path from layer i towards the data meets the property. */
static bool meets(const fl_model *m, int i, property *p) {
    if (i == FL_MODEL_INPUT) return false;
    bool met = p(&m->layer[i]);
    for (int k = 0; k < m->layer[i].n_in; k++) met = meets(m, m->layer[i].in[k], p) || met;
    return met;
}

static void check_analysis(const fl_model *m) {
    for (int i = 0; i < m->n_layers; i++) {
        const fl_model_layer *l = &m->layer[i];
        bool wanted = false;
        for (int k = 0; k < l->n_in; k++) wanted = meets(m, l->in[k], trains) || wanted;
        assert_int_equal(l->trainable, trains(l));
        assert_int_equal(l->is_static, !meets(m, i, changes));
        assert_int_equal(l->wants_gradient, meets(m, i, trains));
        fl_need need = fl_freeze_need(m, i);
        assert_int_equal(need.weight_gradient, trains(l));
        assert_int_equal(need.input_gradient, wanted);
    }
}

enum { NODES = 6 };

/* NODES layers fed by any above, and a sum of all that nobody reads. */
static void random_net(unsigned *seed, fl_text *t) {
    static const char *const types[] = {"dense: {units: 4, ", "dropout: {rate: 0.5, ",
                                        "activation: {activation: relu, ", "add: {"};
    bool read[NODES] = {false};
    fl_text_add(t, "model:\n  input: [4]\n  layers:\n");
    for (int i = 0; i < NODES; i++) {
        int type = rand_r(seed) % 4, n = type == 3 ? 2 : 1;
        fl_text_add(t, "  - %sname: n%d, inputs: [", types[type], i);
        for (int k = 0; k < n; k++) {
            int from = rand_r(seed) % (i + 1);
            if (from < i) read[from] = true;
            fl_text_add(t, from < i ? "%sn%d" : "%sinput", k ? ", " : "", from);
        }
        fl_text_add(t, "]}\n");
    }
    fl_text_add(t, "  - add: {name: end, inputs: [input");
    for (int i = 0; i < NODES; i++)
        if (!read[i]) fl_text_add(t, ", n%d", i);
    fl_text_add(t, "]}\nfreeze: {layers: [");
}

static void freeze_by_mask(const char *net, unsigned mask) {
    fl_text t = {0};
    fl_text_add(&t, "%s", net);
    for (int i = 0; i < NODES; i++)
        if (mask >> i & 1) fl_text_add(&t, "n%d, ", i);
    fl_text_add(&t, "]}\n");
    frozen z;
    fl_status s = frozen_try(&z, t.s);
    bool learns = false;
    for (int i = 0; i < NODES; i++)
        learns = learns || (!(mask >> i & 1) && z.f.model->layer[i].n_params > 0);
    assert_int_equal(s, learns ? FL_OK : FL_ERR_CONFIG);
    if (learns) {
        fl_freeze_apply(z.rules, 0, z.f.model);
        check_analysis(z.f.model);
    }
    frozen_close(&z);
    fl_free(t.s);
}

static void random_graphs_are_analysed_as_defined(void **state) {
    (void)state;
    for (unsigned graph = 1; graph <= 20; graph++) {
        unsigned seed = graph;
        fl_text net = {0};
        random_net(&seed, &net);
        for (unsigned mask = 0; mask < 1u << NODES; mask++) freeze_by_mask(net.s, mask);
        fl_free(net.s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_freeze_their_union),
        cmocka_unit_test(a_base_is_frozen_by_its_name),
        cmocka_unit_test(a_live_norm_without_weights_is_not_static),
        cmocka_unit_test(the_schedule_thaws),
        cmocka_unit_test(malformed_sections_are_refused),
        cmocka_unit_test(a_net_without_parameters_is_refused),
        cmocka_unit_test(random_graphs_are_analysed_as_defined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
