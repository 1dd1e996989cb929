/* The data section: its options, and the preparation that follows from them. */
#include "data/prepare.h"

#include <string.h>

static const char formats[] =
#define FL_DATASET(name) "|" #name
#include "data/datasets.def"
#undef FL_DATASET
    ;

#define ANY_OF(types) "{\"type\": [" types "]}"

const fl_field fl_data_fields[] = {
    {"format", FL_CHOICE, offsetof(fl_data_conf, format), NULL, 0, 0, formats + 1,
     "how the samples are stored", NULL},
    {"train", FL_TREE, offsetof(fl_data_conf, train), "null", 0, 0, NULL,
     "training set: image_folder: a folder of class folders; idx: {images, labels}; cifar10: "
     "[FILE, …]; arrays: "
     "a .safetensors with x and y, or {x, y}; csv: {file, label}; synthetic: {rows, classes}",
     ANY_OF("\"string\", \"array\", \"object\", \"null\"")},
    {"validation", FL_TREE, offsetof(fl_data_conf, validation), "null", 0, 0, NULL,
     "validation set: as train, or {split: 0.1}: this share of the training rows",
     ANY_OF("\"string\", \"array\", \"object\", \"null\"")},
    {"image_size", FL_PAIR, offsetof(fl_data_conf, image_size), "null", 1, FL_IMAGE_MAX_SIDE, NULL,
     "[height, width] that images are resized to; default: the model's input", NULL},
    {"resize", FL_CHOICE, offsetof(fl_data_conf, resize), "stretch", 0, 0, "stretch|crop",
     "stretch: both sides to image_size; crop: the shorter side to 256/224 of it, then the middle "
     "is cut out",
     NULL},
    {"normalize", FL_TREE, offsetof(fl_data_conf, normalize), "scale", 0, 0, NULL,
     "scale: pixels as 0 … 1 (floats stay as they are); none: pixels as 0 … 255; imagenet: "
     "torchvision's; or {mean: "
     "[…], std: […]} of the scaled values",
     ANY_OF("\"string\", \"object\", \"null\"")},
    {"augment", FL_TREE, offsetof(fl_data_conf, augment), "null", 0, 0, NULL,
     "changes to training images: {horizontal_flip, random_crop: {padding}, random_resized_crop: "
     "{scale, ratio}}",
     ANY_OF("\"object\", \"null\"")},
    {"class_names", FL_STRINGS, offsetof(fl_data_conf, class_names), "[]", 0, 0, NULL,
     "names of all classes, where the format has none", NULL},
    {"classes", FL_INTS, offsetof(fl_data_conf, classes), "[]", 0, INT32_MAX, NULL,
     "keep only these class ids, renumbered from 0 in this order", NULL},
    {"limit", FL_INT, offsetof(fl_data_conf, limit), "null", 1, 9e15, NULL,
     "train on this many rows only, drawn from all that classes and a split leave", NULL},
    {"shuffle", FL_BOOL, offsetof(fl_data_conf, shuffle), "true", 0, 0, NULL,
     "a new order each epoch, a function of the seed", NULL},
    {"cache_features", FL_CHOICE, offsetof(fl_data_conf, cache_features), "auto", 0, 0,
     "auto|off|memory|disk", "keep what the frozen part makes of each sample", NULL},
    {"cache_variants", FL_INT, offsetof(fl_data_conf, cache_variants), "null", 1, 1e6, NULL,
     "augmentation makes so many inputs of each sample, which take turns and whose features can be "
     "kept; default: a new one in each epoch, and no features are kept",
     NULL},
    {"cache_dtype", FL_CHOICE, offsetof(fl_data_conf, cache_dtype), "float32", 0, 0,
     "float32|float16", "number format of kept features; float16: half the room, three digits",
     NULL},
    {"on_bad_image", FL_CHOICE, offsetof(fl_data_conf, on_bad_image), "error", 0, 0, "error|skip",
     "an image that cannot be read: stop, or leave it out", NULL},
    {0},
};

