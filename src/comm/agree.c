/* One rank's trouble becomes everybody's, with the same status and the same words. */
#include <string.h>

#include "comm_internal.h"

typedef struct outcome {
    int64_t status;
    uint64_t message; /* its hash */
} outcome;

static outcome outcome_of(fl_status status) {
    const char *text = status == FL_OK ? "" : fl_message();
    return (outcome){status, fl_hash(text, strlen(text), 0)};
}

static int lowest_failing(const outcome *all) {
    int rank = 0;
    while (all[rank].status == FL_OK) rank++;
    return rank;
}

/* A trouble that all have alike, such as a typo in the config that each has read, is no single
 * rank's.
 */
static bool all_alike(const outcome *all, int n) {
    for (int r = 1; r < n; r++)
        if (all[r].status != all[0].status || all[r].message != all[0].message) return false;
    return true;
}

/* Names the rank behind "error: "; a message with a place of its own in front stays as it is. */
static fl_status fail_as(fl_status status, int rank, const char *text) {
    static const char mark[] = "error: ";
    size_t len = sizeof mark - 1;
    if (strncmp(text, mark, len) != 0) return fl_fail_text(status, text);
    return fl_fail(status, "rank %d: %s", rank, text + len);
}

static fl_status share_failure(fl_comm *c, fl_status mine) {
    int size = fl_comm_size(c);
    outcome *all = fl_alloc((size_t)size * sizeof *all), my = outcome_of(mine);
    fl_comm_gather(c, &my, sizeof my, all);
    int rank = lowest_failing(all);
    fl_status status = (fl_status)all[rank].status;
    bool alike = all_alike(all, size);
    fl_free(all);
    if (alike) return status;
    char *text = fl_comm_bcast_text(c, fl_message(), rank);
    fail_as(status, rank, text);
    fl_free(text);
    return status;
}

fl_status fl_comm_agree(fl_comm *c, fl_status mine) {
    if (fl_comm_size(c) == 1) return mine;
    double failed = mine != FL_OK;
    fl_comm_max_double(c, &failed, 1);
    return failed > 0 ? share_failure(c, mine) : FL_OK;
}
