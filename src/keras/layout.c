/* Keras's names and orders, and ours. A list of what was an image is the hard part: Keras lists it
 * pixel by pixel, PyTorch channel by channel, and a dense layer's weights follow. */
#include "keras/keras.h"

#include <stdlib.h>
#include <string.h>

#include "frostline/log.h"

typedef struct laying {
    const fl_keras_file *f;
    const fl_keras_net *net;
    const fl_keras_options *o;
    fl_keras_layout *out;
    int64_t image; /* channels of the image so far; 0: none */
    int64_t units; /* of the dense layer before; 0: none */
    bool turned;   /* bgr is done */
    int n_problems;
    fl_text problems;
} laying;

static void problem(laying *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void problem(laying *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fl_text_add(&l->problems, "\n  ");
    fl_text_addv(&l->problems, format, args);
    va_end(args);
    l->n_problems++;
}

/* ---- items ---- */

static fl_keras_item *add(laying *l, int from, const char *layer, const char *name) {
    fl_keras_layout *out = l->out;
    out->item = fl_resize(out->item, (size_t)(out->n + 1) * sizeof *out->item);
    fl_keras_item *item = &out->item[out->n++];
    *item = (fl_keras_item){.from = from, .to = {.name = fl_format("%s.%s", layer, name)}};
    return item;
}

static void shape(fl_keras_item *item, int n, size_t window, size_t ci, size_t co) {
    item->window = window, item->ci = ci, item->co = co;
    item->to.dtype = FL_F32;
    item->to.n = n;
    item->to.d[0] = (int64_t)co;
    item->to.d[1] = (int64_t)(n == 2 ? ci * window : ci);
}

/* (kh, kw, ci, co) to (co, ci, kh, kw); of a depthwise one (kh, kw, c, m) to (c m, 1, kh, kw). */
static void convolution(laying *l, int i, const char *name, bool depthwise) {
    const fl_keras_tensor *t = fl_keras_at(l->f, i);
    fl_keras_item *item = add(l, i, t->layer, name);
    size_t ci = (size_t)t->d[2], co = (size_t)t->d[3];
    shape(item, 4, (size_t)t->d[0] * (size_t)t->d[1], depthwise ? 1 : ci, depthwise ? ci * co : co);
    item->to.d[2] = t->d[0];
    item->to.d[3] = t->d[1];
    l->image = item->to.d[0];
    l->units = 0;
    if (!l->o->bgr && strcmp(t->layer, "block1_conv1") == 0)
        fl_note("Keras's VGG16 for ImageNet takes blue first; for images that are red, green, blue "
                "say --bgr");
    if (!l->o->bgr || l->turned) return;
    item->reversed = l->turned = true;
    if (depthwise || ci != 3)
        problem(l,
                "%s has %zu input channels: it does not take an image, and '--bgr' is for the "
                "convolution that does",
                t->layer, ci);
}

/* The channels that `--flatten` gives a layer; 0: not named. */
static int64_t told(const laying *l, const char *layer) {
    size_t n = strlen(layer);
    for (const char *at = l->o->flatten; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, layer, n) == 0 && at[n] == '=') return strtoll(at + n + 1, NULL, 10);
    }
    return 0;
}

static void ambiguous(laying *l, const char *layer, int64_t inputs) {
    problem(l,
            "%s takes %lld features, and whether those are an image as a list cannot be told: say "
            "--flatten %s=CHANNELS (of that image; 1: it is none)",
            layer, (long long)inputs, layer);
}

/* How many channels the image had that a dense layer sees as a list; 1: it sees none. */
static int64_t channels_of(laying *l, const char *layer, int64_t inputs) {
    int64_t channels = told(l, layer);
    if (channels > 0 && inputs % channels == 0) return channels;
    if (channels > 0) {
        problem(l, "%s takes %lld features, which are no image of %lld channels", layer,
                (long long)inputs, (long long)channels);
        return 1;
    }
    if (l->net->channels_first || l->image == 0 || inputs == l->image || inputs == l->units)
        return 1;
    if (l->units == 0 && inputs % l->image == 0) return l->image;
    ambiguous(l, layer, inputs);
    return 1;
}

static void say_flattened(const laying *l, const char *layer, int64_t inputs, int64_t channels) {
    if (channels > 1)
        fl_note("%s: its %lld features are taken as %lld pixels of %lld channels", layer,
                (long long)inputs, (long long)(inputs / channels), (long long)channels);
    else if (l->image == 0 && l->units == 0 && !fl_keras_config(l->f) && inputs % 3 == 0)
        fl_note("%s: if its %lld features are an image in colour as a list, say --flatten %s=3",
                layer, (long long)inputs, layer);
}

static void dense(laying *l, int i, const char *name) {
    const fl_keras_tensor *t = fl_keras_at(l->f, i);
    int64_t channels = channels_of(l, t->layer, t->d[0]);
    say_flattened(l, t->layer, t->d[0], channels);
    shape(add(l, i, t->layer, name), 2, (size_t)(t->d[0] / channels), (size_t)channels,
          (size_t)t->d[1]);
    l->units = t->d[1];
}

static void vector(laying *l, int i, const char *name) {
    const fl_keras_tensor *t = fl_keras_at(l->f, i);
    fl_keras_item *item = add(l, i, t->layer, name);
    shape(item, 1, 1, 1, (size_t)t->d[0]);
}

/* ---- layer by layer ---- */

static void kernel(laying *l, int i, const char *name, bool depthwise) {
    const fl_keras_tensor *t = fl_keras_at(l->f, i);
    const char *class = fl_keras_class(l->net, t->layer);
    depthwise |= class && strcmp(class, "DepthwiseConv2D") == 0;
    if (t->n == 4)
        convolution(l, i, name, depthwise);
    else if (t->n == 2 && !depthwise)
        dense(l, i, name);
    else
        problem(l, "%s: a kernel of %d dimensions is of no layer that there is here", t->path,
                t->n);
}

