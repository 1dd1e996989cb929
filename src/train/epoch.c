/* An epoch: its steps, its evaluation, its line, its checkpoint. */
#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "frostline/log.h"
#include "train/run.h"

static uint64_t peak_memory(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)u.ru_maxrss * 1024;
}

static double accuracy_of(const fl_run *r, double accuracy) {
    return r->x->train.loss == FL_LOSS_MSE ? NAN : accuracy;
}

static fl_times close_times(fl_run *r, double seconds) {
    fl_times *t = &r->time;
    fl_engine_take_times(r->s->engine, &t->fixed, &t->forward, &t->backward);
    t->other = fmax(0, seconds - t->data - t->fixed - t->forward - t->backward - t->reduce_exposed -
                           t->update);
    return *t;
}

/* The share of this rank's rows whose static part did not have to be run; NAN if none is kept. */
static double features_kept(const fl_run *r) {
    int64_t hits, rows;
    fl_engine_take_hits(r->s->engine, &hits, &rows);
    return rows > 0 ? (double)hits / (double)rows : NAN;
}

static void fill_record(fl_run *r, double seconds) {
    const fl_plan *p = r->s->plan;
    uint64_t steps = (uint64_t)r->at.step_of_epoch;
    r->last = (fl_epoch_record){
        .epoch = r->at.epoch,
        .epochs = r->x->train.epochs,
        .step = r->at.step,
        .loss = r->at.score.loss / r->at.score.rows,
        .accuracy = accuracy_of(r, r->at.score.correct / r->at.score.rows),
        .val_loss = NAN,
        .val_accuracy = NAN,
        .val_top5 = NAN,
        .learning_rate = fl_run_learning_rate(r),
        .seconds = seconds,
        .samples_per_second = (r->at.score.rows - r->rows_before) / seconds,
        .payload_bytes = r->at.ledger.payload_bytes,
        .planned_payload_bytes = steps * fl_plan_payload_bytes(p),
        .unfrozen_payload_bytes = steps * fl_plan_unfrozen_payload_bytes(p),
        .wire_bytes = r->at.ledger.wire_bytes,
        .reduce_calls = r->at.ledger.calls,
        .reduce_seconds = r->at.ledger.seconds,
        .memory_bytes = peak_memory(),
        .time = close_times(r, seconds),
        .features_kept = features_kept(r),
        .phase = r->s->phase,
        .trainable = p->n_trainable,
    };
}

static fl_status evaluate(fl_run *r) {
    if (!r->validation) return FL_OK;
    fl_comm_phase(r->c, "evaluation", r->at.step);
    fl_free(r->eval.confusion);
    r->eval.confusion = NULL;
    fl_features_use(&r->kept_validation, r->s->engine, r->validation);
    FL_TRY(fl_eval_set(r->c, r->x, r->s->engine, r->data->validation, r->validation, &r->eval));
    r->last.val_loss = r->eval.loss;
    r->last.val_accuracy = r->eval.accuracy;
    if (r->eval.classes > 5) r->last.val_top5 = r->eval.top5; /* else it is 1 */
    double ignored[3]; /* evaluation is not part of the epoch's training time */
    fl_engine_take_times(r->s->engine, &ignored[0], &ignored[1], &ignored[2]);
    features_kept(r);
    return FL_OK;
}

static double monitored(const fl_epoch_record *e, int monitor) {
    const double values[] = {e->val_loss, e->val_accuracy, e->loss, e->accuracy};
    return values[monitor];
}

/* Losses are better when smaller, accuracies when larger. */
static bool is_better(int monitor, double value, double best, double min_delta) {
    bool up = monitor == FL_MONITOR_VAL_ACCURACY || monitor == FL_MONITOR_ACCURACY;
    if (isnan(best)) return !isnan(value);
    return up ? value > best + min_delta : value < best - min_delta;
}

static void observe(fl_run *r) {
    if (r->x->best >= 0) {
        double value = monitored(&r->last, r->x->best);
        r->last.best = is_better(r->x->best, value, r->at.best, 0);
        if (r->last.best) r->at.best = value;
    }
    if (!r->x->early) return;
    const fl_early_conf *early = &r->x->early_stopping;
    double value = monitored(&r->last, early->monitor);
    bool better = is_better(early->monitor, value, r->at.watched, early->min_delta);
    r->at.bad_epochs = better ? 0 : r->at.bad_epochs + 1;
    if (better) r->at.watched = value;
    r->at.done = !better && r->at.bad_epochs >= early->patience; /* as Keras counts */
}

