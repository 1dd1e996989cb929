/* Filling a batch: one rank's rows of a micro-batch. */
#include "data/batch.h"

#include <string.h>

void fl_slot_open(fl_slot *s, const fl_dataset *d, int max_rows) {
    size_t n = (size_t)max_rows;
    s->x = fl_alloc(n * fl_shape_size(d->prep.input) * sizeof *s->x);
    s->sample = fl_alloc(n * sizeof *s->sample);
    s->input = fl_alloc(n * sizeof *s->input);
    if (d->label) s->label = fl_alloc(n * sizeof *s->label);
    if (d->source->vector) s->target = fl_alloc(n * (size_t)d->classes * sizeof *s->target);
}

void fl_slot_close(fl_slot *s) {
    fl_free(s->x);
    fl_free(s->sample);
    fl_free(s->input);
    fl_free(s->label);
    fl_free(s->target);
    fl_free(s->message);
}

static int64_t input_of(const fl_filling *f, int64_t sample) {
    if (!f->variants) return sample;
    return sample * f->variants + fl_sample_variant(f->variants, f->seed, f->epoch, sample);
}

static fl_status fill_input(fl_slot *s, fl_filling *f, int i) {
    const fl_prep *p = &f->set->prep;
    int64_t epoch = f->variants ? s->input[i] % f->variants + 1 : f->epoch;
    fl_rng rng = {f->seed, FL_STREAM_AUGMENT, (uint32_t)epoch, (uint64_t)s->sample[i]};
    FL_TRY(fl_dataset_read(f->set, s->sample[i], &f->work));
    fl_prep_row(p, f->augment ? &rng : NULL, &f->work, s->x + (size_t)i * fl_shape_size(p->input));
    return FL_OK;
}

static fl_status fill_row(fl_slot *s, fl_filling *f, int i, int64_t sample) {
    const fl_dataset *d = f->set;
    size_t outputs = (size_t)d->classes;
    s->sample[i] = sample;
    s->input[i] = input_of(f, sample);
    if (s->label) s->label[i] = d->label[sample];
    if (s->target)
        memcpy(s->target + (size_t)i * outputs,
               d->source->vector + (size_t)d->row[sample] * outputs, outputs * sizeof *s->target);
    return f->inputs ? fill_input(s, f, i) : FL_OK;
}

static void describe(fl_slot *s, const fl_filling *f, const fl_cut *c, int64_t step) {
    fl_free(s->message);
    s->message = NULL;
    s->batch = (fl_batch){.step_rows = c->step.hi - c->step.lo,
                          .global_rows = c->micro.hi - c->micro.lo,
                          .first = c->mine.lo - c->micro.lo,
                          .rows = (int)(c->mine.hi - c->mine.lo),
                          .last = c->micro.hi == c->step.hi,
                          .step = step,
                          .x = f->inputs ? s->x : NULL,
                          .label = s->label,
                          .target = s->target,
                          .sample = s->sample,
                          .input = s->input};
}

void fl_slot_fill(fl_slot *s, fl_filling *f, int64_t step, int64_t k) {
    int64_t micros = fl_cutting_micros(&f->cutting, step);
    int nth = (int)(k / micros);
    fl_cut c = fl_cutting_at(&f->cutting, step, k % micros, nth);
    describe(s, f, &c, step);
    s->batch.nth = nth;
    fl_status status = FL_OK;
    for (int i = 0; i < s->batch.rows && status == FL_OK && !atomic_load(f->cancel); i++)
        status = fill_row(s, f, i, f->order[c.mine.lo + i]);
    if (status == FL_OK) return;
    s->message = fl_strdup(fl_message());
    s->batch.status = status;
    s->batch.message = s->message;
    s->batch.rows = 0;
}
