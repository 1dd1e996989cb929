/* window.h: the geometry of sliding windows, from Keras's words to fl_conv. */
#ifndef FROSTLINE_LAYER_WINDOW_H
#define FROSTLINE_LAYER_WINDOW_H

#include "layer/options.h"

typedef struct fl_window {
    int64_t size[2], strides[2]; /* height, width */
    fl_padding padding;
    bool ceil_mode; /* round the output's size up: as in PyTorch, the last window must begin inside
                       the input or the padding before it */
} fl_window;

/* Fills g but for co, which is set to ci. `same` is TensorFlow's: ceil(input / stride) outputs, the
 * odd pixel of padding behind. False, with out->error set, if `in` is no image or no window fits.
 */
bool fl_window_plan(const fl_window *w, fl_shape in, fl_conv *g, fl_layer_plan *out);

/* The same for shapes that were planned before. */
fl_conv fl_window_of(const fl_window *w, fl_shape in);

/* Bytes of work that a convolution may want, whichever kernels run. */
typedef size_t fl_window_work(const fl_kernels *k, const fl_conv *g, int rows);
size_t fl_window_work_bytes(const fl_conv *g, int rows, fl_window_work *work);

#endif
