/* What is refused in documents and files, and that the message points at it. */
#include <sys/stat.h>
#include <unistd.h>

#include "config_fixture.h"

static const struct {
    const char *text, *place, *part;
} malformed[] = {
    {"", "1:1", "there is nothing in it"},
    {"\n\n", "1:1", "there is nothing in it"},
    {"# only a comment\n", "1:1", "there is nothing in it"},
    {"---\n", "2:1", "not nothing"},
    {"~\n", "1:1", "not nothing"},
    {"text\n", "1:1", "not a single value"},
    {"\"a: 1\"\n", "1:1", "not a single value"},
    {"- a\n- b\n", "1:1", "not a list"},
    {"[a, b]\n", "1:1", "not a list"},
    {"a: 1\na: 2\n", "2:1", "duplicate key 'a'"},
    {"a: 1\n'a': 2\n", "2:1", "there already at line 1, column 1"},
    {"s:\n  k: 1\n  l: 2\n  k: 3\n", "4:3", "duplicate key 'k'"},
    {"s: {k: 1, k: 2}\n", "1:11", "duplicate key 'k'"},
    {"s:\n  - {k: 1}\n  - {j: 1, k: 2, j: 3}\n", "3:18", "duplicate key 'j'"},
    {"é: 1\nx: {é: 1, ü: 2, é: 3}\n", "2:17", "duplicate key 'é'"},
    {"3: 1\n\"3\": 2\n", "2:1", "duplicate key '3'"},
    {"a: &x 1\n", "1:4", "the anchor '&x'"},
    {"a: &x {b: 1}\n", "1:4", "the anchor '&x'"},
    {"a: &x [1]\n", "1:4", "the anchor '&x'"},
    {"a: &x\n  b: 1\n", "1:4", "the anchor '&x'"},
    {"&x a: 1\n", "1:1", "the anchor '&x'"},
    {"a: 1\nb: *x\n", "2:4", "the alias '*x'"},
    {"a: [*]\n", "1:6", "did not find expected alphabetic"},
    {"*x : 1\n", "1:1", "the alias '*x'"},
    {"<<: *x\n", "1:5", "the alias '*x'"},
    {"a: !!int 3\n", "1:4", "the tag 'tag:yaml.org,2002:int'"},
    {"a: !x {b: 1}\n", "1:4", "the tag '!x'"},
    {"a: !x [1]\n", "1:4", "the tag '!x'"},
    {"a: ! b\n", "1:4", "the tag '!'"},
    {"!x a: 1\n", "1:1", "the tag '!x'"},
    {"a: 1\n---\nb: 2\n", "2:1", "a second document"},
    {"a: 1\n...\n---\nb: 2\n", "3:1", "a second document"},
    {"a: 1\n...\n%YAML 1.1\n---\nb: 2\n", "3:1", "a second document"},
    {"[a]: 1\n", "1:1", "a key has to be a word"},
    {"{a: 1}: 1\n", "1:1", "a key has to be a word"},
    {"? [a, b]\n: 1\n", "1:3", "a key has to be a word"},
    {"s: {[a]: 1}\n", "1:5", "a key has to be a word"},
    {"a:\n\tb: 1\n", "2:1", "indent with spaces, not tabs"},
    {"a: \tb: 1\n", "1:6", "mapping values are not allowed"},
    {"a: b: c\n", "1:5", "needs quotes"},
    {"a: 1\n  b: 2\n", "2:4", "mapping values are not allowed"},
    {"a:\n  b: 1\n c: 2\n", "3:2", "start in the same column"},
    {"a: [1, 2\n", "1:9", "that starts at line 1, column 4"},
    {"a: [1, 2\nb: 3\n", "2:2", "a bracket that was opened here"},
    {"a: {b: 1\n", "1:9", "a bracket that was opened here"},
    {"a: [1}\n", "1:6", "did not find expected ',' or ']'"},
    {"a: ]\n", "1:4", "did not find expected node content"},
    {"a: \"b\n", "1:6", "a quote that was opened"},
    {"a: 'b\n", "1:6", "a quote that was opened"},
    {"a: \"b\" c\n", "1:8", "after a closing quote"},
    {"a: \"\\q\"\n", "1:5", "double a backslash"},
    {"a: \"\\ud800\"\n", "1:7", "invalid Unicode"},
    {"a: \"x\\0y\"\n", "1:4", "the character \\0"},
    {"a: @b\n", "1:4", "cannot start any token"},
    {"a: `b\n", "1:4", "cannot start any token"},
    {"a: %b\n", "1:4", "cannot start any token"},
    {"a\nb: 1\n", "2:2", "mapping values are not allowed"},
    {"a: 1\nb\n", "2:2", "a key is followed by a colon"},
    {"a: 1\n- b\n", "2:1", "start in the same column"},
    {"- a\nb: 1\n", "2:1", "items of one list start in the same column"},
    {"a: |x\n", "1:5", "did not find expected comment or line break"},
    {"%YAML 2.0\n---\na: 1\n", "1:1", "incompatible YAML document"},
    {"%FOO\na: 1\n", "1:5", "starts with % needs quotes"},
    {"a: \xff\n", "1:4", "byte 0xFF is not UTF-8"},
    {"a: \xc3\n", "1:4", "byte 0xC3 is not UTF-8"},
    {"é: \xc0\xaf\n", "1:4", "byte 0xC0 is not UTF-8"},
    {"a: \xe0\x80\xaf\n", "1:4", "byte 0xE0 is not UTF-8"},
    {"a: \xed\xa0\x80\n", "1:4", "byte 0xED is not UTF-8"},
    {"a: 1\nb: \xf5\x80\x80\x80\n", "2:4", "byte 0xF5 is not UTF-8"},
    {"a: \x1b[1m\n", "1:4", "control character U+001B"},
    {"a: 1\rb: 2\n", "1:5", "control character U+000D"},
    {"a: \xe2\x80\xa8\n", "1:4", "control character U+2028"},
    {"a: \xc2\x85\n", "1:4", "control character U+0085"},
    {"a: \xef\xbb\xbf\n", "1:4", "control character U+FEFF"},
    {"a: 1\n\xff", "2:1", "save the file as UTF-8"},
};

