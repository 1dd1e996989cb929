/* What Keras calls a layer's weights. */
#include <string.h>

#include "keras/keras.h"

static const struct {
    const char *keras, *keras1; /* Keras 1: "conv1_W_1" */
    const char *ours;
    fl_keras_role role;
} names[] = {
    {"kernel", "_W", "weight", FL_KERAS_KERNEL},
    {"depthwise_kernel", NULL, "weight", FL_KERAS_DEPTHWISE},
    {"bias", "_b", "bias", FL_KERAS_OTHER},
    {"gamma", "_gamma", "weight", FL_KERAS_SCALE},
    {"beta", "_beta", "bias", FL_KERAS_SHIFT},
    {"moving_mean", "_running_mean", "running_mean", FL_KERAS_MEAN},
    {"moving_variance", "_running_std", "running_var",
     FL_KERAS_VARIANCE}, /* was one, for all its name */
};

static bool ends_with(const char *s, size_t n, const char *end) {
    size_t m = strlen(end);
    return n > m && strncmp(s + n - m, end, m) == 0;
}

/* Without ":0", and for Keras 1 without "_1". Its index, or -1. */
static int find(const char *weight) {
    size_t n = strcspn(weight, ":"), short_n = n;
    for (size_t i = 0; i < FL_COUNT(names); i++)
        if (strlen(names[i].keras) == n && strncmp(weight, names[i].keras, n) == 0) return (int)i;
    while (short_n > 0 && strchr("0123456789", weight[short_n - 1])) short_n--;
    if (short_n > 0 && short_n < n && weight[short_n - 1] == '_') n = short_n - 1;
    for (size_t i = 0; i < FL_COUNT(names); i++)
        if (names[i].keras1 && ends_with(weight, n, names[i].keras1)) return (int)i;
    return -1;
}

fl_keras_role fl_keras_role_of(const char *weight, const char **ours) {
    int i = find(weight);
    *ours = i < 0 ? NULL : names[i].ours;
    return i < 0 ? FL_KERAS_UNKNOWN : names[i].role;
}

bool fl_keras_knows_class(const char *class) {
    static const char *const known[] = {"Conv2D",
                                        "Convolution2D",
                                        "DepthwiseConv2D",
                                        "Dense",
                                        "BatchNormalization",
                                        "BatchNormalizationV1",
                                        "BatchNormalizationV2"};
    for (size_t i = 0; i < FL_COUNT(known); i++)
        if (strcmp(class, known[i]) == 0) return true;
    return false;
}
