/* Random changes to training images. */
#include "data/prepare.h"

#include <math.h>

enum {
    DRAW_FLIP,
    DRAW_Y,
    DRAW_X,
    DRAW_BOX
}; /* indices of the random numbers; a box takes four a try */
enum { TRIES = 10 };

typedef struct conf {
    bool flip;
    fl_node *crop, *resized_crop;
} conf;

static const fl_field fields[] = {
    {"horizontal_flip", FL_BOOL, offsetof(conf, flip), "false", 0, 0, NULL,
     "mirror every second image", NULL},
    {"random_crop", FL_TREE, offsetof(conf, crop), "null", 0, 0, NULL,
     "{padding}: surround with black, then cut out the image's size anywhere", NULL},
    {"random_resized_crop", FL_TREE, offsetof(conf, resized_crop), "null", 0, 0, NULL,
     "{scale, ratio}: resize a random part of the file's image instead of the whole", NULL},
    {0},
};

static const fl_field crop_fields[] = {
    {"padding", FL_INT, 0, "4", 1, 4096, NULL, "pixels on each side", NULL},
    {0},
};

typedef struct resized_conf {
    fl_floats scale, ratio;
} resized_conf;

static const fl_field resized_fields[] = {
    {"scale", FL_FLOATS, offsetof(resized_conf, scale), "[0.08, 1]", 1e-6, 1, NULL,
     "smallest and largest share of the area", NULL},
    {"ratio", FL_FLOATS, offsetof(resized_conf, ratio), "[0.75, 1.3333333333333333]", 1e-3, 1e3,
     NULL, "smallest and largest width / height", NULL},
    {0},
};

static fl_status take_range(const fl_node *n, const char *key, fl_floats v, double out[2]) {
    if (v.n != 2 || v.v[0] > v.v[1])
        return fl_node_error(fl_node_get(n, key), "'%s' should be [smallest, largest]", key);
    out[0] = v.v[0];
    out[1] = v.v[1];
    return FL_OK;
}

static fl_status parse_resized(fl_node *n, fl_augment *a) {
    resized_conf c;
    if (!n) return FL_OK;
    FL_TRY(fl_fields_parse(n, "'random_resized_crop'", resized_fields, NULL, &c));
    a->resized_crop = true;
    FL_TRY(take_range(n, "scale", c.scale, a->scale));
    return take_range(n, "ratio", c.ratio, a->ratio);
}

static fl_status parse_crop(fl_node *n, fl_augment *a) {
    int64_t padding;
    if (!n) return FL_OK;
    FL_TRY(fl_fields_parse(n, "'random_crop'", crop_fields, NULL, &padding));
    a->padding = (int)padding;
    return FL_OK;
}

fl_status fl_prep_augment(fl_node *augment, fl_augment *a) {
    conf c;
    *a = (fl_augment){0};
    if (!augment) return FL_OK;
    FL_TRY(fl_fields_parse(augment, "'augment'", fields, NULL, &c));
    a->flip = c.flip;
    fl_status status = parse_crop(c.crop, a);
    return parse_resized(c.resized_crop, a) == FL_OK ? status : FL_ERR_CONFIG;
}

bool fl_augment_any(const fl_augment *a) {
    return a->flip || a->padding || a->resized_crop;
}

bool fl_augment_flip(const fl_rng *r) {
    return fl_rng_bits(r, DRAW_FLIP) & 1;
}

void fl_augment_offset(const fl_rng *r, int padding, int *y, int *x) {
    *y = (int)fl_rng_below(r, DRAW_Y, 2 * (uint64_t)padding + 1);
    *x = (int)fl_rng_below(r, DRAW_X, 2 * (uint64_t)padding + 1);
}

static double between(const fl_rng *r, uint64_t i, double lo, double hi) {
    return lo + (hi - lo) * fl_rng_uniform(r, i);
}

/* Area and aspect ratio are drawn, the latter evenly in its logarithm (Szegedy et al., "Going
 * deeper with convolutions", 2015; as torchvision's RandomResizedCrop). */
static bool try_box(const fl_augment *a, const fl_rng *r, uint64_t draw, int h, int w, fl_box *b) {
    double area = (double)h * w * between(r, draw, a->scale[0], a->scale[1]);
    double ratio = exp(between(r, draw + 1, log(a->ratio[0]), log(a->ratio[1])));
    double bw = rint(sqrt(area * ratio)), bh = rint(sqrt(area / ratio));
    if (!(bw > 0 && bw <= w && bh > 0 && bh <= h)) return false;
    *b = (fl_box){.h = (int)bh, .w = (int)bw};
    b->top = (int)fl_rng_below(r, draw + 2, (uint64_t)(h - b->h) + 1);
    b->left = (int)fl_rng_below(r, draw + 3, (uint64_t)(w - b->w) + 1);
    return true;
}

/* The largest part in the middle with a ratio that is allowed. */
static fl_box middle(const fl_augment *a, int h, int w) {
    fl_box b = {.h = h, .w = w};
    double ratio = (double)w / h;
    if (ratio < a->ratio[0]) b.h = (int)fmax(1, fmin(h, rint(w / a->ratio[0])));
    if (ratio > a->ratio[1]) b.w = (int)fmax(1, fmin(w, rint(h * a->ratio[1])));
    b.top = (h - b.h) / 2;
    b.left = (w - b.w) / 2;
    return b;
}

fl_box fl_augment_box(const fl_augment *a, const fl_rng *r, int h, int w) {
    fl_box b;
    for (uint64_t i = 0; i < TRIES; i++)
        if (try_box(a, r, DRAW_BOX + 4 * i, h, w, &b)) return b;
    return middle(a, h, w);
}