static void tell_why_done(const fl_run *r) {
    const fl_early_conf *early = &r->x->early_stopping;
    bool stopped = r->x->early && r->at.bad_epochs > 0 && r->at.bad_epochs >= early->patience;
    if (fl_run_steps_done(r))
        fl_note("train.max_steps: %lld steps are made", (long long)r->at.step);
    else if (stopped)
        fl_note("stopped early: for %lld epoch%s the watched value has not become better than %.4f",
                (long long)r->at.bad_epochs, r->at.bad_epochs == 1 ? "" : "s", r->at.watched);
}

static void warn_nonfinite(const fl_run *r) {
    if (r->validation && !isfinite(r->eval.loss))
        fl_warn("epoch %lld: the validation loss is not finite; look for NaN or infinity in the "
                "validation set",
                (long long)r->at.epoch);
}

static bool divides(int64_t every, int64_t n) {
    return every != FL_NONE && n % every == 0;
}

static void begin_next_epoch(fl_run *r) {
    r->at.epoch++;
    r->at.step_of_epoch = 0;
    r->at.score = (fl_score){0};
    r->at.ledger = (fl_ledger){0};
}

/* What training holds does not grow after the first epoch of a phase. Before a checkpoint, through
 * which frozen weights pass that a step never reads. */
static void measure_node(fl_run *r) {
    const fl_plan *p = r->s->plan;
    int nodes = fl_comm_nodes(r->c);
    size_t ranks = (size_t)(fl_comm_size(r->c) + nodes - 1) / (size_t)nodes;
    if (r->measured != r->s) r->node_memory = (uint64_t)(fl_resident_bytes(r->c) / nodes);
    r->measured = r->s;
    r->last.node_memory_bytes = r->node_memory;
    r->last.planned_node_memory_bytes =
        ranks * fl_plan_memory_per_rank(p) + fl_plan_memory_per_node(p);
}

bool fl_run_steps_done(const fl_run *r) {
    return r->x->train.max_steps != FL_NONE && r->at.step >= r->x->train.max_steps;
}

static fl_status end_epoch(fl_run *r) {
    const fl_checkpoint_conf *c = &r->x->checkpoint;
    fill_record(r, fl_clock() - r->epoch_began);
    fl_run_ledger_end(r);
    fl_session_share_state(r->s);
    FL_TRY(evaluate(r));
    measure_node(r);
    observe(r);
    r->at.done |= fl_run_steps_done(r);
    fl_status said = r->report ? fl_report_epoch(r->report, &r->last) : FL_OK;
    FL_TRY(fl_comm_agree(r->c, said));
    warn_nonfinite(r);
    if (r->at.done) tell_why_done(r);
    if (r->last.payload_bytes != r->last.planned_payload_bytes)
        return fl_fail(FL_ERR_INTERNAL,
                       "%llu bytes were reduced in epoch %lld, but the plan says %llu",
                       (unsigned long long)r->last.payload_bytes, (long long)r->at.epoch,
                       (unsigned long long)r->last.planned_payload_bytes);
    bool last = r->at.done || r->stop || r->at.epoch == r->x->train.epochs;
    bool due = divides(c->every_epochs, r->at.epoch) || divides(c->every_steps, r->at.step);
    begin_next_epoch(r);
    return last || due || r->last.best ? fl_run_save(r, r->last.best) : FL_OK;
}

/* After this process's first step, once. */
static void tell_start(fl_run *r) {
    if (r->startup.told) return;
    r->startup.told = true;
    fl_startup_mark(&r->startup, "first step");
    if (r->report) fl_startup_tell(&r->startup, r->at.step, r->report);
}

fl_status fl_run_epoch(fl_run *r) {
    int64_t steps = fl_loader_steps(r->loader);
    r->time = (fl_times){0};
    r->epoch_began = fl_clock();
    r->rows_before = r->at.score.rows;
    fl_features_use(&r->kept, r->s->engine, r->loader);
    r->ahead = NULL;
    fl_loader_start(r->loader, r->at.epoch, r->at.step_of_epoch);
    fl_run_ledger_begin(r);
    while (r->at.step_of_epoch < steps) {
        fl_run_trace_begin(r);
        FL_TRY(fl_run_step(r));
        FL_TRY(fl_run_trace_end(r));
        tell_start(r);
        if (r->at.step_of_epoch == steps || fl_run_steps_done(r)) break;
        if (r->stop || divides(r->x->checkpoint.every_steps, r->at.step))
            FL_TRY(fl_run_save(r, false));
        if (r->stop) return FL_OK;
    }
    return end_epoch(r);
}
