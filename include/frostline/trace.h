/* trace.h: what this rank did when. Who computes, reduces or trains records intervals here, in a
 * ring of fixed size, and knows nothing of who reads them. One thread records. */
#ifndef FROSTLINE_TRACE_H
#define FROSTLINE_TRACE_H

#include "frostline/base.h"

typedef enum fl_trace_kind {
    FL_TRACE_STEP,     /* a whole step; the others lie within */
    FL_TRACE_DATA,     /* waiting for a batch */
    FL_TRACE_STATIC,   /* the static part, or its features */
    FL_TRACE_FORWARD,  /* index: the layer; -1: the whole pass, with its layers within */
    FL_TRACE_BACKWARD, /* likewise */
    FL_TRACE_BUCKET,   /* index: the bucket; bytes: its payload. While this goes on others may */
    FL_TRACE_REDUCE,   /* gradients are summed, and nothing else runs on this rank */
    FL_TRACE_SUMS,     /* the control sums */
    FL_TRACE_UPDATE,
    FL_TRACE_PUBLISH,
} fl_trace_kind;

typedef struct fl_trace_event {
    uint64_t begin, end; /* ns since fl_trace_start */
    int64_t step;
    uint64_t bytes;
    int32_t kind, index; /* index: -1 where there is but one */
} fl_trace_event;

enum { FL_TRACE_EVENTS = 1 << 16 }; /* as many are kept: the last ones */

void fl_trace_open(void);  /* takes the memory; nothing is recorded yet */
void fl_trace_start(void); /* time 0 is now; after fl_trace_open */
/* What is recorded from now on belongs to this step; 0: nothing is recorded. */
void fl_trace_step(int64_t step);
/* Copies what was recorded, in the order of the ends, into out (FL_TRACE_EVENTS), forgets it, and
 * returns how many. *lost: how many came before them. */
int fl_trace_take(fl_trace_event *out, uint64_t *lost);
void fl_trace_close(void); /* without fl_trace_open: nothing */

/* ---- recording: a branch each while nothing is recorded ---- */

extern bool fl_trace_on; /* for these alone: fl_trace_step sets it */

/* By fl_ticks. */
void fl_trace_add(fl_trace_kind kind, int index, uint64_t bytes, uint64_t begin, uint64_t end);

static inline uint64_t fl_trace_begin(void) {
    return fl_trace_on ? fl_ticks() : 0;
}
static inline void fl_trace_end(fl_trace_kind kind, int index, uint64_t begun) {
    if (fl_trace_on) fl_trace_add(kind, index, 0, begun, fl_ticks());
}

#endif
