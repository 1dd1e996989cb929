/* shape.c: refusing a shape in words. */
#include "layer/shape.h"

bool fl_layer_refuse(fl_layer_plan *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(out->error, sizeof out->error, format, args);
    va_end(args);
    return false;
}

bool fl_layer_takes_image(fl_shape in, fl_layer_plan *out) {
    char text[64];
    if (in.n == 3) return true;
    return fl_layer_refuse(out, "takes (height, width, channels), not %s; move it before flatten",
                           fl_shape_text(in, text));
}
