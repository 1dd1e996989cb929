/* Tables of options: what is refused, where, and how it is said. */
#include "field_fixture.h"

/* ---- refusals: each stands at line 2 behind two spaces ---- */

static const struct {
    const char *line, *column, *part;
} refused[] = {
    {"shuffle: yes", "12", "true or false, found 'yes'\n"},
    {"shuffle: yes", "12", "only true and false are booleans here: write true"},
    {"shuffle: Off", "12", "write false"},
    {"shuffle: 1", "12", "write true"},
    {"shuffle: 'true'", "12", "take the quotes off: true"},
    {"shuffle: null", "12", "found null\n"},
    {"shuffle: [true]", "12", "found a list of 1"},
    {"epochs: abc", "11", "expected an integer between 1 and 1000, found 'abc'"},
    {"epochs: 0", "11", "expected an integer between 1 and 1000, found '0'"},
    {"epochs: 1001", "11", "expected an integer between 1 and 1000, found '1001'"},
    {"epochs: 1.5", "11", "expected an integer between 1 and 1000, found '1.5'"},
    {"epochs: 1e3", "11", "write 1000"},
    {"epochs: 7.0", "11", "write 7"},
    {"epochs: \"3\"", "11", "found the quoted text \"3\""},
    {"epochs: \"3\"", "11", "take the quotes off: 3"},
    {"epochs: 1_000", "11", "write 1000"},
    {"epochs: 010", "11", "write 10"},
    {"epochs: 0x1F", "11", "expected an integer"},
    {"epochs: 1:30", "11", "expected an integer"},
    {"epochs: ~", "11", "leave the key out for its default, 5"},
    {"epochs:", "3", "leave the key out for its default, 5"},
    {"epochs: {a: 1}", "11", "found a map"},
    {"epochs: true", "11", "found 'true'"},
    {"limit: 9223372036854775808", "10", "expected an integer, or null"},
    {"limit: -9223372036854775808", "10", "expected an integer, or null"},
    {"rate: inf", "9", "infinity and NaN are not allowed"},
    {"rate: .nan", "9", "infinity and NaN are not allowed"},
    {"clip: 1e999", "9", "expected a number, or null"},
    {"rate: 1e", "9", "expected a number between 0 and 10, found '1e'"},
    {"rate: -0.1", "9", "found '-0.1'"},
    {"rate: '0.1'", "9", "take the quotes off: 0.1"},
    {"rate: fast", "9", "expected a number between 0 and 10, found 'fast'"},
    {"name: [a]", "9", "expected text, found a list of 1"},
    {"name: null", "9", "leave the key out for its default, a name"},
    {"kind: adamm", "9", "expected one of adam, adamw, sgd, off, found 'adamm'"},
    {"kind: adamm", "9", "did you mean 'adam'?"},
    {"kind: [adam]", "9", "found a list of 1"},
    {"shape: 3", "10", "a list needs brackets"},
    {"shape: [1, x, 2]", "14", "expected an integer between 0 and 9, found 'x'"},
    {"shape: [1, 10]", "14", "found '10'"},
    {"shape: [1, null]", "14", "found null"},
    {"shape: ~", "10", "leave the key out for its default, [1, 2]"},
    {"mean: [0.1, nan]", "15", "infinity"},
    {"globs: [a, [b]]", "14", "expected text, found a list of 1"},
    {"globs: {a: b}", "10", "expected text or a list of texts, found a map"},
    {"strides: 8", "12", "an integer or two of them [a, b], each between 1 and 7, found '8'"},
    {"strides: [1, 2, 3]", "12", "found a list of 3"},
    {"strides: [1, 0]", "16", "expected an integer between 1 and 7, found '0'"},
    {"padding: some", "12", "expected valid, same, an integer, or [top, bottom, left, right]"},
    {"padding: -1", "12", "each of at least 0, found '-1'"},
    {"padding: [1, 2]", "12", "found a list of 2"},
    {"padding: [1, 2, 3, -4]", "22", "expected an integer of at least 0, found '-4'"},
    {"shufle: true", "3", "unknown key 'shufle' in section 's'"},
    {"shufle: true", "3", "\n    2 |   shufle: true\n      |   ^~~~~~\n  did you mean 'shuffle'?"},
    {"tpye: x", "3", "did you mean 'type'?"},
    {"qqqqqqqq: 1", "3", "\n  known: type, shuffle, epochs, units, limit"},
    {"\"a\\nb\": 1", "3", "unknown key 'a?b'"},
    {"name: {}", "9", "found a map"},
};

