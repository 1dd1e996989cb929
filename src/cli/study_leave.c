/* What a study leaves behind, and what it ran on. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/launch.h"
#include "cli/study.h"

enum { MAX_FACTS = 24 };

char *fl_study_cores_warning(const fl_study_conf *c) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int most = c->np[c->n_np - 1];
    if (c->collected || (c->hosts && !fl_launch_is_virtual(c->hosts)) || most <= cores) return NULL;
    return fl_format("%d ranks share the %ld cores of this machine: what is measured beyond %ld "
                     "ranks is not what as many cores would do",
                     most, cores, cores);
}

static json_t *environment(const fl_study_conf *c, const fl_study_runs *runs) {
    for (int i = 0; i < runs->n; i++) {
        char *path = fl_format("%s/%s/env.json", c->runs, runs->run[i].key);
        json_t *o = json_load_file(path, 0, NULL);
        fl_free(path);
        if (o) return o;
    }
    return NULL;
}

static int add_fact(const char *fact[MAX_FACTS][2], int n, const char *name, const char *value) {
    fact[n][0] = name;
    fact[n][1] = value;
    return n + 1;
}

static int collect_facts(const fl_study_conf *c, const json_t *env,
                         const char *fact[MAX_FACTS][2]) {
    const char *binding = getenv("OMPI_MCA_hwloc_base_binding_policy"), *key;
    const json_t *value;
    int n = 0;
    if (!c->collected) {
        n = add_fact(fact, n, "mode",
                     c->weak ? "weak: batch_size is that of a rank"
                             : "strong: batch_size is that of all ranks");
        n = add_fact(fact, n, "hosts", c->hosts ? c->hosts : "this machine");
        n = add_fact(fact, n, "binding", binding ? binding : "mpirun's own");
    }
    json_object_foreach((json_t *)env, key, value) {
        bool moves = strcmp(key, "ranks and nodes") == 0 || strcmp(key, "command") == 0;
        if (json_is_string(value) && !moves && n < MAX_FACTS)
            n = add_fact(fact, n, key, json_string_value(value));
    }
    return n;
}

static const char *unfrozen_rule(const fl_study_conf *c) {
    for (int i = 0; i < c->n_rules; i++)
        if (strcmp(c->rule[i], "none") == 0) return c->rule[i];
    return NULL;
}

fl_status fl_study_leave(const fl_study_conf *c, const fl_study_runs *runs) {
    const char *fact[MAX_FACTS][2];
    char *warning = fl_study_cores_warning(c),
         *source = c->collected ? fl_format("the runs in %s", c->runs)
                                : fl_strdup("study.jsonl in this folder");
    json_t *env = environment(c, runs);
    fl_study_page page = {.title = c->title,
                          .command = fl_cli_command_line,
                          .config_text = c->config_text,
                          .warning = warning,
                          .source = source,
                          .none = unfrozen_rule(c),
                          .n_rules = c->n_rules,
                          .n_np = c->n_np,
                          .rule = (const char *const *)c->rule,
                          .np = c->np,
                          .n_simulated = c->n_simulated,
                          .simulated = c->simulated,
                          .network = c->network.name,
                          .latency_seconds = c->network.latency,
                          .bytes_per_second = c->network.bytes_per_second,
                          .n_facts = collect_facts(c, env, fact),
                          .fact = (const char *const(*)[2])fact};
    fl_status status = fl_study_write(c->dir, &page, runs);
    if (status == FL_OK && c->gnuplot) status = fl_study_gnuplot(c->dir, &page, runs);
    json_decref(env);
    fl_free(warning);
    fl_free(source);
    return status;
}
