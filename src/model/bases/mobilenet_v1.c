/* MobileNet (Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision
 * applications", 2017), with its width multiplier alpha. The aliases are Keras's names. */
#include "model/bases/base.h"

static const struct {
    int filters, stride;
} blocks[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
              {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};

/* A convolution that strides is padded at the bottom and the right only. */
static const char *padding(int stride) {
    return stride == 2 ? "[0, 1, 0, 1]" : "same";
}

static void norm_relu6(fl_base_net *net, const char *norm, const char *alias, const char *relu) {
    fl_base_add(net, "batch_norm", "name: %s, epsilon: 1.0e-3", norm);
    fl_base_alias(net, "%s", alias);
    fl_base_add(net, "activation", "name: %s, activation: relu6", relu);
}

static void norm_of(fl_base_net *net, int n, const char *kind) {
    char norm[24], alias[24], relu[24];
    snprintf(norm, sizeof norm, "blocks.%d.%s_bn", n, kind);
    snprintf(alias, sizeof alias, "conv_%s_%d_bn", kind, n + 1);
    snprintf(relu, sizeof relu, "blocks.%d.%s_relu", n, kind);
    norm_relu6(net, norm, alias, relu);
}

static void block(fl_base_net *net, int n, int filters, int stride) {
    fl_base_add(net, "depthwise_conv2d",
                "name: blocks.%d.dw, kernel_size: 3, strides: %d, padding: %s, use_bias: false", n,
                stride, padding(stride));
    fl_base_alias(net, "conv_dw_%d", n + 1);
    norm_of(net, n, "dw");
    fl_base_add(net, "conv2d", "name: blocks.%d.pw, filters: %d, kernel_size: 1, use_bias: false",
                n, filters);
    fl_base_alias(net, "conv_pw_%d", n + 1);
    norm_of(net, n, "pw");
}

static void build(fl_base_net *net, double alpha) {
    fl_base_add(
        net, "conv2d",
        "name: conv1, filters: %d, kernel_size: 3, strides: 2, padding: %s, use_bias: false",
        (int)(32 * alpha), padding(2));
    norm_relu6(net, "bn1", "conv1_bn", "relu1");
    for (int n = 0; n < (int)FL_COUNT(blocks); n++)
        block(net, n, (int)(blocks[n].filters * alpha), blocks[n].stride);
    fl_base_top(net);
    fl_base_add(net, "global_avg_pool2d", "name: avgpool");
    fl_base_add(net, "dense", "name: fc, units: 1000");
    fl_base_alias(net, "conv_preds");
}

const fl_base fl_base_mobilenet_v1 = {
    .name = "mobilenet_v1",
    .input = {224, 224, 3},
    .min_size = 32,
    .scales = true,
    .alias = FL_NAMES_KERAS,
    .build = build,
};