static void refuses_malformed(void **state) {
    (void)state;
    for (size_t i = 0; i < FL_COUNT(malformed); i++) {
        char *start = fl_format("my.yaml:%s: error: ", malformed[i].place);
        assert_refused(malformed[i].text, 0, NULL, start, malformed[i].part);
        fl_free(start);
    }
}

static char *nested(int depth, const char *open, const char *close) {
    fl_text t = {0};
    fl_text_add(&t, "a: ");
    for (int i = 0; i < depth; i++) fl_text_add(&t, "%s", open);
    for (int i = 0; i < depth; i++) fl_text_add(&t, "%s", close);
    return t.s;
}

static void refuses_depth(void **state) {
    (void)state;
    char *deep = nested(64, "[", "]"), *bombs = nested(100000, "{a: ", ""),
         *fine = nested(63, "[", "]");
    assert_refused(deep, 0, NULL, "my.yaml:1:67: error: ", "nested more than 64 deep");
    assert_refused(bombs, 0, NULL, "my.yaml:1:256: error: ", "nested more than 64 deep");
    fl_config_close(parsed(fine));
    const char *deeper[] = {fl_format("x.y=%s", fine + 3)};
    assert_refused("a: 1", 1, deeper, "override '", "nested more than 64 deep");
    fl_free((char *)deeper[0]);
    fl_free(deep);
    fl_free(bombs);
    fl_free(fine);
}

