/* An epoch's communication: every rank's account of every bucket, brought together after its steps
 * and held against what was planned. */
#include <math.h>
#include <string.h>

#include "frostline/log.h"
#include "train/run.h"

/* How much more or less the kernel may count on the link than was planned: how many packets go out
 * as acknowledgements depends on who is ahead of whom. */
static const double link_tolerance = 0.05;
static const double link_slack = 64 << 10; /* bytes */

static int rows_of(const fl_run *r) { /* a rank's: its buckets, "other", "all" */
    return r->s->plan->n_buckets + 2;
}

void fl_run_ledger_begin(fl_run *r) {
    fl_reduce_clear_accounts(r->s->reduce);
    r->counts = (fl_counts){
        .other = *fl_comm_other(r->c),
        .transport = fl_comm_transport(),
        .step = r->at.step,
    };
}

/* ---- this rank's rows ---- */

static fl_comm_row row_of(const fl_run *r, const fl_traffic *moved, const fl_traffic *planned) {
    return (fl_comm_row){
        .epoch = r->at.epoch,
        .step = r->at.step,
        .rank = fl_comm_rank(r->c),
        .mpi_bytes = moved->mpi_bytes,
        .sent_bytes = moved->sent_bytes,
        .node_bytes = moved->node_bytes,
        .planned_mpi_bytes = planned ? (double)planned->mpi_bytes : NAN,
        .planned_node_bytes = planned ? (double)planned->node_bytes : NAN,
        .link_bytes = NAN,
        .planned_link_bytes = (double)fl_traffic_on_link(planned ? planned : moved),
        .unfrozen_payload_bytes = NAN,
        .unfrozen_mpi_bytes = NAN,
        .unfrozen_node_bytes = NAN,
        .unfrozen_link_bytes = NAN,
        .seconds = NAN,
        .exposed_seconds = NAN,
    };
}

static fl_comm_row bucket_row(const fl_run *r, int i, const fl_account *a) {
    fl_comm_row row = row_of(r, &a->moved, &a->foretold);
    snprintf(row.bucket, sizeof row.bucket, "%d", i);
    row.calls = a->calls;
    row.payload_bytes = a->payload_bytes;
    row.planned_payload_bytes =
        (uint64_t)(r->at.step - r->counts.step) * r->s->plan->bucket[i].span.len * sizeof(float);
    row.seconds = a->seconds;
    row.exposed_seconds = a->exposed_seconds;
    return row;
}

static fl_traffic moved_besides(const fl_run *r) {
    const fl_traffic *now = fl_comm_other(r->c), *then = &r->counts.other;
    return (fl_traffic){
        .mpi_bytes = now->mpi_bytes - then->mpi_bytes,
        .sent_bytes = now->sent_bytes - then->sent_bytes,
        .messages = now->messages - then->messages,
        .node_bytes = now->node_bytes - then->node_bytes,
    };
}

static void add_row(fl_comm_row *sum, const fl_comm_row *one) {
    sum->calls += one->calls;
    sum->payload_bytes += one->payload_bytes;
    sum->planned_payload_bytes += one->planned_payload_bytes;
    sum->planned_link_bytes += one->planned_link_bytes;
    sum->seconds += isnan(one->seconds) ? 0 : one->seconds;
    sum->exposed_seconds += isnan(one->exposed_seconds) ? 0 : one->exposed_seconds;
}

static void set_unfrozen(const fl_run *r, fl_comm_row *row, const fl_traffic *other) {
    uint64_t steps = (uint64_t)(r->at.step - r->counts.step);
    fl_traffic one = fl_reduce_foretell(r->s->reduce, r->s->plan->n_unfrozen), all = *other;
    fl_traffic_add(&all, &one, steps);
    row->unfrozen_payload_bytes = (double)(steps * fl_plan_unfrozen_payload_bytes(r->s->plan));
    row->unfrozen_mpi_bytes = (double)all.mpi_bytes;
    row->unfrozen_node_bytes = (double)all.node_bytes;
    row->unfrozen_link_bytes = (double)fl_traffic_on_link(&all);
}

