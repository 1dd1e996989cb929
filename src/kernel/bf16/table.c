/* table.c: the algorithms with operands in bfloat16. */
#include "kernel/bf16/bf16.h"

const fl_conv_algo *const fl_conv_algos_bf16[] = {
    &fl_conv_winograd4_bf16,
    &fl_conv_implicit_bf16,
    NULL,
};
