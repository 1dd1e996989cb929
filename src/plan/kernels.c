/* The config's `kernels` section: which algorithm each convolution is to run on. */
#include <string.h>

#include "frostline/plan.h"

enum { AUTO }; /* the first of each choice; a rule leaves out what it is not about: -1 */

static const char *const algorithms[] = {FL_CONV_ALGORITHMS};

static const char rules_schema[] =
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"layers\"]}}";

#define AT(member) offsetof(fl_kernels_conf, member)
const fl_field fl_kernels_fields[] = {
    {"conv", FL_CHOICE, AT(way.pass[FL_PASS_FORWARD]), "auto", 0, 0, FL_CONV_CHOICES,
     "What convolutions run on; auto: each on the fastest.", NULL},
    {"conv_dx", FL_CHOICE, AT(way.pass[FL_PASS_DX]), "auto", 0, 0, FL_CONV_CHOICES,
     "The same for the gradients of their inputs.", NULL},
    {"conv_dw", FL_CHOICE, AT(way.pass[FL_PASS_DW]), "auto", 0, 0, FL_CONV_CHOICES,
     "The same for the gradients of their weights.", NULL},
    {"static_precision", FL_CHOICE, AT(way.precision), "float32", 0, 0, FL_PRECISION_CHOICES,
     "Operands of static convolutions: bf16 is faster, its errors are of a hundredth.", NULL},
    {"rules", FL_TREE, AT(rules), "[]", 0, 0, NULL,
     "The same by layer: a list of {layers: [globs], conv: …}; later ones win.", rules_schema},
    {0},
};

typedef struct rule {
    fl_strings layers;
    fl_kernels_way way;
} rule;

static const fl_field rule_fields[] = {
    {"layers", FL_STRINGS, offsetof(rule, layers), NULL, 0, 0, NULL,
     "Globs of the layers that the rule is for; a base's name means all of it.", NULL},
    {"conv", FL_CHOICE, offsetof(rule, way.pass[FL_PASS_FORWARD]), "null", 0, 0, FL_CONV_CHOICES,
     "What they run on.", NULL},
    {"conv_dx", FL_CHOICE, offsetof(rule, way.pass[FL_PASS_DX]), "null", 0, 0, FL_CONV_CHOICES,
     "The gradients of their inputs.", NULL},
    {"conv_dw", FL_CHOICE, offsetof(rule, way.pass[FL_PASS_DW]), "null", 0, 0, FL_CONV_CHOICES,
     "The gradients of their weights.", NULL},
    {"static_precision", FL_CHOICE, offsetof(rule, way.precision), "null", 0, 0,
     FL_PRECISION_CHOICES, "Their operands, where they are static.", NULL},
    {0},
};

typedef struct settling { /* of one net */
    const fl_model *m;
    const fl_kernels *k;
    fl_conv_setting *setting; /* per layer */
    const fl_node **asked;    /* (layers, FL_PASSES): where the config forces it */
} settling;

static bool is_conv(const fl_model *m, int l) {
    return fl_model_fusion(m, l).kind == FL_FUSION_CONV;
}

/* ---- what is asked for ---- */

static const fl_node *value_of(const fl_node *map, fl_pass pass) {
    static const char *const keys[] = {"conv", "conv_dx", "conv_dw"};
    return fl_node_get(map, keys[pass]);
}

static void set_layer(settling *s, int l, const fl_kernels_way *way, const fl_node *map) {
    for (fl_pass pass = 0; pass < FL_PASSES; pass++) {
        int index = way->pass[pass];
        if (index < 0) continue;
        s->setting[l].forced[pass] = index == AUTO ? NULL : algorithms[index];
        s->asked[l * FL_PASSES + (int)pass] = value_of(map, pass);
    }
    if (way->precision >= 0) s->setting[l].bf16 = way->precision == FL_PRECISION_BF16;
}

static fl_status apply_glob(settling *s, const rule *r, const char *glob, const fl_node *at,
                            const fl_node *map) {
    bool layers = false, convs = false;
    for (int l = 0; l < s->m->n_layers; l++) {
        if (!fl_model_matches(&s->m->layer[l], glob)) continue;
        layers = true;
        if (!is_conv(s->m, l)) continue;
        convs = true;
        set_layer(s, l, &r->way, map);
    }
    if (!layers) return fl_model_unknown(s->m, at, glob);
    return convs ? FL_OK : fl_node_error(at, "'%s' means no conv2d layer", glob);
}