static void refuses_size(void **state) {
    (void)state;
    size_t most = 4 << 20;
    char *text = fl_alloc(most + 2);
    memset(text, '#', most);
    memcpy(text, "a: 1\n", 5);
    fl_config_close(parsed(text));
    text[most] = '#';
    assert_refused(text, 0, NULL, "my.yaml: error: 4194305 bytes are too much", "4 MiB");
    fl_free(text);
    char key[200] = "";
    memset(key, 'k', 129);
    strcpy(key + 129, ": 1");
    assert_refused(key, 0, NULL, "my.yaml:1:1: error: a key of 129 bytes", "128");
}

static void points_at_the_source_line(void **state) {
    (void)state;
    assert_refused("a: 1\n  # two\nfreez: {ü: 1,\tü: 2}\r\n", 0, NULL, "my.yaml:3:15: error: dup",
                   "\n    3 | freez: {ü: 1,\tü: 2}\n      |              \t^\n  it is there");
    assert_refused("a: &anchor 1\n", 0, NULL, "my.yaml",
                   "\n    1 | a: &anchor 1\n      |    ^~~~~~~~~\n  write");
    char *text = fl_format("a: [%0300d, *x, %0300d]", 7, 7);
    assert_refused(text, 0, NULL, "my.yaml:1:307: error", "\n    1 | …00");
    assert_refused(text, 0, NULL, "my.yaml:1:307: error", "7, *x, 00");
    char *caret = fl_format("00…\n      | %40s^~\n  write", "");
    assert_refused(text, 0, NULL, "my.yaml:1:307: error", caret);
    fl_free(caret);
    fl_free(text);
}

static void refuses_files(void **state) {
    (void)state;
    fl_config *c = (fl_config *)&c;
    char path[] = "/tmp/frostline-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(fl_config_open("/nowhere/x.yaml", 0, NULL, &c), FL_ERR_CONFIG);
    assert_null(c);
    assert_contains(fl_message(), "'/nowhere/x.yaml': No such file");
    assert_int_equal(fl_config_open("/tmp", 0, NULL, &c), FL_ERR_CONFIG);
    assert_contains(fl_message(), "'/tmp' is a folder");
    assert_int_equal(fl_config_open("/dev/zero", 0, NULL, &c), FL_ERR_CONFIG);
    assert_contains(fl_message(), "is not a file");
    assert_int_equal(write(fd, "a: 1\0\n", 6), 6);
    assert_int_equal(fl_config_open(path, 0, NULL, &c), FL_ERR_CONFIG);
    assert_contains(fl_message(), ":1:5: error: the control character U+0000");
    assert_int_equal(ftruncate(fd, (4 << 20) + 1), 0);
    assert_int_equal(fl_config_open(path, 0, NULL, &c), FL_ERR_CONFIG);
    assert_contains(fl_message(), "4194305 bytes");
    assert_int_equal(fchmod(fd, 0), 0);
    if (geteuid() != 0) assert_int_equal(fl_config_open(path, 0, NULL, &c), FL_ERR_CONFIG);
    close(fd);
    unlink(path);
}

static void all_errors_in_order(void **state) {
    (void)state;
    const char *const overrides[] = {"~x", "a.b=[", "~x"};
    assert_refused("b: *x\na: {c: 1, c: 2}\nd: !t 1\n", 0, NULL,
                   "my.yaml:1:4: ", "\nmy.yaml:2:11: ");
    assert_refused("b: *x\na: {c: 1, c: 2}\nd: !t 1\n", 0, NULL,
                   "my.yaml:1:4: ", "\nmy.yaml:3:4: ");
    assert_refused("q: 1\n", 3, overrides, "override '~x':1:2", "\noverride 'a.b=[':1:6");
    fl_text t = {0};
    for (int i = 0; i < 150; i++) fl_text_add(&t, "k%d: *x\n", i);
    assert_refused(t.s, 0, NULL, "my.yaml:1:5: ", "\nand 50 more errors");
    fl_free(t.s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_malformed), cmocka_unit_test(refuses_depth),
        cmocka_unit_test(refuses_size),      cmocka_unit_test(points_at_the_source_line),
        cmocka_unit_test(refuses_files),     cmocka_unit_test(all_errors_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
