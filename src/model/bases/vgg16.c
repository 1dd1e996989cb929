/* VGG16 (Simonyan & Zisserman, "Very deep convolutional networks for large-scale image
 * recognition", 2014), with Keras's layer names; the aliases are torchvision's. */
#include "model/bases/base.h"

static const struct {
    int convs, filters;
} blocks[] = {{2, 64}, {2, 128}, {3, 256}, {3, 512}, {3, 512}};

static void dense(fl_base_net *net, const char *name, int units, const char *activation, int at) {
    fl_base_add(net, "dense", "name: %s, units: %d, activation: %s", name, units, activation);
    fl_base_alias(net, "classifier.%d", at);
}

static void top(fl_base_net *net) {
    fl_base_top(net);
    fl_base_add(net, "flatten", "name: flatten");
    dense(net, "fc1", 4096, "relu", 0);
    dense(net, "fc2", 4096, "relu", 3);
    dense(net, "predictions", 1000, "linear", 6);
}

static void build(fl_base_net *net, double alpha) {
    (void)alpha;
    int at = 0; /* torchvision counts convolutions, ReLUs and poolings */
    for (int b = 0; b < (int)FL_COUNT(blocks); b++) {
        for (int c = 0; c < blocks[b].convs; c++, at += 2) {
            fl_base_add(net, "conv2d",
                        "name: block%d_conv%d, filters: %d, kernel_size: 3, padding: same, "
                        "activation: relu",
                        b + 1, c + 1, blocks[b].filters);
            fl_base_alias(net, "features.%d", at);
        }
        fl_base_add(net, "max_pool2d", "name: block%d_pool, pool_size: 2, strides: 2", b + 1);
        at++;
    }
    top(net);
}

const fl_base fl_base_vgg16 = {
    .name = "vgg16",
    .input = {224, 224, 3},
    .min_size = 32,
    .top_size = 224,
    .own = FL_NAMES_KERAS,
    .alias = FL_NAMES_TORCHVISION,
    .build = build,
};