typedef struct norm { /* ((value / unit) - mean) / std; n = 0: no mean and std */
    float unit;
    int n_mean, n_std;
    const double *mean, *std;
} norm;

typedef struct statistics {
    fl_floats mean, std;
} statistics;

static const fl_field statistics_fields[] = {
    {"mean", FL_FLOATS, offsetof(statistics, mean), NULL, 0, 0, NULL, "of each channel, or one",
     NULL},
    {"std", FL_FLOATS, offsetof(statistics, std), NULL, 1e-30, 1e30, NULL,
     "standard deviation of each channel, or one", NULL},
    {0},
};

static fl_status own_statistics(fl_node *n, int channels, norm *out) {
    statistics s;
    FL_TRY(fl_fields_parse(n, "'normalize'", statistics_fields, NULL, &s));
    *out = (norm){255.0f, s.mean.n, s.std.n, s.mean.v, s.std.v};
    bool fits = (s.mean.n == 1 || s.mean.n == channels) && (s.std.n == 1 || s.std.n == channels);
    if (fits) return FL_OK;
    return fl_node_error(n, "'mean' and 'std' should have one value or %d, one per channel",
                         channels);
}

static fl_status imagenet(const fl_node *n, int channels, norm *out) {
    static const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
    *out = (norm){255.0f, 3, 3, mean, std};
    if (channels == 3) return FL_OK;
    return fl_node_error(
        n,
        "'imagenet' is for images of 3 channels, but the net's have %d; use 'scale' or "
        "{mean: […], std: […]}",
        channels);
}

static fl_status parse_norm(fl_node *n, int channels, norm *out) {
    static const char *const known[] = {"scale", "imagenet", "none"};
    *out = (norm){.unit = 255.0f};
    if (fl_node_kind_of(n) == FL_NODE_NULL) return FL_OK;
    if (fl_node_kind_of(n) == FL_NODE_MAP) return own_statistics(n, channels, out);
    const char *text = fl_node_text(n);
    if (!text) return fl_node_error(n, "expected scale, imagenet, none or {mean: […], std: […]}");
    if (strcmp(text, "scale") == 0) return FL_OK;
    if (strcmp(text, "imagenet") == 0) return imagenet(n, channels, out);
    out->unit = 1.0f;
    if (strcmp(text, "none") == 0) return FL_OK;
    return fl_node_unknown(n, "normalization", text, known, FL_COUNT(known));
}

static float pick(int n, const double *v, int i, float otherwise) {
    return n == 0 ? otherwise : (float)v[n == 1 ? 0 : i];
}

static void set_norm(fl_prep *p, const norm *n, bool pixels) {
    size_t c = (size_t)p->c;
    p->mean = fl_alloc(c * sizeof(float));
    p->std = fl_alloc(c * sizeof(float));
    if (pixels) p->table = fl_alloc(256 * c * sizeof(float));
    for (size_t i = 0; i < c; i++) {
        p->mean[i] = pick(n->n_mean, n->mean, (int)i, 0.0f);
        p->std[i] = pick(n->n_std, n->std, (int)i, 1.0f);
        for (size_t v = 0; pixels && v < 256; v++)
            p->table[v * c + i] = ((float)v / n->unit - p->mean[i]) / p->std[i];
    }
}

/* ---- the size of an image ---- */

static fl_status refuse_shape(const fl_node *section, const fl_source *s, fl_shape input) {
    char have[64], want[64];
    return fl_node_error(fl_node_get(section, "train"), "rows are %s, but the net's input is %s",
                         fl_shape_text(s->shape, have), fl_shape_text(input, want));
}

