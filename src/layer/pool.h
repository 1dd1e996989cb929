/* pool.h: the options and the geometry that max_pool2d and avg_pool2d share. */
#ifndef FROSTLINE_LAYER_POOL_H
#define FROSTLINE_LAYER_POOL_H

#include "layer/window.h"

typedef struct fl_pool {
    int64_t pool_size[2], strides[2]; /* strides FL_NONE: the pool's size */
    fl_padding padding;
    bool ceil_mode;
} fl_pool;

extern const fl_field fl_pool_fields[];

/* False, with out->error set, if no window fits or one could lie in the padding altogether. */
bool fl_pool_plan(const fl_pool *p, fl_shape in, fl_conv *g, fl_layer_plan *out);
fl_conv fl_pool_of(const fl_pool *p, fl_shape in);

/* One window that is the whole image. */
fl_conv fl_pool_whole(fl_shape in);

#endif
