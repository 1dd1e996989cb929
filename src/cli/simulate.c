/* frostline simulate: one training step on ranks that need not be there, from a file. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
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

static fl_status run(const fl_script *s, const fl_network *n, bool json) {
    char dir[] = "/tmp/frostline-simulate-XXXXXX";
    fl_simulated r;
    if (!mkdtemp(dir)) return fl_fail(FL_ERR_IO, "cannot make a folder in /tmp");
    fl_status status = fl_simulate(s, n, dir, &r);
    if (status != FL_OK) return status; /* the folder stays: the message names a file in it */
    fl_remove_tree(dir);
    if (json) {
        char *text = fl_simulated_json(s, n, &r);
        fputs(text, stdout);
        fl_free(text);
    } else {
        print(s, n, &r);
    }
    return FL_OK;
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
    fl_status status = simulate(&a, &w);
    fl_arguments_close(&a);
    return status;
}