static void assert_one_error(const char *text, const char *start, const char *part) {
    fl_config *c;
    conf k;
    assert_int_equal(parse(text, &c, &k), FL_ERR_CONFIG);
    assert_int_equal(fl_config_check(c), FL_ERR_CONFIG);
    if (strncmp(fl_message(), start, strlen(start)) != 0)
        fail_msg("expected \"%s\" at the start of:\n%s", start, fl_message());
    assert_contains(fl_message(), part);
    assert_null(strstr(fl_message() + 1, "my.yaml"));
    fl_config_close(c);
}

static void refuses_values(void **state) {
    (void)state;
    for (size_t i = 0; i < FL_COUNT(refused); i++) {
        char *text = fl_format("s:\n  %s\n  units: 1\n", refused[i].line);
        char *start = fl_format("my.yaml:2:%s: error: ", refused[i].column);
        assert_one_error(text, start, refused[i].part);
        fl_free(text);
        fl_free(start);
    }
}

static void refuses_sections(void **state) {
    (void)state;
    assert_one_error("s: 3", "my.yaml:1:4: error: expected a map of options in section 's'", "'3'");
    assert_one_error("s: [a]", "my.yaml:1:4: error: expected a map", "a list of 1");
    assert_one_error("s:\n", "my.yaml:1:1: error: missing key 'units' in section 's'",
                     "add 'units: …', an integer of at least 1: How many.");
    assert_one_error("s: {}", "my.yaml:1:4: error: missing key", "units");
    assert_one_error("t: 1", "my.yaml: error: missing key", "units");
    assert_one_error("s: {units: ~}", "my.yaml:1:12: error: units: ", "it has no default");
}

/* What is promised to users, to the letter. */
static void reads_as_promised(void **state) {
    (void)state;
    static const fl_field freeze[] = {
        {"layers", FL_STRINGS, AT(globs), "[]", .help = NULL},
        {"until", FL_STRING, AT(label), "null", .help = NULL},
        {0},
    };
    fl_config *c = parsed("\n\n\n\n\n\n\n\n\n\n\n\nfreeze:\n  freez_until: layer3\n");
    conf k;
    fl_fields_parse(fl_config_section(c, "freeze"), "section 'freeze'", freeze, NULL, &k);
    assert_int_equal(fl_config_check(c), FL_ERR_CONFIG);
    assert_string_equal(fl_message(),
                        "my.yaml:14:3: error: unknown key 'freez_until' in section 'freeze'\n"
                        "   14 |   freez_until: layer3\n"
                        "      |   ^~~~~~~~~~~\n"
                        "  did you mean 'until'?");
    fl_config_close(c);
}

static size_t times(const char *text, const char *part) {
    size_t n = 0;
    for (; (text = strstr(text, part)); text++) n++;
    return n;
}

