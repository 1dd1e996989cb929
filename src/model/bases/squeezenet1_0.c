/* SqueezeNet 1.0 (Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters",
 * 2016), with torchvision's names; a convolution's ReLU is its own activation. */
#include "model/bases/base.h"

static void pool(fl_base_net *net, int at) {
    fl_base_add(net, "max_pool2d", "name: features.%d, pool_size: 3, strides: 2, ceil_mode: true",
                at);
}

/* Squeeze to a few channels, expand by 1x1 and by 3x3, side by side. */
static void fire(fl_base_net *net, int at, int squeeze, int expand) {
    fl_base_add(net, "conv2d",
                "name: features.%d.squeeze, filters: %d, kernel_size: 1, activation: relu", at,
                squeeze);
    fl_base_add(net, "conv2d",
                "name: features.%d.expand1x1, filters: %d, kernel_size: 1, activation: relu", at,
                expand);
    fl_base_add(net, "conv2d",
                "name: features.%d.expand3x3, filters: %d, kernel_size: 3, padding: 1, "
                "activation: relu, inputs: [features.%d.squeeze]",
                at, expand, at);
    fl_base_add(net, "concat",
                "name: features.%d, inputs: [features.%d.expand1x1, features.%d.expand3x3]", at, at,
                at);
}

static void top(fl_base_net *net) {
    fl_base_top(net);
    fl_base_add(net, "dropout", "name: classifier.0, rate: 0.5");
    fl_base_add(net, "conv2d",
                "name: classifier.1, filters: 1000, kernel_size: 1, activation: relu");
    fl_base_add(net, "global_avg_pool2d", "name: classifier.3");
}

static void build(fl_base_net *net, double alpha) {
    (void)alpha;
    fl_base_add(net, "conv2d",
                "name: features.0, filters: 96, kernel_size: 7, strides: 2, activation: relu");
    pool(net, 2);
    fire(net, 3, 16, 64);
    fire(net, 4, 16, 64);
    fire(net, 5, 32, 128);
    pool(net, 6);
    fire(net, 7, 32, 128);
    fire(net, 8, 48, 192);
    fire(net, 9, 48, 192);
    fire(net, 10, 64, 256);
    pool(net, 11);
    fire(net, 12, 64, 256);
    top(net);
}

const fl_base fl_base_squeezenet1_0 = {
    .name = "squeezenet1_0",
    .input = {224, 224, 3},
    .min_size = 32,
    .own = FL_NAMES_TORCHVISION,
    .build = build,
};
