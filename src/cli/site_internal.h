/* site_internal.h: what site.c and site_speeds.c share. */
#ifndef FROSTLINE_CLI_SITE_INTERNAL_H
#define FROSTLINE_CLI_SITE_INTERNAL_H

#include "cli/site.h"

struct fl_site {
    const char *hosts;
    bool is_virtual;
    int nodes, most; /* of so many ranks, the most */
    long cores;
    char *dir;
    bool keeps;
    fl_network network;
    int n_speeds, *crowd; /* ranks at once, of each of the speeds */
    fl_speeds **speeds;
};

/* As many ranks at once as are measured for so many in all. */
int fl_site_crowd(const fl_site *s, int np);
/* Runs this program's words on so many ranks; what they print goes to a file of that name. What
 * stands there already is not measured again. */
fl_status fl_site_measure(const fl_site *s, int np, int n, const char *const *word,
                          const char *path);

/* Fills in s->speeds. */
fl_status fl_site_measure_speeds(fl_site *s, const fl_site_conf *c, const fl_experiment *x);
const fl_speeds *fl_site_speeds(const fl_site *s, int crowd); /* NULL: not measured */

#endif
