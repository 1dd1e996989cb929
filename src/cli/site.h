/* site.h: where steps are to run, as a command line says, and what is measured to foretell them. */
#ifndef FROSTLINE_CLI_SITE_H
#define FROSTLINE_CLI_SITE_H

#include "cli/cli.h"
#include "frostline/cost.h"

typedef struct fl_site_conf {
    const char *hosts;   /* NULL: this machine, or nodes like it; a host file; virtual[:NAME] */
    const char *network; /* 1gbit, 25gbit, a file, measured; NULL: none is needed, or measured */
    int nodes; /* of the most ranks; fewer are on fewer; 0: one, or as the hosts have it */
    const char *config;
    int n_overrides;
    const char *const *override;
    const char *dir; /* where measurements are kept, and found again; NULL: nowhere */
    bool weak;       /* the batch is that of a rank */
    int n_np;
    const int *np; /* ascending */
} fl_site_conf;

typedef struct fl_site fl_site;

/* A file like `first`, with the mean of both wherever it has a real number. */
fl_status fl_site_means(const char *first, const char *second, const char *path);

/* Of all but the config that decides how long its steps take: this version, what the environment
 * asks of ranks, and the hosts: what a host file says, so that another file of that name is
 * another; else the words as they are. */
uint64_t fl_site_hash(const char *hosts, uint64_t seed);

/* FL_ERR_CONFIG if `measured` is asked for, and no hosts are given. NULL: not said. */
fl_status fl_site_check_network(const char *network, const char *hosts);

/* Measures the layers with as many ranks at once as a machine is to have, and the network if that
 * is asked for, in processes of their own. x: the experiment of the config. FL_ERR_CONFIG for words
 * that mean nothing; FL_ERR_IO if the launcher cannot be started; FL_ERR_STOPPED if interrupted. */
fl_status fl_site_open(const fl_site_conf *conf, const fl_experiment *x, fl_site **out);
void fl_site_close(fl_site *s); /* NULL is allowed */
int fl_site_nodes(const fl_site *s, int np);
const fl_network *fl_site_network(const fl_site *s); /* NULL: all is on one node */
/* Fills in traffic and cost of a plan for one of its np; false, and no cost, if its net is another
 * than the one that was measured. */
bool fl_site_foretell(const fl_site *s, const fl_experiment *x, fl_plan *p);

#endif
