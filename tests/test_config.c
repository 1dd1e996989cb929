/* Documents: what is read, and that what is printed reads the same again. */
#include "config_fixture.h"

/* ---- what is read ---- */

static void reads_a_file(void **state) {
    (void)state;
    fl_config *c;
    const char *override = "train.epochs=7";
    assert_int_equal(fl_config_open(TEST_DATA "/config/valid.yaml", 1, &override, &c), FL_OK);
    assert_string_equal(fl_config_path(c), TEST_DATA "/config/valid.yaml");
    assert_contains(fl_config_source(c), "# every kind of thing");
    fl_node *train = fl_config_section(c, "train");
    assert_string_equal(fl_node_text(fl_node_get(train, "epochs")), "7");
    assert_string_equal(fl_node_text(fl_node_get(train, "note")),
                        "two lines,\n  the second indented\n");
    assert_string_equal(fl_node_text(fl_node_get(train, "folded")), "one line in two");
    assert_int_equal(fl_node_kind_of(fl_node_get(train, "empty")), FL_NODE_NULL);
    assert_int_equal(fl_node_kind_of(fl_node_get(train, "nothing")), FL_NODE_NULL);
    fl_node *layers = fl_node_get(fl_config_section(c, "model"), "layers");
    assert_int_equal(fl_node_count(layers), 3);
    assert_string_equal(fl_node_key(fl_node_item(layers, 2), 0), "dense");
    assert_null(fl_node_item(layers, 3));
    assert_null(fl_node_text(layers));
    fl_config_close(c);
    fl_config_close(NULL);
}

static void sections_are_maps(void **state) {
    (void)state;
    fl_config *c = parsed("\xEF\xBB\xBF"
                          "a:\nb: {}\r\n");
    assert_int_equal(fl_node_kind_of(fl_config_section(c, "a")), FL_NODE_MAP);
    assert_int_equal(fl_node_kind_of(fl_config_section(c, "new")), FL_NODE_MAP);
    assert_ptr_equal(fl_config_section(c, "new"), fl_node_get(fl_config_root(c), "new"));
    fl_node_set_default(fl_config_section(c, "a"), "x", "[1, {y: no}]");
    fl_node_set_default(fl_config_section(c, "a"), "x", "2");
    assert_json(c, "{\"a\":{\"x\":[1,{\"y\":\"no\"}]},\"b\":{},\"new\":{}}");
    fl_config_close(c);
}

static void json_is_typed(void **state) {
    (void)state;
    fl_config *c =
        parsed("a: [1, -2, +3, 1.5, 1e3, .5, 5., 0.1, 1.0e-7, 9223372036854775807]\n"
               "b: [true, False, TRUE, null, ~, Null, ]\n"
               "c: ['1', \"true\", 'null', \"\", yes, Off, 0x1F, 010, 1_000, 1:30]\n"
               "d: [.inf, nan, -.INF, 1e999, 9223372036854775808e, ., +, -, 1e, 1.e1]\n");
    assert_json(c, "{\"a\":[1,-2,3,1.5,1000.0,0.5,5.0,0.1,1e-7,9223372036854775807],"
                   "\"b\":[true,false,true,null,null,null],"
                   "\"c\":[\"1\",\"true\",\"null\",\"\",\"yes\",\"Off\",\"0x1F\",\"010\","
                   "\"1_000\",\"1:30\"],"
                   "\"d\":[\".inf\",\"nan\",\"-.INF\",\"1e999\",\"9223372036854775808e\",\".\","
                   "\"+\",\"-\",\"1e\",10.0]}");
    fl_config_close(c);
    c = parsed("x: 0.12345678901234568");
    assert_json(c, "{\"x\":0.12345678901234568}");
    fl_config_close(c);
}

/* ---- printed text is a fixed point ---- */

static char *valid_text(size_t *len) {
    char *text;
    assert_int_equal(fl_file_read(TEST_DATA "/config/valid.yaml", &text, len), FL_OK);
    return text;
}

static void text_is_a_fixed_point(void **state) {
    (void)state;
    size_t len;
    char *text = valid_text(&len);
    fl_config *c = parsed(text);
    assert_fixed_point(c);
    fl_config_close(c);
    fl_free(text);
    c = parsed("{}");
    assert_fixed_point(c);
    fl_config_close(c);
}

/* Texts that would mean something else, or nothing, if they were printed as they are. */
static const char *const traps[] = {
    "true",
    "False",
    "1",
    "-1",
    "1e3",
    ".5",
    "0x10",
    "010",
    "1_000",
    "1:30",
    ".inf",
    "2024-01-01",
    "a: b",
    "a:",
    ":a",
    "a #b",
    "#a",
    "",
    " ",
    " a",
    "a ",
    "~",
    "null",
    "Null",
    "yes",
    "Off",
    "y",
    "-",
    "- a",
    "--- a",
    "...",
    "?",
    "? a",
    "!a",
    "&a",
    "*a",
    "@a",
    "`a",
    "%a",
    "|",
    ">",
    "'",
    "\"",
    "'a'",
    "\"a\"",
    "[",
    "[a]",
    "{a: 1}",
    "a,b",
    "a]b",
    "=",
    "<<",
    "a\nb",
    "\n",
    "a\n",
    "\ta",
    "a\\n",
    "\x01",
    "\x1b[0m",
    "\x7f",
    "\xc2\x85",
    "\xc2\x9f",
    "é",
    "日本",
    "😀",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "\xef\xbf\xbe",
    "block[1-4]_*",
    "vgg*",
    "./a",
    "../a",
    ".a",
    "/a/b",
    "a=b",
    "~/a",
};

