/* frostline simulate: one training step on ranks that need not be there, from a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "frostline/process.h"
#include "frostline/simulate.h"

typedef struct words {
    const char *network;
    bool json;
} words;

static void print(const fl_script *s, const fl_network *n, const fl_simulated *r) {
    char step[32], exposed[32], bytes[32];
    printf("%d simulated ranks on %s: %s a step, %s of it waiting for sums; %s sent in %.0f "
           "messages\n",
           s->np, n->name, fl_human_seconds(r->step_seconds, step),
           fl_human_seconds(r->exposed_seconds, exposed), fl_human_bytes(r->sent_bytes, bytes),
           r->messages);
}

static void say(const fl_script *s, const fl_network *n, const fl_simulated *r, bool json) {
    if (!json) {
        print(s, n, r);
        return;
    }
    char *text = fl_simulated_json(s, n, r);
    fputs(text, stdout);
    fl_free(text);
}

static fl_status run_in(const char *dir, const fl_script *s, const fl_network *n, bool json) {
    fl_simulated r;
    fl_process_signals_begin();
    fl_status status = fl_simulate(s, n, dir, &r);
    fl_process_signals_end();
    if (status == FL_OK) say(s, n, &r, json);
    if (status != FL_ERR_INTERNAL) fl_remove_tree(dir); /* whose message names a file in it */
    return status;
}

static fl_status run(const fl_script *s, const fl_network *n, bool json) {
    const char *tmp = getenv("TMPDIR");
    char *dir = fl_format("%s/frostline-simulate-XXXXXX", tmp ? tmp : "/tmp");
    fl_status status = mkdtemp(dir) ? run_in(dir, s, n, json)
                                    : fl_fail(FL_ERR_IO,
                                              "cannot make a folder '%s': %s; set TMPDIR to one "
                                              "with room",
                                              dir, strerror(errno));
    fl_free(dir);
    return status;
}

static fl_status simulate(const fl_arguments *a, const words *w) {
    fl_network n;
    fl_script s;
    FL_TRY(fl_simulate_ready());
    if (!a->config)
        return fl_fail(FL_ERR_CONFIG, "'frostline simulate' wants a file with a step's times; "
                                      "'frostline study --simulate' makes them itself");
    FL_TRY(fl_network_open(w->network ? w->network : "1gbit", false, &n));
    FL_TRY(fl_script_read(a->config, &s));
    fl_status status = run(&s, &n, w->json);
    fl_script_close(&s);
    return status;
}

fl_status fl_cli_simulate(fl_comm *c, int argc, char **argv) {
    (void)c;
    words w = {0};
    fl_arguments a;
    const fl_option options[] = {{"network", &w.network, NULL, NULL},
                                 {"json", NULL, NULL, &w.json},
                                 {NULL, NULL, NULL, NULL}};
    FL_TRY(fl_arguments_parse(argc, argv, options, 0, &a));
    fl_status status = fl_arguments_no_overrides(argv[0], &a);
    if (status == FL_OK) status = simulate(&a, &w);
    fl_arguments_close(&a);
    return status;
}
