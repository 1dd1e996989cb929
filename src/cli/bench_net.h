/* bench_net.h: the distinct convolutions of a net, as inference runs them. */
#ifndef FROSTLINE_CLI_BENCH_NET_H
#define FROSTLINE_CLI_BENCH_NET_H

#include "frostline/conv.h"
#include "frostline/plan.h"

typedef struct fl_bench_conv_case {
    const char *layer; /* the first that is like this; borrowed from the model */
    int layers;        /* how many are */
    fl_conv g;
    bool depthwise;
    fl_epilogue e;         /* bias NULL */
    const char *algorithm; /* what the plan runs it with */
} fl_bench_conv_case;

/* In the order of the net; caller frees. */
fl_bench_conv_case *fl_bench_conv_cases(const fl_plan *p, int *n);

#endif