static fl_config *config_of_trap(const char *trap) {
    fl_text t = {0};
    fl_text_add(&t, "\"");
    for (const char *s = trap; *s; s++) {
        if (strchr("\"\\", *s)) fl_text_add(&t, "\\");
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            fl_text_add(&t, "\\x%02x", *s);
        else
            fl_text_add(&t, "%c", *s);
    }
    fl_text_add(&t, "\"");
    if (strcmp(trap, "\xc2\x85") == 0) strcpy(t.s, "\"\\N\"");
    if (strcmp(trap, "\xc2\x9f") == 0) strcpy(t.s, "\"\\x9f\"");
    if (strcmp(trap, "\xe2\x80\xa8") == 0) strcpy(t.s, "\"\\L\"");
    if (strcmp(trap, "\xef\xbb\xbf") == 0) strcpy(t.s, "\"\\ufeff\"");
    if (strcmp(trap, "\xef\xbf\xbe") == 0) strcpy(t.s, "\"\\ufffe\"");
    char *text = fl_format("v: %s\nl: [%s, {%s: %s}]\n", t.s, t.s, t.s, t.s);
    fl_config *c = parsed(text);
    fl_free(text);
    fl_free(t.s);
    return c;
}

static void quoted_text_stays_text(void **state) {
    (void)state;
    for (size_t i = 0; i < FL_COUNT(traps); i++) {
        fl_config *c = config_of_trap(traps[i]);
        assert_string_equal(fl_node_text(fl_node_get(fl_config_root(c), "v")), traps[i]);
        assert_fixed_point(c);
        char *text = fl_config_text(c);
        fl_config *again = parsed(text);
        fl_node *list = fl_node_get(fl_config_root(again), "l");
        assert_string_equal(fl_node_text(fl_node_get(fl_config_root(again), "v")), traps[i]);
        assert_string_equal(fl_node_text(fl_node_item(list, 0)), traps[i]);
        assert_string_equal(fl_node_key(fl_node_item(list, 1), 0), traps[i]);
        fl_free(text);
        fl_config_close(again);
        fl_config_close(c);
    }
}

static void other_readers_agree(void **state) {
    (void)state;
    fl_config *c =
        parsed("a: yes\nb: [Off, 'n', 010, 1_000, 2024-01-01, 'é', vgg*, a b]\n\"y\": 1\n");
    char *text = fl_config_text(c);
    assert_string_equal(text, "a: \"yes\"\nb: [\"Off\", \"n\", \"010\", \"1_000\", \"2024-01-01\", "
                              "\"é\", vgg*, a b]\n\"y\": 1\n");
    fl_free(text);
    fl_config_close(c);
}

/* ---- sweeps: damage is refused with a message, or leaves a config like any other ---- */

static bool survives(const char *text) {
    fl_config *c;
    if (fl_config_parse("my.yaml", text, 0, NULL, &c) != FL_OK) {
        assert_contains(fl_message(), "error: ");
        return false;
    }
    assert_fixed_point(c);
    fl_config_close(c);
    return true;
}

static void survives_truncation(void **state) {
    (void)state;
    size_t len, read = 0;
    char *text = valid_text(&len);
    while (len-- > 0) {
        text[len] = '\0';
        read += survives(text);
    }
    assert_true(read > 100);
    fl_free(text);
}

static void survives_flips(void **state) {
    (void)state;
    static const char likely[] = "\n\t :,-[]{}&*!#'\"|>%@?~\\\x80\xff";
    size_t len, read = 0, refused = 0;
    char *text = valid_text(&len);
    srand(1);
    for (int i = 0; i < 4000; i++) {
        size_t at = (size_t)rand() % len;
        char before = text[at];
        if (i % 2)
            text[at] = likely[(size_t)rand() % (sizeof likely - 1)];
        else
            text[at] ^= (char)(1 << rand() % 8);
        bool good = survives(text);
        read += good;
        refused += !good;
        text[at] = before;
    }
    assert_true(read > 500 && refused > 500);
    fl_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_file),           cmocka_unit_test(sections_are_maps),
        cmocka_unit_test(json_is_typed),          cmocka_unit_test(text_is_a_fixed_point),
        cmocka_unit_test(quoted_text_stays_text), cmocka_unit_test(other_readers_agree),
        cmocka_unit_test(survives_truncation),    cmocka_unit_test(survives_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
