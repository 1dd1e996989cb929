/* pool.c: options and geometry of pooling. */
#include "layer/pool.h"

#include "layer/shape.h"

typedef fl_pool conf;

const fl_field fl_pool_fields[] = {
    {FL_OPTION(pool_size, FL_PAIR), .fallback = "2", .min = 1, .max = FL_MAX_KERNEL,
     .help = "Height and width of the window."},
    {FL_OPTION(strides, FL_PAIR), .fallback = "null", .min = 1, .max = FL_MAX_STRIDE,
     .help = "Steps of the window down and across; by default its size."},
    {FL_OPTION(padding, FL_PADDING), .fallback = "valid",
     .help = "valid, same, or pixels added as [top, bottom, left, right]; they do not count."},
    {FL_OPTION(ceil_mode, FL_BOOL), .fallback = "false",
     .help = "Keep a last window that is only partly filled, as PyTorch's ceil_mode."},
    {0},
};

static fl_window window(const fl_pool *p) {
    bool own = p->strides[0] != FL_NONE;
    return (fl_window){
        .size = {p->pool_size[0], p->pool_size[1]},
        .strides = {own ? p->strides[0] : p->pool_size[0], own ? p->strides[1] : p->pool_size[1]},
        .padding = p->padding,
        .ceil_mode = p->ceil_mode,
    };
}

bool fl_pool_plan(const fl_pool *p, fl_shape in, fl_conv *g, fl_layer_plan *out) {
    fl_window w = window(p);
    const fl_padding *pad = &p->padding;
    bool tall = pad->top >= w.size[0] || pad->bottom >= w.size[0];
    bool wide = pad->left >= w.size[1] || pad->right >= w.size[1];
    if (pad->mode == FL_PAD_EXPLICIT && (tall || wide))
        return fl_layer_refuse(out, "the padding must be smaller than the pool");
    if (!fl_window_plan(&w, in, g, out)) return false;
    *out = (fl_layer_plan){.out = fl_shape3(g->oh, g->ow, g->co)};
    out->flops = (double)fl_shape_size(out->out) * g->kh * g->kw;
    return true;
}

fl_conv fl_pool_of(const fl_pool *p, fl_shape in) {
    fl_window w = window(p);
    return fl_window_of(&w, in);
}

fl_conv fl_pool_whole(fl_shape in) {
    fl_pool p = {.pool_size = {in.d[0], in.d[1]}, .strides = {1, 1}};
    return fl_pool_of(&p, in);
}
