/* tally.h: a run's bytes as its comm.csv tells them, added up over ranks and over epochs alike. */
#ifndef FROSTLINE_REPORT_TALLY_H
#define FROSTLINE_REPORT_TALLY_H

#include "history.h"

enum { FL_BYTES_GRADIENT, FL_BYTES_MPI, FL_BYTES_NODE, FL_BYTES_LINK, FL_BYTES_KINDS };

typedef struct fl_tally {
    int from, to;    /* epochs of the history, as fl_history_alike parts them */
    char bucket[16]; /* as in fl_comm_row */
    int lines;       /* of the file: ranks times epochs */
    double calls, seconds, exposed_seconds;
    double measured[FL_BYTES_KINDS], planned[FL_BYTES_KINDS],
        unfrozen[FL_BYTES_KINDS]; /* NAN: not known */
} fl_tally;

typedef struct fl_tallies {
    int n;
    fl_tally *one;
} fl_tallies;

/* A missing file, or one of other columns, has none; a torn line is passed over. */
fl_status fl_tallies_read(const char *path, const fl_history *h, fl_tallies *out);
void fl_tallies_free(fl_tallies *t);
/* NULL if there is none. */
const fl_tally *fl_tally_of(const fl_tallies *t, int from, const char *bucket);

#endif
