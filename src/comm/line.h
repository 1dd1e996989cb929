/* line.h: datagrams from rank to rank, for when MPI is silent. */
#ifndef FROSTLINE_COMM_LINE_H
#define FROSTLINE_COMM_LINE_H

#include "frostline/comm.h"

typedef enum fl_word_kind { FL_WORD_STATE, FL_WORD_ASK, FL_WORD_END } fl_word_kind;

typedef struct fl_state { /* how far a rank is */
    uint64_t moves;       /* into a collective, and out of it: odd inside */
    int64_t step;
    double seconds; /* since the last move */
    char phase[48], wait[48];
} fl_state;

typedef struct fl_word {
    uint64_t key; /* of the run: what lacks it is not for us */
    int32_t to, from, kind;
    int32_t neighbour; /* whose state is the other one, or -1 */
    double heard;      /* so many seconds ago */
    fl_state state, other;
} fl_word;

typedef struct fl_line fl_line;

/* Collective. Every rank learns where the others listen. NULL, on all ranks, if one of them cannot.
 */
fl_line *fl_line_open(fl_comm *c);
void fl_line_close(fl_line *l); /* NULL is allowed */
const char *fl_line_host(const fl_line *l, int rank);
int fl_line_process(const fl_line *l, int rank);
/* Neither blocks for long nor fails: a datagram may be lost. Fills in key, to and from. */
void fl_line_send(fl_line *l, int to, fl_word *word);
/* Waits for a word to this rank, up to so many seconds or until fl_line_wake. */
bool fl_line_receive(fl_line *l, double seconds, fl_word *word);
void fl_line_wake(fl_line *l); /* from any thread; for good */

#endif
