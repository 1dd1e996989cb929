/* Tables of options: values of every type, defaults, schema and reference. */
#include "field_fixture.h"

static conf accepted(const char *text, fl_config **c) {
    conf k;
    if (parse(text, c, &k) != FL_OK) fail_msg("%s", fl_message());
    assert_int_equal(fl_config_check(*c), FL_OK);
    return k;
}

/* ---- values ---- */

static void assert_defaults(const conf *k) {
    assert_true(k->shuffle);
    assert_int_equal(k->epochs, 5);
    assert_true(k->limit == FL_NONE && isnan(k->clip) && k->rate == 1e-3);
    assert_string_equal(k->name, "a name");
    assert_null(k->label);
    assert_int_equal(k->kind, 1);
    assert_true(k->shape.n == 2 && k->shape.v[0] == 1 && k->shape.v[1] == 2);
    assert_true(k->mean.n == 2 && k->mean.v[0] == 0.5 && k->mean.v[1] == 2);
    assert_int_equal(k->globs.n, 0);
    assert_true(k->strides[0] == 1 && k->strides[1] == 1);
    assert_true(k->pool[0] == FL_NONE && k->pool[1] == FL_NONE);
    assert_int_equal(k->padding.mode, FL_PAD_VALID);
    assert_null(k->tree);
}

static void fills_defaults(void **state) {
    (void)state;
    fl_config *c;
    conf k = accepted("s: {units: 3}", &c);
    assert_defaults(&k);
    assert_int_equal(k.units, 3);
    char *text = fl_config_text(c);
    assert_string_equal(text, "s:\n  units: 3\n  shuffle: true\n  epochs: 5\n  limit: null\n"
                              "  rate: 1.0e-3\n  clip: null\n  name: a name\n  label: null\n"
                              "  kind: adamw\n  shape: [1, 2]\n  mean: [0.5, 2]\n  globs: []\n"
                              "  strides: 1\n  pool: null\n  padding: valid\n  tree: null\n");
    fl_config *again;
    conf k2 = accepted(text, &again);
    assert_defaults(&k2);
    char *text_again = fl_config_text(again);
    assert_string_equal(text, text_again);
    fl_free(text);
    fl_free(text_again);
    fl_config_close(c);
    fl_config_close(again);
}

static void defaults_need_no_config(void **state) {
    (void)state;
    conf k, nothing;
    memset(&k, 0xAB, sizeof k);
    fl_fields_defaults(fields, &k);
    assert_defaults(&k);
    assert_int_equal(k.units, 0);
    assert_int_equal(fl_fields_parse(NULL, "layer 'x'", fields, NULL, &nothing), FL_ERR_CONFIG);
    assert_contains(fl_message(), "error: missing key 'units' in layer 'x'");
    const fl_field optional[] = {fields[0], fields[9], {0}};
    assert_int_equal(fl_fields_parse(NULL, "layer 'x'", optional, NULL, &nothing), FL_OK);
    assert_true(nothing.shuffle);
    assert_int_equal(nothing.shape.v[1], 2);
}

static void reads_every_type(void **state) {
    (void)state;
    fl_config *c;
    conf k =
        accepted("s:\n  type: x\n  shuffle: False\n  epochs: +1000\n  units: 9223372036854775807\n"
                 "  limit: -3\n  rate: 3\n  clip: -1e-3\n  name: true\n  label: 'null'\n"
                 "  kind: off\n  shape: [0, 9]\n  mean: [-1, .5, 1e3]\n  globs: vgg*\n"
                 "  strides: [2, 3]\n  pool: 4\n  padding: [1, 2, 3, 4]\n  tree: [1]\n",
                 &c);
    assert_true(!k.shuffle && k.epochs == 1000 && k.units == INT64_MAX && k.limit == -3);
    assert_true(k.rate == 3 && k.clip == -1e-3 && k.kind == 3);
    assert_string_equal(k.name, "true");
    assert_string_equal(k.label, "null");
    assert_true(k.shape.n == 2 && k.shape.v[1] == 9 && k.mean.n == 3 && k.mean.v[2] == 1000);
    assert_true(k.globs.n == 1);
    assert_string_equal(k.globs.v[0], "vgg*");
    assert_true(k.strides[0] == 2 && k.strides[1] == 3 && k.pool[0] == 4 && k.pool[1] == 4);
    fl_padding p = k.padding;
    assert_int_equal(p.mode, FL_PAD_EXPLICIT);
    assert_true(p.top == 1 && p.bottom == 2 && p.left == 3 && p.right == 4);
    assert_int_equal(fl_node_kind_of(k.tree), FL_NODE_LIST);
    fl_config_close(c);
}