static void reports_all_errors_in_order(void **state) {
    (void)state;
    const char *const overrides[] = {"s.rate=x", "s.epochs=0"};
    fl_config *c =
        overridden("s:\n  shuffle: no\n  kimd: x\n  shape: [a, 1, b]\n  units: 0\n", 2, overrides);
    conf k;
    for (int i = 0; i < 2; i++) /* again: nothing is said twice */
        assert_int_equal(
            fl_fields_parse(fl_config_section(c, "s"), "section 's'", fields, NULL, &k),
            FL_ERR_CONFIG);
    assert_int_equal(fl_node_error(fl_config_root(c), "the end of %s", "all\na hint"),
                     FL_ERR_CONFIG);
    assert_int_equal(fl_config_check(c), FL_ERR_CONFIG);
    static const char *const order[] = {
        "my.yaml:2:12: error: shuffle",        "\nmy.yaml:3:3: error: unknown key 'kimd'",
        "\nmy.yaml:4:11: error: shape",        "\nmy.yaml:4:17: error: shape",
        "\nmy.yaml:5:10: error: units",        "\nmy.yaml: error: the end of all\n  a hint",
        "\noverride 's.rate=x':1:8: error: r", "\noverride 's.epochs=0':1:10: error: e",
    };
    const char *at = fl_message();
    for (size_t i = 0; i < FL_COUNT(order); i++) {
        at = strstr(at, order[i]);
        if (!at) fail_msg("\"%s\" is out of order in:\n%s", order[i], fl_message());
    }
    assert_int_equal(times(fl_message(), "error: "), FL_COUNT(order));
    fl_config_close(c);
}

static void node_errors_point(void **state) {
    (void)state;
    static const char *const names[] = {"conv1", "conv2"};
    fl_config *c = parsed("layers:\n  - dense:\n      units: 3\n  - conv: {a: 1}\n");
    fl_node *layers = fl_node_get(fl_config_root(c), "layers");
    fl_node *dense = fl_node_get(fl_node_item(layers, 0), "dense");
    fl_node_unknown(dense, "layer", "conv3", names, 2);
    assert_contains(fl_message(), "my.yaml:2:5: error: unknown layer 'conv3'\n    2 |   - dense:");
    assert_contains(fl_message(), "      |     ^~~~~\n  did you mean 'conv1'?");
    fl_node_error(fl_node_item(layers, 0), "x");
    assert_contains(fl_message(), "my.yaml:2:5: error: x\n    2 |   - dense:\n      |     ^~~~~");
    fl_node_error_key(dense, 0, "x");
    assert_contains(fl_message(), "my.yaml:3:7: error: x\n");
    fl_node_error(layers, "x");
    assert_contains(fl_message(), "my.yaml:1:1: error: x\n");
    fl_node_set_default(dense, "bias", "true");
    fl_node_error(fl_node_get(dense, "bias"), "x");
    assert_contains(fl_message(), "my.yaml:2:5: error: x\n");
    assert_int_equal(fl_node_error(NULL, "x"), FL_ERR_CONFIG);
    assert_string_equal(fl_message(), "error: x");
    fl_config_close(c);
}

/* Whatever stands in the section: the status and the record agree, and the tree can be printed. */
static void survives_flips(void **state) {
    (void)state;
    static const char likely[] = "\n :,-[]{}#'\"~.0123456789eatx\xc3";
    static const char valid[] = "s:\n  shuffle: true\n  epochs: 12\n  units: 3\n  limit: ~\n"
                                "  rate: 0.5\n  kind: sgd\n  shape: [0, 9]\n  mean: [-1, 1e3]\n"
                                "  globs: [a, b]\n  strides: [2, 3]\n  padding: [1, 2, 3, 4]\n";
    size_t counts[2] = {0};
    srand(3);
    for (int i = 0; i < 3000; i++) {
        char text[sizeof valid];
        fl_config *c;
        conf k;
        memcpy(text, valid, sizeof valid);
        text[(size_t)rand() % (sizeof valid - 1)] = likely[(size_t)rand() % (sizeof likely - 1)];
        if (fl_config_parse("my.yaml", text, 0, NULL, &c) != FL_OK) continue;
        fl_status status =
            fl_fields_parse(fl_config_section(c, "s"), "section 's'", fields, also, &k);
        assert_int_equal(status, fl_config_check(c));
        assert_fixed_point(c);
        counts[status == FL_OK]++;
        fl_config_close(c);
    }
    assert_true(counts[0] > 300 && counts[1] > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_values),    cmocka_unit_test(refuses_sections),
        cmocka_unit_test(reads_as_promised), cmocka_unit_test(reports_all_errors_in_order),
        cmocka_unit_test(node_errors_point), cmocka_unit_test(survives_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