static fl_status apply_rule(settling *s, fl_node *map) {
    rule r;
    FL_TRY(fl_fields_parse(map, "a rule of the kernels", rule_fields, NULL, &r));
    fl_node *layers = fl_node_get(map, "layers");
    fl_status status = FL_OK;
    for (int i = 0; i < r.layers.n; i++) {
        bool list = fl_node_kind_of(layers) == FL_NODE_LIST;
        const fl_node *at = list ? fl_node_item(layers, i) : layers;
        if (apply_glob(s, &r, r.layers.v[i], at, map) != FL_OK) status = FL_ERR_CONFIG;
    }
    return status;
}

static fl_status apply_rules(settling *s, const fl_node *rules) {
    fl_node_kind kind = fl_node_kind_of(rules);
    fl_status status = FL_OK;
    if (kind != FL_NODE_LIST && kind != FL_NODE_NULL)
        return fl_node_error(rules,
                             "rules must be a list: [{layers: [\"conv1\"], conv: winograd4}]");
    for (int i = 0; i < fl_node_count(rules); i++)
        if (apply_rule(s, fl_node_item(rules, i)) != FL_OK) status = FL_ERR_CONFIG;
    return status;
}

/* ---- whether it can be ---- */

static bool has(const char *const *names, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static fl_status check_pass(const settling *s, int l, fl_pass pass) {
    static const char *const what[] = {"forward", "for the gradient of its input",
                                       "for the gradient of its weights"};
    const char *name = s->setting[l].forced[pass], *names[FL_MAX_ALGORITHMS];
    fl_conv g = fl_model_fusion(s->m, l).geometry;
    int n = fl_conv_fitting(s->k, &g, pass, names);
    if (!name || has(names, n, name)) return FL_OK;
    fl_text there = {0};
    for (int i = 0; i < n; i++) fl_text_add(&there, "%s%s", i ? ", " : "", names[i]);
    fl_status status = fl_node_error(
        s->asked[l * FL_PASSES + (int)pass],
        "the %s kernels have no '%s' that fits layer '%s' %s (%d×%d, strides %d×%d)\n"
        "these fit: %s; or leave this layer to a rule of its own with `auto`",
        s->k->name, name, s->m->layer[l].name, what[pass], g.kh, g.kw, g.sh, g.sw, there.s);
    fl_free(there.s);
    return status;
}

/* One message for each place in the config that asks for what cannot be. */
static fl_status check_fits(const settling *s) {
    const fl_node *last[FL_PASSES] = {NULL};
    fl_status status = FL_OK;
    for (int l = 0; l < s->m->n_layers; l++)
        for (fl_pass pass = 0; is_conv(s->m, l) && pass < FL_PASSES; pass++) {
            const fl_node *at = s->asked[l * FL_PASSES + (int)pass];
            if (at && at == last[pass]) continue;
            if (check_pass(s, l, pass) == FL_OK) continue;
            last[pass] = at;
            status = FL_ERR_CONFIG;
        }
    return status;
}

static fl_status check_precision(const settling *s, const fl_node *section) {
    bool wanted = false;
    for (int l = 0; l < s->m->n_layers; l++) wanted = wanted || s->setting[l].bf16;
    if (!wanted || *fl_conv_bf16(s->k)) return FL_OK;
    return fl_node_error(section,
                         "static_precision bf16 wants a processor with AVX-512 BF16 and the avx512 "
                         "kernels; here the %s kernels run; take it out, or set float32",
                         s->k->name);
}

fl_status fl_kernels_settle(const fl_kernels_conf *conf, const fl_node *section, const fl_model *m,
                            const fl_kernels *k, fl_conv_setting *out) {
    settling s = {m, k, out, NULL};
    s.asked = fl_alloc((size_t)m->n_layers * FL_PASSES * sizeof *s.asked);
    memset(out, 0, (size_t)m->n_layers * sizeof *out);
    for (int l = 0; l < m->n_layers; l++)
        if (is_conv(m, l)) set_layer(&s, l, &conf->way, section);
    fl_status status = apply_rules(&s, conf->rules);
    if (status == FL_OK) status = check_fits(&s);
    if (status == FL_OK) status = check_precision(&s, section);
    fl_free(s.asked);
    return status;
}
