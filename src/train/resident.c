/* How much memory all ranks hold. */
#include "train/session.h"

/* Pages shared by n processes count for 1/n in each, so that the sum counts them once. */
static double proportional_bytes(void) {
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[128];
    unsigned long long kb = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %llu kB", &kb) == 1) break;
    if (f) fclose(f);
    return (double)kb * 1024;
}

double fl_resident_bytes(fl_comm *c) {
    fl_comm_barrier(c); /* all have all that they need */
    double bytes = proportional_bytes();
    fl_comm_barrier(c); /* and keep it until all have counted */
    fl_comm_sum_double(c, &bytes, 1);
    return bytes;
}
