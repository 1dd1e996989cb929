/* Counts of the parts of a batch, added over the ranks. */
#include "train/tally.h"

enum { NUMBERS = sizeof(fl_count) / sizeof(double) };

fl_status fl_tally_open(const fl_comm *c, const fl_reduce_conf *conf, fl_tally *out) {
    fl_share share;
    bool apart = conf->reproducible == FL_REPRODUCIBLE_RANKS;
    FL_TRY(fl_reduce_share(c, conf, &share));
    *out = apart ? (fl_tally){.n = share.of, .first = share.first} : (fl_tally){.n = 1};
    out->count = fl_alloc((size_t)out->n * sizeof *out->count);
    return FL_OK;
}

void fl_tally_close(fl_tally *t) {
    fl_free(t->count);
}

fl_count *fl_tally_at(const fl_tally *t, int nth) {
    return &t->count[t->first + nth];
}

/* A shard's count meets only the zeros of the other ranks, which leave its bits as they are in
 * whatever order MPI adds. */
fl_count fl_tally_sum(fl_tally *t, fl_comm *c) {
    double sum[NUMBERS] = {0}, *v = (double *)t->count;
    fl_comm_sum_double(c, v, (size_t)t->n * NUMBERS);
    for (int i = 0; i < t->n * NUMBERS; i++) {
        sum[i % NUMBERS] += v[i];
        v[i] = 0;
    }
    return (fl_count){{sum[0], sum[1], sum[2], sum[3]}, sum[4], sum[5]};
}
