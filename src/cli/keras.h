/* keras.h: weights of Keras, which a program of its own reads: frostline-keras, beside this one. */
#ifndef FROSTLINE_CLI_KERAS_H
#define FROSTLINE_CLI_KERAS_H

#include "frostline/weights.h"

bool fl_keras_is_hdf5(const char *path); /* by its first bytes */

/* Opens a copy with our names and order, for a while beside the path `beside`. bgr, flatten (or
 * NULL): as `frostline convert` takes them. */
fl_status fl_keras_import(const char *from, const char *beside, bool bgr, const char *flatten,
                          fl_weights **out);

#endif
