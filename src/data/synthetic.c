/* Rows made up for trying things out: {rows: N, classes: K}. A row of class k is the pattern of k
 * plus noise, so that a net can learn it. The pattern of an image is a grid of 4 × 4 cells a
 * channel, that of a vector up to 256 runs. */
#include "data/dataset.h"

#include "frostline/rng.h"

#include <string.h>

enum { GRID = 4, MAX_RUNS = 256 };

typedef struct state {
    int64_t rows, classes;
    double noise;
    fl_rng rng;
    int cells;
    float *pattern; /* (classes, cells) */
} state;

static const fl_field fields[] = {
    {"rows", FL_INT, offsetof(state, rows), NULL, 1, 1e9, NULL, "how many", NULL},
    {"classes", FL_INT, offsetof(state, classes), "null", 1, 1e5, NULL,
     "classes, in turn; default: 10, or those of the training set", NULL},
    {"noise", FL_FLOAT, offsetof(state, noise), "0.5", 0, 1e6, NULL,
     "largest deviation from the pattern, whose values lie in -1 … 1", NULL},
    {0},
};

static int count_cells(fl_shape shape) {
    if (shape.n == 3) return (int)(GRID * GRID * shape.d[2]);
    return (int)(shape.d[0] < MAX_RUNS ? shape.d[0] : MAX_RUNS);
}

static int64_t cell_of(fl_shape s, int cells, int64_t i) {
    if (s.n == 1) return i * cells / s.d[0];
    int64_t c = i % s.d[2], x = i / s.d[2] % s.d[1], y = i / s.d[2] / s.d[1];
    return ((y * GRID / s.d[0]) * GRID + x * GRID / s.d[1]) * s.d[2] + c;
}

/* Both sets have the same patterns and each its own noise. */
static void make_patterns(state *t) {
    fl_rng rng = {.seed = t->rng.seed, .stream = FL_STREAM_SYNTHETIC};
    t->pattern = fl_alloc((size_t)t->classes * (size_t)t->cells * sizeof *t->pattern);
    for (int64_t k = 0; k < t->classes; k++)
        for (int c = 0; c < t->cells; c++) {
            rng.sample = (uint64_t)k;
            t->pattern[k * t->cells + c] = (float)(2.0 * fl_rng_uniform(&rng, (uint64_t)c) - 1.0);
        }
}

static fl_status set_labels(fl_source *s, const state *t) {
    int64_t *wide = fl_alloc((size_t)t->rows * sizeof *wide);
    for (int64_t i = 0; i < t->rows; i++) wide[i] = i % t->classes;
    fl_status status = fl_source_set_labels(s, "synthetic", wide, t->rows);
    fl_free(wide);
    s->classes = (int)t->classes;
    return status;
}

/* The role decides, so that a validation set opened alone is the one opened beside train. */
static uint32_t noise_of(const char *role) {
    return strcmp(role, "validation") == 0 ? 2 : 1;
}

static fl_status open_synthetic(const fl_source_conf *conf, fl_source *s) {
    state *t = s->state = fl_alloc(sizeof *t);
    if (fl_node_kind_of(conf->node) != FL_NODE_MAP)
        return fl_node_error(conf->node, "synthetic wants {rows: N, classes: K} here");
    FL_TRY(fl_fields_parse(conf->node, "a synthetic set", fields, NULL, t));
    if (t->classes == FL_NONE) t->classes = conf->train ? conf->train->classes : 10;
    t->rng =
        (fl_rng){.seed = conf->seed, .stream = FL_STREAM_SYNTHETIC, .epoch = noise_of(conf->role)};
    t->cells = count_cells(conf->input);
    s->rows = t->rows;
    s->shape = conf->input;
    s->bytes = (size_t)t->classes * (size_t)t->cells * sizeof *t->pattern;
    s->hash = fl_hash(&t->noise, sizeof t->noise, s->hash ^ conf->seed ^ t->rng.epoch);
    make_patterns(t);
    return set_labels(s, t);
}

static fl_status read_synthetic(const fl_source *s, int64_t i, fl_image *image) {
    const state *t = s->state;
    size_t n = fl_shape_size(s->shape);
    const float *pattern = t->pattern + s->label[i] * (int64_t)t->cells;
    float *v = fl_buffer_need(&image->memory, n * sizeof *v);
    fl_rng rng = t->rng;
    uint64_t bits = 0; /* four draws of 16 bits */
    rng.sample = (uint64_t)i;
    for (size_t e = 0; e < n; e++, bits >>= 16) {
        if (e % 4 == 0) bits = fl_rng_bits(&rng, e / 4);
        double u = ((double)(bits & 0xffff) + 0.5) / 32768.0 - 1.0;
        v[e] = pattern[cell_of(s->shape, t->cells, (int64_t)e)] + (float)(t->noise * u);
    }
    image->values = v;
    image->pixels = NULL;
    return FL_OK;
}

static void close_synthetic(fl_source *s) {
    state *t = s->state;
    if (t) fl_free(t->pattern);
    fl_free(t);
}

const fl_dataset_ops fl_dataset_synthetic = {.name = "synthetic",
                                             .ids_from_train = true,
                                             .open = open_synthetic,
                                             .read = read_synthetic,
                                             .close = close_synthetic};