static void lay_out(laying *l, int i) {
    const fl_keras_tensor *t = fl_keras_at(l->f, i);
    const char *class = fl_keras_class(l->net, t->layer);
    const char *name;
    fl_keras_role role = fl_keras_role_of(t->weight, &name);
    if (strncmp(t->weight, "seed_generator_state", 20) == 0) return; /* of dropout */
    if (class && !fl_keras_knows_class(class))
        problem(l, "%s: there is no layer like Keras's %s here", t->path, class);
    else if (!name || t->count == 0)
        problem(l, "%s: not a weight of a dense layer, a convolution or a batch norm", t->path);
    else if (role == FL_KERAS_KERNEL || role == FL_KERAS_DEPTHWISE)
        kernel(l, i, name, role == FL_KERAS_DEPTHWISE);
    else if (t->n == 1)
        vector(l, i, name);
    else
        problem(l, "%s has %d dimensions instead of 1", t->path, t->n);
}

/* A batch norm with scale=False or center=False has no gamma or beta: 1 and 0. */
static bool has(const laying *l, const char *layer, fl_keras_role role) {
    for (int i = 0; i < fl_keras_count(l->f); i++) {
        const fl_keras_tensor *t = fl_keras_at(l->f, i);
        const char *name;
        if (strcmp(t->layer, layer) == 0 && fl_keras_role_of(t->weight, &name) == role) return true;
    }
    return false;
}

static void complete(laying *l, int i) {
    static const struct {
        fl_keras_role role;
        const char *name, *option;
        float fill;
    } parts[] = {{FL_KERAS_SCALE, "weight", "scale=False", 1},
                 {FL_KERAS_SHIFT, "bias", "center=False", 0}};
    const fl_keras_tensor *t = fl_keras_at(l->f, i);
    const char *name;
    if (fl_keras_role_of(t->weight, &name) != FL_KERAS_VARIANCE || t->n != 1) return;
    for (size_t k = 0; k < FL_COUNT(parts); k++) {
        if (has(l, t->layer, parts[k].role)) continue;
        fl_keras_item *item = add(l, -1, t->layer, parts[k].name);
        shape(item, 1, 1, 1, (size_t)t->d[0]);
        item->fill = parts[k].fill;
        fl_note("%s has no %s (%s): written as %g", t->layer, parts[k].name, parts[k].option,
                (double)parts[k].fill);
    }
}

/* ---- checks of the whole ---- */

static void check_twins(laying *l) {
    for (int i = 0; i < l->out->n; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(l->out->item[i].to.name, l->out->item[k].to.name) == 0)
                problem(l, "%s is there twice", l->out->item[i].to.name);
}

static bool is_layer(const laying *l, const char *name) {
    for (int i = 0; i < fl_keras_count(l->f); i++)
        if (strcmp(fl_keras_at(l->f, i)->layer, name) == 0) return true;
    return false;
}

static fl_status check_entry(const laying *l, const char *entry) {
    char *end, *equals = strchr(entry, '=');
    if (!equals || equals == entry || strtoll(equals + 1, &end, 10) < 1 || *end)
        return fl_fail(FL_ERR_CONFIG,
                       "option '--flatten': '%s' is not LAYER=CHANNELS, such as fc1=512", entry);
    *equals = '\0';
    if (is_layer(l, entry)) return FL_OK;
    int n = fl_keras_count(l->f);
    const char **all = fl_alloc((size_t)n * sizeof *all);
    for (int i = 0; i < n; i++) all[i] = fl_keras_at(l->f, i)->layer;
    const char *near = fl_nearest(entry, all, (size_t)n);
    fl_free(all);
    return fl_fail(FL_ERR_CONFIG, "option '--flatten': no layer '%s' has weights%s%s%s", entry,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static fl_status check_flatten(const laying *l) {
    fl_status status = FL_OK;
    for (const char *at = l->o->flatten; at && status == FL_OK; at = strchr(at, ',')) {
        at += *at == ',';
        char *entry = fl_strndup(at, strcspn(at, ","));
        status = check_entry(l, entry);
        fl_free(entry);
    }
    return status;
}

fl_status fl_keras_lay_out(const fl_keras_file *f, const fl_keras_net *net,
                           const fl_keras_options *o, fl_keras_layout *out) {
    laying l = {.f = f, .net = net, .o = o, .out = out, .image = net->image_channels};
    *out = (fl_keras_layout){0};
    FL_TRY(check_flatten(&l));
    for (int i = 0; i < fl_keras_count(f); i++) {
        lay_out(&l, i);
        complete(&l, i);
    }
    check_twins(&l);
    if (o->bgr && !l.turned) problem(&l, "'--bgr': there is no convolution");
    fl_status status = FL_OK;
    if (l.n_problems > 0)
        status = fl_fail(FL_ERR_INPUT, "%s: not all of it can be taken:%s", fl_keras_path(f),
                         l.problems.s);
    fl_free(l.problems.s);
    return status;
}

void fl_keras_layout_close(fl_keras_layout *l) {
    for (int i = 0; i < l->n; i++) fl_free((char *)l->item[i].to.name);
    fl_free(l->item);
}

void fl_keras_turn(const fl_keras_item *item, const float *from, float *to) {
    size_t W = item->window, I = item->ci, O = item->co;
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < I; i++) {
            size_t source = item->reversed ? I - 1 - i : i;
            for (size_t w = 0; w < W; w++) *to++ = from[(w * I + source) * O + o];
        }
}
