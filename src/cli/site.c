/* Measuring what the cost model needs, where the steps are to run. */
#include "cli/site_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/launch.h"
#include "frostline/log.h"

enum { MOST_AT_A_CORE = 4 }; /* ranks that are measured; more take so many times longer */

/* ---- how ranks stand ---- */

static int nodes_at(const fl_site *s, int np) {
    if (s->is_virtual) return np < s->nodes ? np : s->nodes;
    return (int)(((int64_t)np * s->nodes + s->most - 1) / s->most);
}

int fl_site_nodes(const fl_site *s, int np) {
    return nodes_at(s, np);
}

const fl_network *fl_site_network(const fl_site *s) {
    return *s->network.name && s->nodes > 1 ? &s->network : NULL;
}

/* Ranks of one machine: those of a virtual cluster share this one. */
static int together(const fl_site *s, int np) {
    int nodes = nodes_at(s, np);
    return s->is_virtual ? np : (np + nodes - 1) / nodes;
}

/* As many as can be measured here. A node elsewhere is taken to have a core for each. */
int fl_site_crowd(const fl_site *s, int np) {
    int ranks = together(s, np), cores = (int)s->cores;
    bool elsewhere = !s->hosts && nodes_at(s, np) > 1;
    int most = elsewhere ? cores : MOST_AT_A_CORE * cores;
    return ranks < most ? ranks : most;
}

/* ---- measuring ---- */

static fl_status run(const fl_launch *l) {
    int code = 0;
    FL_TRY(fl_launch_run(l, &code));
    if (fl_process_interrupted()) return fl_fail(FL_ERR_STOPPED, "stopped while measuring");
    if (code == 0) return FL_OK;
    char *words = fl_process_last_words(l->log);
    fl_status status = fl_fail(code <= FL_ERR_HANG ? (fl_status)code : FL_ERR_INTERNAL,
                               "'frostline %s %s' on %d rank%s, which the cost model needs: %s",
                               l->word[0], l->word[1], l->np, l->np > 1 ? "s" : "", words);
    fl_free(words);
    return status;
}

