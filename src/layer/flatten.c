/* flatten.c: (N, H, W, C) to (N, C * H * W), channels outermost: PyTorch's order, so that the
 * weights of a dense layer behind it are the same in both. Features pass as they are. */
#include "layer/shape.h"

static const fl_field fields[] = {{0}};

static bool plan(const void *options, const fl_shape *in, int n_in, int rows, fl_layer_plan *out) {
    (void)options, (void)n_in, (void)rows;
    *out = (fl_layer_plan){.out = fl_shape1((int64_t)fl_shape_size(in[0]))};
    return true;
}

enum { BLOCK = 16 }; /* channels: a line of the image's memory */

/* list (channels, pixels) from image (pixels, channels), a block of channels at a time: its lines
 * then stay in the cache. */
static void to_list(size_t pixels, size_t channels, const float *image, float *list) {
    for (size_t i = 0; i < channels; i += BLOCK)
        for (size_t p = 0; p < pixels; p++)
            for (size_t k = i; k < i + BLOCK && k < channels; k++)
                list[k * pixels + p] = image[p * channels + k];
}

static void to_image(size_t pixels, size_t channels, const float *list, bool add, float *image) {
    for (size_t i = 0; i < channels; i += BLOCK)
        for (size_t p = 0; p < pixels; p++)
            for (size_t k = i; k < i + BLOCK && k < channels; k++) {
                float *to = image + p * channels + k;
                *to = add ? *to + list[k * pixels + p] : list[k * pixels + p];
            }
}

static void forward(const fl_layer_call *c) {
    size_t pixels = fl_shape_pixels(c->in_shape[0]), n = fl_shape_channels(c->in_shape[0]);
    for (size_t r = 0; r < (size_t)c->rows; r++)
        to_list(pixels, n, c->in[0] + r * pixels * n, c->out + r * pixels * n);
}

static void backward(const fl_layer_call *c) {
    size_t pixels = fl_shape_pixels(c->in_shape[0]), n = fl_shape_channels(c->in_shape[0]);
    for (size_t r = 0; r < (size_t)c->rows && c->din[0]; r++)
        to_image(pixels, n, c->dout + r * pixels * n, !c->fresh[0], c->din[0] + r * pixels * n);
}

static const fl_layer_example examples[] = {
    {"{}", 1, {{3, {2, 3, 4}}}, false},
    {"{}", 1, {{3, {3, 2, 1}}}, false},
    {"{}", 1, {{1, {5}}}, false},
    {"{units: 3}", 1, {{1, {5}}}, true},
    {0},
};

const fl_layer_ops fl_layer_flatten = {
    .name = "flatten",
    .help = "An image as a list of features, channel by channel.",
    .min_in = 1,
    .max_in = 1,
    .writes_din = true,
    .fields = fields,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .examples = examples,
};
