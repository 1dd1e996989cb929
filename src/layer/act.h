/* act.h: activation functions, alone or at the end of another layer. Softmax goes along the
 * channels. */
#ifndef FROSTLINE_LAYER_ACT_H
#define FROSTLINE_LAYER_ACT_H

#include "frostline/layer.h"

/* Whether backward needs the input z (gelu, silu: not invertible); the others make do with the
 * output y, linear with nothing. */
bool fl_act_needs_input(fl_activation a);

/* Turns d from the gradient in y into the gradient in z, in place. Only the one of y and z that
 * fl_act_needs_input names is read. */
void fl_act_backward(fl_activation a, size_t rows, size_t channels, const float *y, const float *z,
                     float *d);

#endif