static void reads_short_forms(void **state) {
    (void)state;
    fl_config *c;
    conf k = accepted("s: {units: 1, globs: , padding: same, limit: ~, kind: 'sgd', tree: {}}", &c);
    assert_int_equal(k.globs.n, 0);
    assert_int_equal(k.padding.mode, FL_PAD_SAME);
    assert_true(k.limit == FL_NONE);
    assert_int_equal(k.kind, 2);
    assert_int_equal(fl_node_kind_of(k.tree), FL_NODE_MAP);
    fl_config_close(c);
    k = accepted("s: {units: 1, globs: [a, 'b c', 3], padding: 2}", &c);
    assert_int_equal(k.globs.n, 3);
    assert_string_equal(k.globs.v[2], "3");
    assert_true(k.padding.mode == FL_PAD_EXPLICIT && k.padding.top == 2 && k.padding.right == 2);
    fl_config_close(c);
}

/* ---- schema and reference ---- */

static void schema_says_all(void **state) {
    (void)state;
    char *schema = fl_fields_schema(fields), *to = schema;
    for (const char *s = schema; *s; s++)
        if (*s != ' ' && *s != '\n') *to++ = *s;
    *to = '\0';
    assert_contains(schema, "\"required\":[\"units\"],\"additionalProperties\":false}");
    assert_contains(schema, "\"epochs\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,"
                            "\"description\":\"Howoften.\",\"default\":5}");
    assert_contains(schema, "\"units\":{\"type\":\"integer\",\"minimum\":1,\"description\"");
    assert_contains(schema, "\"rate\":{\"type\":\"number\",\"minimum\":0,\"maximum\":10,"
                            "\"default\":0.001}");
    assert_contains(schema, "\"clip\":{\"type\":[\"number\",\"null\"],");
    assert_contains(schema, "\"kind\":{\"type\":\"string\",\"enum\":[\"adam\",\"adamw\",\"sgd\","
                            "\"off\"],\"description\":\"Which.\",\"default\":\"adamw\"}");
    assert_contains(schema, "\"tree\":{\"type\":[\"object\",\"null\"],");
    assert_contains(schema,
                    "\"pool\":{\"anyOf\":[{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,");
    assert_contains(schema, "\"enum\":[\"valid\",\"same\"]},{\"type\":\"integer\",\"minimum\":0}");
    fl_free(schema);
}

/* The lines of the reference, with the required keys put in, are a config that has the defaults. */
static void reference_is_a_config(void **state) {
    (void)state;
    char *reference = fl_fields_reference(fields, 2), *text = fl_format("s:\n%s", reference);
    assert_contains(text, "\n  # units:");
    assert_contains(text, "# How many. (required: an integer of at least 1)\n");
    for (const char *s = text; *s; s += strcspn(s, "\n") + 1) assert_true(strcspn(s, "\n") <= 100);
    char *required = strstr(text, "# units:");
    memcpy(required, "units: 1", 8);
    fl_config *c;
    conf k = accepted(text, &c);
    assert_defaults(&k);
    fl_free(reference);
    fl_free(text);
    fl_config_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_defaults),   cmocka_unit_test(defaults_need_no_config),
        cmocka_unit_test(reads_every_type), cmocka_unit_test(reads_short_forms),
        cmocka_unit_test(schema_says_all),  cmocka_unit_test(reference_is_a_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
