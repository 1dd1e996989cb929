/* The list of reducers, and the frame around them: order and memory. */
#include <string.h>

#include "frostline/trace.h"
#include "reduce_internal.h"

#define FL_REDUCER(name) extern const fl_reduce_ops fl_reduce_##name;
#include "reducers.def"
#undef FL_REDUCER

static const fl_reduce_ops *const reducers[] = {
#define FL_REDUCER(name) &fl_reduce_##name,
#include "reducers.def"
#undef FL_REDUCER
    NULL,
};

/* Every name with a bar in front; the choices start behind the first. */
static const char bar_names[] =
#define FL_REDUCER(name) "|" #name
#include "reducers.def"
#undef FL_REDUCER
    ;

const fl_field fl_reduce_fields[] = {
    {"reducer", FL_CHOICE, offsetof(fl_reduce_conf, reducer), "overlap", 0, 0, bar_names + 1,
     "How gradients are summed over the ranks: `blocking` after backward, `overlap` while backward "
     "goes on, `tree` in one fixed order of additions, `sharded` each rank its share, which it "
     "alone "
     "updates, `auto` by measurement one of `overlap` and `sharded`.",
     NULL},
    {"bucket_mb", FL_FLOAT, offsetof(fl_reduce_conf, bucket_mb), "25", 0.001, 1048576, NULL,
     "Gradients are summed in buckets of about this many megabytes, the last ones in smaller: each "
     "takes at most half of what is left, down to one megabyte.",
     NULL},
    {"allreduce_dtype", FL_CHOICE, offsetof(fl_reduce_conf, allreduce_dtype), "float32", 0, 0,
     "float32|bfloat16|float16",
     "Number format of gradients on their way between nodes; what rounding takes is sent along the "
     "next time. Within a node, and by `tree`, always float32.",
     NULL},
    {"timeout", FL_FLOAT, offsetof(fl_reduce_conf, timeout), "600", 0, 31536000, NULL,
     "Seconds that a rank waits for the others, or for data, before it ends the run with exit code "
     "7; 0: for ever.",
     NULL},
    {"reproducible", FL_CHOICE, offsetof(fl_reduce_conf, reproducible), "off", 0, 0, "off|ranks",
     "`ranks`: the same bits at any number of ranks and threads. Each micro-batch is cut into "
     "`virtual_shards`, which are worked through one by one and summed in one fixed tree; wants "
     "float32 between nodes, and no batch norm that trains on statistics of all ranks.",
     NULL},
    {"virtual_shards", FL_INT, offsetof(fl_reduce_conf, virtual_shards), "8", 1, 65536, NULL,
     "Parts of a micro-batch under `reproducible: ranks`: a power of two, at least as many as "
     "ranks, "
     "at most as many as rows. Another number gives other bits.",
     NULL},
    {.name = NULL},
};

const fl_reduce_ops *const *fl_reducers_all(void) {
    return reducers;
}

/* "0+64": the same on all ranks, or an all-reduce may hang or, worse, return a wrong sum. */
static fl_status check_same(fl_comm *c, int n, const fl_span *buckets) {
    fl_text t = {0};
    for (int i = 0; i < n; i++)
        fl_text_add(&t, "bucket %d: %zu+%zu\n", i, buckets[i].off, buckets[i].len);
    fl_status status = fl_comm_same_text(c, "the gradient's buckets", t.s ? t.s : "");
    fl_free(t.s);
    return status;
}

static size_t work_of(const fl_reduce_ops *ops, int ranks, int n, const fl_span *buckets) {
    return ops->work ? ops->work(ranks, n, buckets) : 0;
}

size_t fl_reduce_work(int ranks, const fl_reduce_conf *conf, int n, const fl_span *buckets) {
    fl_share most = {.count = fl_reduce_most_parts(conf, ranks)};
    return work_of(reducers[conf->reducer], ranks, n, buckets) +
           fl_parts_work(&most, fl_parts_floats(n, buckets));
}

static void place(fl_reduce *r, const fl_span *buckets) {
    size_t n = (size_t)r->n;
    r->bucket = fl_alloc(n * sizeof *r->bucket);
    r->owned = fl_alloc(n * sizeof *r->owned);
    r->counted = fl_alloc(n * sizeof *r->counted);
    r->ticket = fl_alloc(n * sizeof *r->ticket);
    r->order = fl_alloc(n * sizeof *r->order);
    r->given = fl_alloc(n * sizeof *r->given);
    r->account = fl_alloc(n * sizeof *r->account);
    r->watch = fl_alloc(n * sizeof *r->watch);
    r->work = fl_alloc(work_of(r->ops, fl_comm_size(r->comm), r->n, buckets) * sizeof *r->work);
    r->done = fl_alloc(n * sizeof *r->done);
    r->floats = fl_parts_floats(r->n, buckets);
    r->partial = fl_alloc_pages(fl_parts_work(&r->share, r->floats) * sizeof *r->partial);
    for (size_t i = 0; i < n; i++) {
        r->bucket[i] = buckets[i];
        r->counted[i] = fl_window_owned(r->gradients, buckets[i]);
        r->owned[i] = r->ops->shards ? r->counted[i] : fl_window_slice(r->gradients, buckets[i]);
    }
}

