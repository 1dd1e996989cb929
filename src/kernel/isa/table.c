/* table.c: the algorithms of one instruction set. */
#include "kernel/isa/isa.h"

static const fl_conv_algo *const conv[] = {
    &FL_ISA(fl_conv_winograd4), &FL_ISA(fl_conv_winograd7), &FL_ISA(fl_conv_gemm),
    &FL_ISA(fl_conv_implicit),  &FL_ISA(fl_conv_direct),    NULL,
};

static const fl_conv_dw_algo *const conv_dw[] = {
    &FL_ISA(fl_conv_dw_winograd4),
    &FL_ISA(fl_conv_dw_winograd7),
    &FL_ISA(fl_conv_dw_implicit),
    &FL_ISA(fl_conv_dw_direct),
    NULL,
};

static const fl_conv_algo *const conv_dx[] = {
    &FL_ISA(fl_conv_dx_winograd4),
    &FL_ISA(fl_conv_dx_winograd7),
    &FL_ISA(fl_conv_dx_implicit),
    NULL,
};

const fl_isa FL_ISA(fl_isa) = {
    .name = FL_ISA_NAME,
    .conv = conv,
    .conv_dw = conv_dw,
    .conv_dx = conv_dx,
    .depthwise = &FL_ISA(fl_depthwise_vector),
    .dense = &FL_ISA(fl_dense_stream),
    .each = &FL_ISA(fl_each_vector),
};