static void set_link(const fl_run *r, fl_comm_row *row) {
    fl_transport now = fl_comm_transport();
    if (now.connections > 0 && fl_comm_nodes(r->c) > 1)
        row->link_bytes = (double)(now.link_bytes - r->counts.transport.link_bytes);
}

static void fill_rows(fl_run *r, fl_comm_row *row) {
    int n = r->s->plan->n_buckets;
    const fl_account *a = fl_reduce_accounts(r->s->reduce);
    fl_traffic moved = moved_besides(r), planned = moved;
    row[n] = row_of(r, &moved, NULL);
    snprintf(row[n].bucket, sizeof row[n].bucket, "other");
    for (int i = 0; i < n; i++) {
        row[i] = bucket_row(r, i, &a[i]);
        fl_traffic_add(&moved, &a[i].moved, 1);
        fl_traffic_add(&planned, &a[i].foretold, 1);
    }
    fl_comm_row *all = &row[n + 1];
    *all = row_of(r, &moved, &planned);
    snprintf(all->bucket, sizeof all->bucket, "all");
    all->planned_link_bytes = all->seconds = all->exposed_seconds = 0;
    for (int i = 0; i <= n; i++) add_row(all, &row[i]);
    planned = moved_besides(r);
    set_unfrozen(r, all, &planned);
    set_link(r, all);
}

/* ---- all ranks' ---- */

static void add_rank(fl_epoch_record *e, const fl_comm_row *all) {
    e->mpi_bytes += (double)all->mpi_bytes;
    e->planned_mpi_bytes += all->planned_mpi_bytes;
    e->unfrozen_mpi_bytes += all->unfrozen_mpi_bytes;
    e->node_bytes += (double)all->node_bytes;
    e->link_bytes += all->link_bytes;
    e->planned_link_bytes += all->planned_link_bytes;
    e->unfrozen_link_bytes += all->unfrozen_link_bytes;
}

typedef struct claim {
    const char *what;
    double counted, planned, most; /* most: that they may differ by */
} claim;

static bool is_broken(const claim *c) { /* with NAN on either side nothing is claimed */
    return fabs(c->counted - c->planned) > c->most;
}

static bool broken_claim(const fl_comm_row *row, claim *out) {
    double link_most = fmax(link_tolerance * row->planned_link_bytes, link_slack);
    const claim claims[] = {
        {"handed to MPI", (double)row->mpi_bytes, row->planned_mpi_bytes, 0},
        {"moved within the node", (double)row->node_bytes, row->planned_node_bytes, 0},
        {"sent on the link", row->link_bytes, row->planned_link_bytes, link_most},
    };
    for (size_t i = 0; i < FL_COUNT(claims); i++) {
        *out = claims[i];
        if (is_broken(out)) return true;
    }
    return false;
}

/* Once a run, on the first that differs: what is wrong is wrong in every epoch. */
static void warn_if_different(fl_run *r, int n) {
    claim c;
    for (int i = 0; i < n && !r->warned; i++) {
        if (!broken_claim(&r->rows[i], &c)) continue;
        r->warned = true;
        if (fl_comm_rank(r->c) == 0)
            fl_warn("epoch %lld, rank %d, bucket %s: %.0f bytes were %s where %.0f were planned; "
                    "comm.csv in the run's folder has all of them",
                    (long long)r->at.epoch, r->rows[i].rank, r->rows[i].bucket, c.counted, c.what,
                    c.planned);
    }
}

void fl_run_ledger_end(fl_run *r) {
    int n = rows_of(r), ranks = fl_comm_size(r->c);
    size_t bytes = (size_t)n * sizeof(fl_comm_row);
    fl_comm_row *mine = fl_alloc(bytes);
    fill_rows(r, mine);
    fl_free(r->rows);
    r->rows = fl_alloc((size_t)ranks * bytes);
    fl_comm_gather(r->c, mine, bytes, r->rows);
    fl_free(mine);
    for (int k = 0; k < ranks; k++) add_rank(&r->last, &r->rows[(k + 1) * n - 1]);
    r->last.comm = r->rows;
    r->last.n_comm = ranks * n;
    warn_if_different(r, ranks * n);
}
