/* simulate_internal.h: what the files of src/simulate share. */
#ifndef FROSTLINE_SIMULATE_INTERNAL_H
#define FROSTLINE_SIMULATE_INTERNAL_H

#include "frostline/simulate.h"

fl_status fl_platform_write(const char *path, int hosts, const fl_network *n);
fl_status fl_hosts_write(const char *path, int hosts); /* on each a rank and its alarm */
extern const char *const fl_simgrid_options[];         /* ended by NULL */

#endif
