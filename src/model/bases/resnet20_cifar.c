/* ResNet-20 for CIFAR (He et al., "Deep residual learning for image recognition", 2015,
 * section 4.2), with torchvision's names of basic blocks; a shortcut that changes shape is a 1x1
 * convolution and a batch norm. */
#include "model/bases/base.h"

static void norm(fl_base_net *net, const char *name) {
    fl_base_add(net, "batch_norm", "name: %s, epsilon: 1.0e-5", name);
}

/* 3x3, padded on all sides also where it strides, as PyTorch does and `same` would not. */
static void conv(fl_base_net *net, const char *name, int filters, int stride, const char *input) {
    fl_base_add(net, "conv2d",
                "name: %s, filters: %d, kernel_size: 3, strides: %d, padding: 1, use_bias: false, "
                "inputs: [%s]",
                name, filters, stride, input);
}

static void shortcut(fl_base_net *net, const char *block, int filters, const char *input) {
    char name[48];
    fl_base_add(net, "conv2d",
                "name: %s.downsample.0, filters: %d, kernel_size: 1, strides: 2, use_bias: false, "
                "inputs: [%s]",
                block, filters, input);
    snprintf(name, sizeof name, "%s.downsample.1", block);
    norm(net, name);
}

/* The block's output layer is named as the block. */
static void block(fl_base_net *net, const char *name, int filters, int stride, const char *input) {
    char part[4][32];
    static const char *const parts[] = {"conv1", "bn1", "conv2", "bn2"};
    for (int i = 0; i < 4; i++) snprintf(part[i], sizeof part[i], "%s.%s", name, parts[i]);
    conv(net, part[0], filters, stride, input);
    norm(net, part[1]);
    fl_base_add(net, "activation", "name: %s.relu, activation: relu", name);
    fl_base_add(net, "conv2d", "name: %s, filters: %d, kernel_size: 3, padding: 1, use_bias: false",
                part[2], filters);
    norm(net, part[3]);
    if (stride > 1) shortcut(net, name, filters, input);
    fl_base_add(net, "add", "name: %s.add, inputs: [%s, %s%s]", name, part[3],
                stride > 1 ? name : input, stride > 1 ? ".downsample.1" : "");
    fl_base_add(net, "activation", "name: %s, activation: relu", name);
}

static void build(fl_base_net *net, double alpha) {
    (void)alpha;
    char name[16], input[16] = "relu";
    conv(net, "conv1", 16, 1, "input");
    norm(net, "bn1");
    fl_base_add(net, "activation", "name: relu, activation: relu");
    for (unsigned stage = 0; stage < 3; stage++)
        for (unsigned b = 0; b < 3; b++) {
            snprintf(name, sizeof name, "layer%u.%u", stage + 1, b);
            block(net, name, 16 << stage, stage > 0 && b == 0 ? 2 : 1, input);
            snprintf(input, sizeof input, "%s", name);
        }
    fl_base_top(net);
    fl_base_add(net, "global_avg_pool2d", "name: avgpool");
    fl_base_add(net, "dense", "name: fc, units: 10");
}

const fl_base fl_base_resnet20_cifar = {
    .name = "resnet20_cifar",
    .input = {32, 32, 3},
    .min_size = 8,
    .own = FL_NAMES_TORCHVISION,
    .build = build,
};
