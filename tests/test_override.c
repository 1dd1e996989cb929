/* Overrides: what they do to the tree, and what is refused in them. */
#include "config_fixture.h"

static void overrides_apply(void **state) {
    (void)state;
    const char *const overrides[] = {
        "a.b=3",
        "a.new.er=[x, {y: 1}]",
        "list.1.dense.units=8",
        "~a.gone",
        "list.0='q: r'",
        "nothing.x=t",
        "whole={k: ~}",
        "blank=",
        "eq=a=b",
        "~list.2",
    };
    fl_config *c = overridden("a: {b: 1, gone: 2, kept: 3}\nlist: [0, {dense: {units: 1}}, 2]\n"
                              "nothing:\nwhole: {x: 1, y: 2}\nblank: 1\neq: 1\n",
                              FL_COUNT(overrides), overrides);
    assert_json(c, "{\"a\":{\"b\":3,\"kept\":3,\"new\":{\"er\":[\"x\",{\"y\":1}]}},"
                   "\"list\":[\"q:r\",{\"dense\":{\"units\":8}}],\"nothing\":{\"x\":\"t\"},"
                   "\"whole\":{\"k\":null},\"blank\":null,\"eq\":\"a=b\"}");
    fl_config_close(c);
}

static const struct {
    const char *override, *column, *part;
} bad_overrides[] = {
    {"train", "1", "the form is a.b=value"},
    {"", "1", "the form is a.b=value"},
    {"=3", "1", "a key is empty"},
    {"a..b=3", "3", "a key is empty"},
    {"a.=3", "3", "a key is empty"},
    {"~", "2", "a key is empty"},
    {"~a=3", "3", "has no value"},
    {"~train.epoch", "8", "did you mean 'epochs'?"},
    {"~nowhere.x", "2", "no key 'nowhere'"},
    {"~list.3", "7", "its items are 0 to 1"},
    {"list.2=x", "6", "its items are 0 to 1"},
    {"list.x=x", "6", "the list has no item 'x'"},
    {"list.-1=x", "6", "the list has no item '-1'"},
    {"empty.0=x", "7", "an empty list"},
    {"train.epochs.x=1", "14", "is the value '5'"},
    {"~train.epochs.x", "15", "is the value '5'"},
    {"train.epochs=[1", "16", "a bracket that was opened here"},
    {"train.epochs=*x", "14", "the alias '*x'"},
    {"train.epochs=&x 1", "14", "the anchor '&x'"},
    {"train.epochs=!!int 1", "14", "the tag"},
    {"train.epochs={a: 1, a: 2}", "21", "duplicate key 'a'"},
    {"train.epochs=a: 1", "14", "needs brackets"},
    {"train.epochs=- 1", "14", "needs brackets"},
    {"train.epochs=#1", "14", "quote the value"},
    {"é.ü=\xff", "5", "byte 0xFF is not UTF-8"},
    {"é.ü=@", "5", "cannot start any token"},
};

static void refuses_overrides(void **state) {
    (void)state;
    for (size_t i = 0; i < FL_COUNT(bad_overrides); i++) {
        const char *text = bad_overrides[i].override;
        char *start = strchr(text, '\xff')
                          ? fl_strdup("override 'é.ü=?':1:5: error: ")
                          : fl_format("override '%s':1:%s: error: ", text, bad_overrides[i].column);
        assert_refused("train: {epochs: 5}\nlist: [0, 1]\nempty: []\n", 1, &text, start,
                       bad_overrides[i].part);
        fl_free(start);
    }
}

static void survives_flips(void **state) {
    (void)state;
    static const char likely[] = "\n\t .~=:,-[]{}&*!#'\"|>%@?\\0129\x80\xff";
    const char *const valid[] = {"train.epochs=[1, {a: 'b'}]", "~list.0", "list.1.x={k: ~}"};
    size_t applied = 0, refused = 0;
    srand(2);
    for (int i = 0; i < 3000; i++) {
        char text[64], *override = strcpy(text, valid[i % 3]);
        for (int flips = 0; flips < 1 + i % 2; flips++)
            text[(size_t)rand() % strlen(valid[i % 3])] =
                likely[(size_t)rand() % (sizeof likely - 1)];
        fl_config *c;
        fl_status status = fl_config_parse("my.yaml", "train: {epochs: 5}\nlist: [0, {}]\n", 1,
                                           (const char *const *)&override, &c);
        if (status == FL_OK) assert_fixed_point(c);
        if (status != FL_OK) assert_contains(fl_message(), "error: ");
        applied += status == FL_OK;
        refused += status != FL_OK;
        fl_config_close(c);
    }
    assert_true(applied > 300 && refused > 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overrides_apply),
        cmocka_unit_test(refuses_overrides),
        cmocka_unit_test(survives_flips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