/* A row of floats goes into the net as it is, or flattened. */
static fl_status fit_floats(const fl_data_conf *conf, const fl_node *section, const fl_source *s,
                            fl_prep *p) {
    bool flat = p->input.n == 1 && fl_shape_size(p->input) == fl_shape_size(s->shape);
    if (!flat && !fl_shape_equal(p->input, s->shape)) return refuse_shape(section, s, p->input);
    p->h = s->shape.n == 3 ? (int)s->shape.d[0] : 1;
    p->w = s->shape.n == 3 ? (int)s->shape.d[1] : 1;
    p->c = (int)s->shape.d[s->shape.n - 1];
    bool sized = conf->image_size[0] != FL_NONE;
    if (sized && (s->shape.n != 3 || conf->image_size[0] != p->h || conf->image_size[1] != p->w))
        return fl_node_error(fl_node_get(section, "image_size"),
                             "rows of floats are not resized; leave 'image_size' out");
    if (p->augment.resized_crop)
        return fl_node_error(fl_node_get(section, "augment"),
                             "'random_resized_crop' is for 8-bit images; these rows are floats");
    if (s->shape.n == 1 && (p->augment.flip || p->augment.padding))
        return fl_node_error(fl_node_get(section, "augment"), "these rows are vectors, not images");
    return FL_OK;
}

/* Height and width for a net that takes a vector: image_size, or that of the set's images. */
static fl_status size_for_vector(const fl_data_conf *conf, const fl_node *section,
                                 const fl_source *s, fl_prep *p) {
    bool given = conf->image_size[0] != FL_NONE, known = s && s->shape.n == 3;
    if (!given && !known)
        return fl_node_error(section,
                             "the net's input is a vector, so 'image_size' is needed to make "
                             "one of an image");
    int64_t h = given ? conf->image_size[0] : s->shape.d[0],
            w = given ? conf->image_size[1] : s->shape.d[1];
    int64_t features = p->input.d[0], c = features / (h * w);
    if (c * h * w != features || c == 0)
        return fl_node_error(given ? fl_node_get(section, "image_size") : section,
                             "images of %lld x %lld do not fill the net's input of %lld values",
                             (long long)h, (long long)w, (long long)features);
    p->h = (int)h;
    p->w = (int)w;
    p->c = (int)c;
    return FL_OK;
}

static fl_status size_for_image(const fl_data_conf *conf, const fl_node *section, fl_prep *p) {
    p->h = (int)p->input.d[0];
    p->w = (int)p->input.d[1];
    p->c = (int)p->input.d[2];
    if (conf->image_size[0] == FL_NONE) return FL_OK;
    if (conf->image_size[0] == p->h && conf->image_size[1] == p->w) return FL_OK;
    return fl_node_error(fl_node_get(section, "image_size"),
                         "the net's input is [%d, %d]; make them agree, or "
                         "leave 'image_size' out",
                         p->h, p->w);
}

static fl_status fit_images(const fl_data_conf *conf, const fl_node *section, const fl_source *s,
                            fl_prep *p) {
    if (p->input.n == 1)
        FL_TRY(size_for_vector(conf, section, s, p));
    else
        FL_TRY(size_for_image(conf, section, p));
    bool known = s && s->shape.n == 3;
    int from = known ? (int)s->shape.d[2] : 3;
    bool colors = (p->c == 1 || p->c == 3) && (from == 1 || from == 3);
    if (colors || (known && from == p->c)) return FL_OK;
    return fl_node_error(section,
                         "the net wants images of %d channels, but those of the set have %s%d",
                         p->c, known ? "" : "1 or ", from);
}

bool fl_data_inputs_return(const fl_data_conf *c) {
    fl_augment a;
    return c->cache_variants != FL_NONE ||
           (fl_prep_augment(c->augment, &a) == FL_OK && !fl_augment_any(&a));
}

fl_status fl_prep_open(const fl_data_conf *conf, fl_node *section, fl_shape input,
                       const fl_source *s, fl_prep *p) {
    norm n;
    bool floats = s && !s->pixels;
    *p = (fl_prep){.input = input, .resize = conf->resize};
    FL_TRY(fl_prep_augment(conf->augment, &p->augment));
    FL_TRY(floats ? fit_floats(conf, section, s, p) : fit_images(conf, section, s, p));
    FL_TRY(parse_norm(conf->normalize, p->c, &n));
    set_norm(p, &n, !floats);
    return FL_OK;
}

void fl_prep_close(fl_prep *p) {
    fl_free(p->mean);
    fl_free(p->std);
    fl_free(p->table);
}