fl_status fl_site_measure(const fl_site *s, int np, int n, const char *const *word,
                          const char *path) {
    if (fl_exists(path)) return FL_OK;
    char *part = fl_format("%s.part", path), *log = fl_format("%s.log", path);
    fl_launch l = {.hosts = s->hosts, .np = np, .n = n, .word = word, .out = part, .log = log};
    fl_status status = run(&l);
    if (status == FL_OK && rename(part, path) != 0)
        status = fl_fail(FL_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
    fl_free(part);
    fl_free(log);
    return status;
}

/* ---- the network ---- */

static fl_status measure_between(fl_site *s, int np) {
    static const char *const word[] = {"bench", "network", "--json"};
    char *path = fl_format("%s/network-np%d.json", s->dir, np);
    if (!fl_exists(path)) fl_note("measuring the network between %d ranks (bench network)", np);
    fl_status status = fl_site_measure(s, np, FL_COUNT(word), word, path);
    if (status == FL_OK) status = fl_network_open(path, false, &s->network);
    fl_free(path);
    return status;
}

/* The most ranks tell on how many nodes they stand. Where they share the cores of this machine,
 * they tell more of its scheduler than of a link. */
static fl_status measure_network(fl_site *s, int most) {
    fl_status status = measure_between(s, most);
    if (status == FL_ERR_CONFIG) return FL_OK; /* they are all on one node */
    FL_TRY(status);
    s->nodes = s->network.nodes;
    int few = s->cores > 2 ? (int)s->cores : 2;
    if (s->is_virtual && most > few) FL_TRY(measure_between(s, few));
    snprintf(s->network.name, sizeof s->network.name, "measured");
    return FL_OK;
}

fl_status fl_site_check_network(const char *network, const char *hosts) {
    if (!network || strcmp(network, "measured") != 0 || hosts) return FL_OK;
    return fl_fail(FL_ERR_CONFIG,
                   "option '--network measured' wants '--hosts', between which to measure; or give "
                   "1gbit, 25gbit, or a file of 'frostline bench network --json'");
}

static fl_status open_network(fl_site *s, const fl_site_conf *c) {
    bool measured = c->network && strcmp(c->network, "measured") == 0;
    FL_TRY(fl_site_check_network(c->network, c->hosts));
    if (c->hosts && c->np[c->n_np - 1] > 1) FL_TRY(measure_network(s, c->np[c->n_np - 1]));
    if (c->network && !measured) return fl_network_open(c->network, true, &s->network);
    if (!c->hosts && nodes_at(s, c->np[c->n_np - 1]) > 1)
        return fl_fail(FL_ERR_CONFIG,
                       "ranks on several nodes want '--network': 1gbit, 25gbit, or a file of "
                       "'frostline bench network --json'");
    return FL_OK;
}

/* ---- open and close ---- */

static fl_status open_dir(fl_site *s, const fl_site_conf *c) {
    const char *tmp = getenv("TMPDIR");
    s->keeps = c->dir != NULL;
    s->dir = c->dir ? fl_strdup(c->dir) : fl_format("%s/frostline-XXXXXX", tmp ? tmp : "/tmp");
    if (s->keeps) return fl_make_dirs(s->dir);
    if (mkdtemp(s->dir)) return FL_OK;
    fl_status status =
        fl_fail(FL_ERR_IO, "cannot make a folder '%s': %s; set TMPDIR to one with room", s->dir,
                strerror(errno));
    fl_free(s->dir);
    s->dir = NULL;
    return status;
}

static uint64_t hash_text(const char *text, uint64_t seed) {
    return text ? fl_hash(text, strlen(text), seed) : fl_hash("", 1, seed); /* none is not "" */
}

static uint64_t hash_of_hosts(const char *hosts, uint64_t seed) {
    char *text = NULL;
    size_t len;
    if (!hosts || fl_launch_is_virtual(hosts) || fl_file_read(hosts, &text, &len) != FL_OK)
        return hash_text(hosts, seed);
    uint64_t hash = fl_hash(text, len, seed);
    fl_free(text);
    return hash;
}

uint64_t fl_site_hash(const char *hosts, uint64_t seed) {
    uint64_t hash = hash_text(FROSTLINE_VERSION, hash_of_hosts(hosts, seed));
    for (const char *const *name = fl_launch_variables; *name; name++)
        hash = hash_text(getenv(*name), hash);
    return hash;
}

static fl_status open_all(fl_site *s, const fl_site_conf *c, const fl_experiment *x) {
    FL_TRY(fl_launch_check_hosts(c->hosts));
    FL_TRY(open_dir(s, c));
    FL_TRY(open_network(s, c));
    return fl_site_measure_speeds(s, c, x);
}

fl_status fl_site_open(const fl_site_conf *conf, const fl_experiment *x, fl_site **out) {
    fl_site *s = fl_alloc(sizeof *s);
    *s = (fl_site){.hosts = conf->hosts,
                   .is_virtual = fl_launch_is_virtual(conf->hosts),
                   .nodes = conf->nodes ? conf->nodes : 1,
                   .most = conf->np[conf->n_np - 1],
                   .cores = sysconf(_SC_NPROCESSORS_ONLN)};
    fl_status status = open_all(s, conf, x);
    if (status != FL_OK) {
        fl_site_close(s);
        s = NULL;
    }
    *out = s;
    return status;
}

void fl_site_close(fl_site *s) {
    if (!s) return;
    if (s->dir && !s->keeps) fl_remove_tree(s->dir);
    for (int i = 0; i < s->n_speeds; i++) fl_speeds_close(s->speeds[i]);
    fl_free(s->speeds);
    fl_free(s->crowd);
    fl_free(s->dir);
    fl_free(s);
}

bool fl_site_foretell(const fl_site *s, const fl_experiment *x, fl_plan *p) {
    const fl_reduce_ops *reducer = fl_reducers_all()[x->reduce.reducer];
    int np = p->conf.np, crowd = fl_site_crowd(s, np), ranks = together(s, np);
    bool elsewhere = !s->hosts && nodes_at(s, np) > 1;
    const fl_speeds *speeds = fl_site_speeds(s, crowd);
    fl_experiment_traffic(x, nodes_at(s, np), p);
    if (!speeds || !fl_speeds_fit(speeds, x->model)) return false;
    fl_cost_of(&(fl_cost_conf){.nodes = nodes_at(s, np),
                               .network = &s->network,
                               .speeds = speeds,
                               .crowd = elsewhere || ranks <= crowd ? 1 : (double)ranks / crowd,
                               .at_a_core = elsewhere || ranks <= s->cores
                                                ? 1
                                                : (double)ranks / (double)s->cores,
                               .shards = reducer->shards,
                               .overlaps = reducer->begin || reducer->choose,
                               .by_rank = reducer->by_rank,
                               .coded = x->reduce.allreduce_dtype != FL_WIRE_FLOAT32,
                               .keeps = fl_experiment_keeps(x, p)},
               p);
    return true;
}
