/* The same checks on one node and, as if its ranks sat on several, on nodes of few. */
#ifndef CHECK_NODES_H
#define CHECK_NODES_H

#include <stdlib.h>

#include "check_ranks.h"

static inline void run_on_nodes_of(int ranks, void (*run)(void)) {
    fl_comm *whole = comm;
    char text[16];
    snprintf(text, sizeof text, "%d", ranks);
    setenv("FROSTLINE_RANKS_PER_NODE", text, 1);
    check(fl_comm_open(&comm) == FL_OK);
    unsetenv("FROSTLINE_RANKS_PER_NODE");
    check(fl_comm_nodes(comm) == (n_ranks + ranks - 1) / ranks);
    run();
    fl_comm_close(comm);
    comm = whole;
}

/* One node; nodes of one rank, of two, of three: the last may have fewer. */
static inline void run_on_all_nodes(void (*run)(void)) {
    run();
    for (int ranks = 1; ranks <= 3 && ranks < n_ranks; ranks++) run_on_nodes_of(ranks, run);
}

#endif
