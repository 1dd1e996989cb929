/* One optimizer step: forward and backward over the micro-batches, the sum over ranks, the update.
 */
#include <math.h>

#include "frostline/trace.h"
#include "train/run.h"

static const fl_batch *read_batch(fl_run *r) {
    double start = fl_clock();
    uint64_t begun = fl_trace_begin();
    fl_comm_phase(r->c, "reading data", r->at.step + 1);
    fl_comm_wait_for(r->c, "data");
    const fl_batch *b = fl_loader_next(r->loader);
    fl_comm_wait_for(r->c, NULL);
    r->time.data += fl_clock() - start;
    fl_trace_end(FL_TRACE_DATA, -1, begun);
    FL_CHECK(b, "the loader ended at step %lld of the epoch", (long long)r->at.step_of_epoch);
    return b;
}

static const fl_batch *next_batch(fl_run *r) {
    const fl_batch *b = r->ahead ? r->ahead : read_batch(r);
    r->ahead = NULL;
    return b;
}

/* What is frozen waits for no update: while the gradients are on their way, it computes for the
 * next step. */
static void run_ahead(fl_run *r) {
    bool is_last = r->at.step_of_epoch + 1 == fl_loader_steps(r->loader) ||
                   r->at.step + 1 == r->x->train.max_steps;
    if (is_last || !fl_reduce_goes_on(r->s->reduce)) return;
    r->ahead = read_batch(r);
    fl_comm_phase(r->c, "forward, ahead", r->at.step + 1);
    fl_engine_run_ahead(r->s->engine, r->ahead);
}

static fl_status micro_batch(fl_run *r, const fl_batch *b) {
    int outputs = (int)fl_shape_size(r->x->model->layer[r->x->model->n_layers - 1].shape);
    fl_comm_phase(r->c, "forward and backward", r->at.step + 1);
    const float *logits = fl_engine_forward(r->s->engine, b, true, r->at.epoch);
    fl_loss_batch((fl_loss)r->x->train.loss, b, logits, outputs,
                  fl_engine_logits_gradient(r->s->engine), &fl_tally_at(&r->tally, b->nth)->score);
    fl_engine_backward(r->s->engine, b->last);
    return b->status == FL_OK ? FL_OK : fl_fail_text(b->status, b->message);
}

/* Part by part, and each of them micro-batch by micro-batch. */
static fl_status forward_backward(fl_run *r) {
    fl_status status = FL_OK;
    for (bool last = false; !last;) {
        const fl_batch *b = next_batch(r);
        fl_status one = micro_batch(r, b);
        if (status == FL_OK) status = one;
        last = b->last && b->nth == r->share.count - 1;
    }
    fl_count *mine = fl_tally_at(&r->tally, 0);
    mine->unreadable = status != FL_OK;
    mine->stop = fl_signals_stop();
    return status;
}

static void add_ledger(fl_ledger *sum, fl_ledger one) {
    sum->payload_bytes += one.payload_bytes;
    sum->wire_bytes += one.wire_bytes;
    sum->calls += one.calls;
    sum->seconds += one.seconds;
    sum->exposed_seconds += one.exposed_seconds;
}

static void take_ledger(fl_run *r) {
    fl_ledger done = fl_reduce_take(r->s->reduce);
    r->time.reduce_exposed += done.exposed_seconds;
    add_ledger(&r->at.ledger, done);
}

static void reduce(fl_run *r) {
    fl_comm_phase(r->c, "summing gradients", r->at.step + 1);
    fl_reduce_end(r->s->reduce);
    take_ledger(r);
}

double fl_run_learning_rate(const fl_run *r) {
    const fl_optim_conf *o = &r->x->optim;
    int64_t per_epoch = fl_loader_steps(r->loader), all = per_epoch * r->x->train.epochs,
            most = r->x->train.max_steps;
    if (most != FL_NONE && most < all) all = most;
    double factor = o->rate->factor(o->rate_conf, r->at.step, all, per_epoch);
    return o->ops->learning_rate(o->conf) * factor;
}

static double clip_scale(const fl_run *r) {
    double limit = r->x->train.clip_grad_norm;
    if (isnan(limit)) return 1;
    double norm = fl_session_gradient_norm(r->s);
    return norm > limit ? limit / norm : 1;
}

static void update(fl_run *r) {
    double start = fl_clock();
    uint64_t begun = fl_trace_begin();
    fl_comm_phase(r->c, "update", r->at.step + 1);
    fl_session_update(r->s, fl_run_learning_rate(r), clip_scale(r), r->at.step + 1);
    r->time.update += fl_clock() - start;
    fl_trace_end(FL_TRACE_UPDATE, -1, begun);
    fl_session_publish(r->s);
    take_ledger(r);
}

static void count_step(fl_run *r, const fl_count *all) {
    r->at.step++;
    r->at.step_of_epoch++;
    r->at.score.loss += all->score.loss;
    r->at.score.correct += all->score.correct;
    r->at.score.top5 += all->score.top5;
    r->at.score.rows += all->score.rows;
    r->stop = all->stop > 0;
}

static void log_step(const fl_run *r, double loss, double rate, double seconds) {
    if (!r->report) return;
    fl_report_step(r->report, &(fl_step_record){
                                  .epoch = r->at.epoch,
                                  .step = r->at.step,
                                  .step_of_epoch = r->at.step_of_epoch,
                                  .steps_per_epoch = fl_loader_steps(r->loader),
                                  .epochs = r->x->train.epochs,
                                  .loss = loss,
                                  .learning_rate = rate,
                                  .seconds = seconds,
                              });
}

static fl_count control_sums(fl_run *r) {
    uint64_t begun = fl_trace_begin();
    fl_count all = fl_tally_sum(&r->tally, r->c);
    fl_trace_end(FL_TRACE_SUMS, -1, begun);
    return all;
}

fl_status fl_run_step(fl_run *r) {
    uint64_t begun = fl_trace_begin();
    double start = fl_clock(), rate = fl_run_learning_rate(r);
    fl_status status = forward_backward(r);
    run_ahead(r);
    reduce(r);
    fl_count all = control_sums(r);
    if (all.unreadable > 0) return fl_comm_agree(r->c, status);
    if (!isfinite(all.score.loss))
        return fl_fail(
            FL_ERR_NONFINITE,
            "the loss is %f at epoch %lld, step %lld; the checkpoints before are untouched. "
            "Lower optimizer.learning_rate (now %g), set train.clip_grad_norm, or check the data",
            all.score.loss, (long long)r->at.epoch, (long long)r->at.step + 1, rate);
    update(r);
    count_step(r, &all);
    log_step(r, all.score.loss / all.score.rows, rate, fl_clock() - start);
    fl_trace_end(FL_TRACE_STEP, -1, begun);
    return FL_OK;
}
