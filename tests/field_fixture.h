/* A table with an option of every type, for the tests of tables. */
#ifndef FROSTLINE_TESTS_FIELD_FIXTURE_H
#define FROSTLINE_TESTS_FIELD_FIXTURE_H

#include <math.h>

#include "config_fixture.h"

typedef struct conf {
    bool shuffle;
    int64_t epochs, units, limit;
    double rate, clip;
    const char *name, *label;
    int kind;
    fl_ints shape;
    fl_floats mean;
    fl_strings globs;
    int64_t strides[2], pool[2];
    fl_padding padding;
    fl_node *tree;
} conf;

#define AT(member) offsetof(conf, member)

static const fl_field fields[] = {
    {"shuffle", FL_BOOL, AT(shuffle), "true", .help = "Shuffles."},
    {"epochs", FL_INT, AT(epochs), "5", 1, 1000, .help = "How often."},
    {"units", FL_INT, AT(units), NULL, 1, INFINITY, .help = "How many."},
    {"limit", FL_INT, AT(limit), "null", .help = "At most so many."},
    {"rate", FL_FLOAT, AT(rate), "1.0e-3", 0, 10, .help = NULL},
    {"clip", FL_FLOAT, AT(clip), "null", .help = "The largest norm."},
    {"name", FL_STRING, AT(name), "a name", .help = "What it is called."},
    {"label", FL_STRING, AT(label), "null", .help = "What it is called, too."},
    {"kind", FL_CHOICE, AT(kind), "adamw", .choices = "adam|adamw|sgd|off", .help = "Which."},
    {"shape", FL_INTS, AT(shape), "[1, 2]", 0, 9, .help = "A shape."},
    {"mean", FL_FLOATS, AT(mean), "[0.5, 2]", .help = "Means."},
    {"globs", FL_STRINGS, AT(globs), "[]", .help = "Patterns."},
    {"strides", FL_PAIR, AT(strides), "1", 1, 7, .help = "Steps."},
    {"pool", FL_PAIR, AT(pool), "null", 1, 7, .help = "As the strides."},
    {"padding", FL_PADDING, AT(padding), "valid", .help = "Rows and columns around the image."},
    {"tree", FL_TREE, AT(tree), "null", .help = "Anything.", .schema = "{\"type\": \"object\"}"},
    {0},
};

static const char *const also[] = {"type", NULL};

static inline fl_status parse(const char *text, fl_config **c, conf *k) {
    *c = parsed(text);
    memset(k, 0xAB, sizeof *k);
    return fl_fields_parse(fl_config_section(*c, "s"), "section 's'", fields, also, k);
}

#endif
