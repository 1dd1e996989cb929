/* The network as SimGrid wants it described. */
#include "simulate_internal.h"

/* Between a rank and its alarm, on one host, nothing takes time. Each host has a link of its own to
 * the switch, and one from it; a message goes through two, so each has half of the latency. */
fl_status fl_platform_write(const char *path, int hosts, const fl_network *n) {
    fl_text t = {0};
    fl_text_add(&t,
                "<?xml version='1.0'?>\n"
                "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
                "<platform version=\"4.1\">\n"
                "  <cluster id=\"cluster\" prefix=\"host\" suffix=\"\" radical=\"0-%d\" "
                "speed=\"1Gf\" loopback_bw=\"1TBps\" loopback_lat=\"0s\" bw=\"%.9gBps\" "
                "lat=\"%.9gs\" sharing_policy=\"SPLITDUPLEX\"/>\n"
                "</platform>\n",
                hosts - 1, n->bytes_per_second, n->latency / 2);
    fl_status status = fl_file_write(path, t.s, t.len);
    fl_free(t.s);
    return status;
}

fl_status fl_hosts_write(const char *path, int hosts) {
    fl_text t = {0};
    for (int i = 0; i < 2 * hosts; i++) fl_text_add(&t, "host%d\n", i % hosts);
    fl_status status = fl_file_write(path, t.s, t.len);
    fl_free(t.s);
    return status;
}

/* What is to be told apart from SimGrid's own habits. Its models of TCP are fitted to clusters of
 * long ago; here latency and speed are given as they are measured between two ranks, headers,
 * acknowledgements and the windows of TCP included, so nothing of that is applied once more. */
const char *const fl_simgrid_options[] = {
    "--cfg=smpi/simulate-computation:no", /* this machine's own time is not part of it */
    "--cfg=smpi/bw-factor:0:1",           /* the speed is that of bytes of messages */
    "--cfg=smpi/lat-factor:0:1",
    "--cfg=network/crosstraffic:no", /* acknowledgements of the other way are in the speed */
    "--cfg=network/TCP-gamma:0",     /* no window bounds the speed: 0 for none */
    "--cfg=network/weight-S:0",      /* who shares a link gets the same, near or far */
    "--cfg=smpi/wtime:0",            /* reading the clock takes no time */
    "--cfg=smpi/init:0",
    "--cfg=smpi/coll-selector:ompi",   /* the control sums: as Open MPI would */
    "--cfg=smpi/shared-malloc:global", /* one memory for what travels: payload.c */
    "--cfg=smpi/shared-malloc-blocksize:16777216",
    "--cfg=contexts/stack-size:256", /* KiB a rank */
    "--log=root.thres:warning",
    NULL,
};
