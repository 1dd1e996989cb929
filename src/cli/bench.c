/* frostline bench: which measurement is meant. */
#include <string.h>

#include "cli/bench.h"

typedef struct measurement {
    const char *name, *title;
    bool collective; /* all ranks run it; else rank 0 alone does */
    fl_status (*run)(fl_comm *c, int argc, char **argv);
} measurement;

static const measurement measurements[] = {
    {"conv", "bench conv", false, fl_bench_conv},
    {"gemm", "bench gemm", false, fl_bench_gemm},
    {"error", "bench error", true, fl_bench_error},
    {"allreduce", "bench allreduce", true, fl_bench_allreduce},
    {"step", "bench step", true, fl_bench_steps},
    {"layers", "bench layers", true, fl_bench_layers_of},
    {"network", "bench network", true, fl_bench_network},
};

static fl_status unknown(const char *word) {
    const char *names[FL_COUNT(measurements)];
    for (size_t i = 0; i < FL_COUNT(measurements); i++) names[i] = measurements[i].name;
    const char *near = fl_nearest(word, names, FL_COUNT(names));
    return fl_fail(FL_ERR_CONFIG, "'frostline bench' cannot measure '%s'%s%s%s", word,
                   near ? "; did you mean '"
                        : "; it can measure conv, gemm, error, allreduce, step, layers and "
                          "network",
                   near ? near : "", near ? "'?" : "");
}

static fl_status run(const measurement *m, fl_comm *c, int argc, char **argv) {
    if (m->collective) return m->run(c, argc, argv);
    return fl_comm_agree(c, fl_comm_rank(c) == 0 ? m->run(c, argc, argv) : FL_OK);
}

fl_status fl_cli_bench(fl_comm *c, int argc, char **argv) {
    if (argc < 2 || argv[1][0] == '-')
        return fl_fail(FL_ERR_CONFIG,
                       "'frostline bench' needs to know what to measure: conv, gemm, "
                       "error, allreduce, step, layers or network; see 'frostline help bench'");
    for (size_t i = 0; i < FL_COUNT(measurements); i++)
        if (strcmp(argv[1], measurements[i].name) == 0) {
            argv[1] = (char *)measurements[i].title;
            return run(&measurements[i], c, argc - 1, argv + 1);
        }
    return unknown(argv[1]);
}
