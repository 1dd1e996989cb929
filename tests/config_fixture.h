/* What the tests of configs share. */
#ifndef FROSTLINE_TESTS_CONFIG_FIXTURE_H
#define FROSTLINE_TESTS_CONFIG_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "frostline/config.h"
#include "unit.h"

static inline fl_config *overridden(const char *text, int n, const char *const *overrides) {
    fl_config *c;
    if (fl_config_parse("my.yaml", text, n, overrides, &c) != FL_OK) fail_msg("%s", fl_message());
    return c;
}

static inline fl_config *parsed(const char *text) {
    return overridden(text, 0, NULL);
}

static inline void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("expected \"%s\" in:\n%s", part, text);
}

static inline void assert_json(fl_config *c,
                               const char *expected) { /* compares without white space */
    char *json = fl_config_json(c), *to = json;
    for (const char *s = json; *s; s++)
        if (*s != ' ' && *s != '\n') *to++ = *s;
    *to = '\0';
    assert_string_equal(json, expected);
    fl_free(json);
}

static inline void assert_refused(const char *text, int n, const char *const *overrides,
                                  const char *start, const char *part) {
    fl_config *c = (fl_config *)&c;
    fl_status status = fl_config_parse("my.yaml", text, n, overrides, &c);
    if (status != FL_ERR_CONFIG) fail_msg("status %d for:\n%s", (int)status, text);
    assert_null(c);
    if (strncmp(fl_message(), start, strlen(start)) != 0)
        fail_msg("expected \"%s\" at the start of:\n%s", start, fl_message());
    assert_contains(fl_message(), part);
}

/* What is printed, read again, prints the same. */
static inline void assert_fixed_point(fl_config *c) {
    char *text = fl_config_text(c), *json = fl_config_json(c);
    fl_config *again = parsed(text);
    char *text_again = fl_config_text(again), *json_again = fl_config_json(again);
    assert_string_equal(text, text_again);
    assert_string_equal(json, json_again);
    fl_free(text);
    fl_free(json);
    fl_free(text_again);
    fl_free(json_again);
    fl_config_close(again);
}

#endif