/* The tree of the shards is that of the ranks of each node and of the nodes: see fl_reduce_share.
 */
static fl_status check_order(const fl_reduce_conf *conf, const fl_window *gradients) {
    bool by_rank = reducers[conf->reducer]->by_rank;
    if (conf->reproducible == FL_REPRODUCIBLE_OFF || by_rank || fl_window_is_shared(gradients))
        return FL_OK;
    return fl_fail(
        FL_ERR_CONFIG,
        "'distributed.reproducible: ranks' with reducer '%s' wants the ranks of a node to "
        "share memory, which they cannot here; set 'distributed.reducer: tree'",
        reducers[conf->reducer]->name);
}

fl_status fl_reduce_open(fl_comm *c, const fl_reduce_conf *conf, int n, const fl_span *buckets,
                         fl_window *gradients, fl_reduce **out) {
    *out = NULL;
    FL_TRY(check_same(c, n, buckets));
    const fl_reduce_ops *ops = reducers[conf->reducer];
    if (ops->choose) FL_TRY(ops->choose(c, n, buckets, &ops));
    fl_share share;
    FL_TRY(fl_comm_agree(c, check_order(conf, gradients)));
    FL_TRY(fl_comm_agree(c, fl_reduce_share(c, conf, &share)));
    fl_reduce *r = fl_alloc(sizeof *r);
    *r = (fl_reduce){.comm = c, .ops = ops, .n = n, .gradients = gradients, .share = share};
    place(r, buckets);
    fl_window_send_as(gradients, (fl_wire)conf->allreduce_dtype);
    *out = r;
    return FL_OK;
}

void fl_reduce_close(fl_reduce *r) {
    if (!r) return;
    fl_free(r->bucket);
    fl_free(r->owned);
    fl_free(r->counted);
    fl_free(r->work);
    fl_free(r->done);
    fl_free_pages(r->partial, fl_parts_work(&r->share, r->floats) * sizeof *r->partial);
    fl_free(r->ticket);
    fl_free(r->order);
    fl_free(r->given);
    fl_free(r->account);
    fl_free(r->watch);
    fl_free(r);
}

void fl_reduce_begin(fl_reduce *r, int bucket) {
    FL_CHECK(bucket >= 0 && bucket < r->n && !r->given[bucket],
             "bucket %d of %d is begun twice, or is not there", bucket, r->n);
    if (!fl_parts_add(r, bucket)) return;
    r->order[r->begun++] = bucket;
    r->given[bucket] = true;
    if (!r->ops->begin) return;
    uint64_t start = r->now = fl_ticks();
    r->ops->begin(r, bucket);
    fl_comm_count(r->comm, NULL);
    fl_reduce_spend(r, bucket);
    fl_trace_add(FL_TRACE_REDUCE, -1, 0, start, r->now);
}

void fl_reduce_end(fl_reduce *r) {
    FL_CHECK(r->begun == r->n, "%d of %d buckets were begun", r->begun, r->n);
    uint64_t start = r->now = fl_ticks();
    r->ops->end(r);
    fl_comm_count(r->comm, NULL);
    fl_trace_add(FL_TRACE_REDUCE, -1, 0, start, r->now);
    fl_reduce_close_step(r);
    memset(r->given, 0, (size_t)r->n * sizeof *r->given);
    r->begun = 0;
}

bool fl_reduce_goes_on(const fl_reduce *r) {
    return r->ops->begin && !fl_window_is_whole(r->gradients);
}

static void begin_publishing(fl_reduce *r, int bucket) {
    fl_account *a = &r->account[bucket];
    a->publications++;
    fl_comm_count(r->comm, &a->moved);
    r->ticket[bucket] = (r->ops->shards ? fl_window_gather_begin
                                        : fl_window_spread_begin)(r->weights, r->bucket[bucket]);
}

static void end_publishing(fl_reduce *r, int bucket) {
    fl_stopwatch *w = &r->watch[bucket];
    uint64_t before = r->now;
    fl_window_wait(r->weights, r->ticket[bucket]);
    fl_reduce_spend(r, bucket);
    w->spent += r->now - before;
    r->spent += r->now - before;
}

void fl_reduce_publish(fl_reduce *r, fl_window *weights) {
    r->weights = weights;
    uint64_t start = r->now = fl_ticks();
    for (int i = 0; i < r->n; i++) begin_publishing(r, i);
    fl_comm_count(r->comm, NULL);
    for (int i = 0; i < r->n; i++) end_publishing(r, i);
    fl_trace_add(FL_TRACE_PUBLISH, -1, 0, start, r->now);
}
