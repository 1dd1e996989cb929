/* options.h: how the layers write their option tables. Each file calls the struct it fills `conf`.
 */
#ifndef FROSTLINE_LAYER_OPTIONS_H
#define FROSTLINE_LAYER_OPTIONS_H

#include "frostline/layer.h"

#define FL_OPTION(member, kind) .name = #member, .type = kind, .offset = offsetof(conf, member)

#define FL_OPTION_KERNEL_INITIALIZER                                                               \
    {                                                                                              \
        FL_OPTION(kernel_initializer, FL_CHOICE), .fallback = "glorot_uniform",                    \
                                                  .choices = FL_INIT_CHOICES,                      \
                                                  .help = "How a fresh weight is drawn."           \
    }

/* Bounds that keep every product of sizes within what an int holds after the layer's own checks. */
#define FL_MAX_UNITS  (1 << 24)
#define FL_MAX_KERNEL 256
#define FL_MAX_STRIDE 4096

#endif
