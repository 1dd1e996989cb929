/* Scoring a set: spread over the ranks, each row counted once. */
#include <math.h>

#include "frostline/log.h"
#include "train/run.h"

/* With `on_bad_image: skip` the ranks share the work of decoding every row once, and then all drop
 * the same rows. */
void fl_data_drop_unreadable(fl_comm *c, fl_dataset *d, const char *what) {
    if (!d) return;
    int64_t n = fl_dataset_rows(d), rank = fl_comm_rank(c), size = fl_comm_size(c);
    uint8_t *bad = fl_alloc((size_t)n);
    double *all = fl_alloc((size_t)n * sizeof *all), dropped = 0;
    int64_t lo = n * rank / size, hi = n * (rank + 1) / size;
    fl_dataset_check(d, lo, hi, bad + lo);
    for (int64_t i = 0; i < n; i++) all[i] = bad[i];
    fl_comm_sum_double(c, all, (size_t)n);
    for (int64_t i = 0; i < n; i++) dropped += bad[i] = all[i] > 0;
    if (dropped > 0)
        fl_warn("%.0f of %lld %s images cannot be read and are skipped", dropped, (long long)n,
                what);
    fl_dataset_drop(d, bad);
    fl_free(bad);
    fl_free(all);
}

enum { MAX_CONFUSION = 1000 }; /* classes beyond which no confusion matrix is kept */

static void count_confusion(const fl_batch *b, const float *logits, int n, double *confusion) {
    for (int i = 0; confusion && i < b->rows; i++)
        confusion[(size_t)b->label[i] * (size_t)n +
                  (size_t)fl_argmax(logits + (size_t)i * (size_t)n, n)] += 1;
}

static void fill_result(const fl_experiment *x, const fl_count *all, const double *confusion, int n,
                        fl_eval_result *out) {
    double rows = all->score.rows;
    bool classes = x->train.loss == FL_LOSS_CATEGORICAL;
    *out = (fl_eval_result){
        .rows = (int64_t)rows,
        .loss = all->score.loss / rows,
        .accuracy = x->train.loss == FL_LOSS_MSE ? NAN : all->score.correct / rows,
        .top5 = classes ? all->score.top5 / rows : NAN,
        .classes = classes ? n : 0,
    };
    if (!confusion) return;
    out->confusion = fl_alloc((size_t)n * (size_t)n * sizeof *out->confusion);
    for (int i = 0; i < n * n; i++) out->confusion[i] = (int64_t)confusion[i];
}

static fl_status score_batches(const fl_experiment *x, fl_engine *engine, fl_loader *loader, int n,
                               double *confusion, const fl_tally *mine) {
    fl_status status = FL_OK;
    fl_loader_start(loader, 1, 0);
    for (const fl_batch *b; (b = fl_loader_next(loader));) {
        const float *logits = fl_engine_forward(engine, b, false, 1);
        fl_loss_batch((fl_loss)x->train.loss, b, logits, n, NULL,
                      &fl_tally_at(mine, b->nth)->score);
        count_confusion(b, logits, n, confusion);
        if (b->status == FL_OK || status != FL_OK) continue;
        fl_tally_at(mine, 0)->unreadable = 1;
        status = fl_fail_text(b->status, b->message);
    }
    return status;
}

fl_status fl_eval_set(fl_comm *c, const fl_experiment *x, fl_engine *engine, const fl_dataset *set,
                      fl_loader *loader, fl_eval_result *out) {
    int n = (int)fl_shape_size(x->model->layer[x->model->n_layers - 1].shape);
    fl_tally tally;
    FL_TRY(fl_comm_agree(c, fl_tally_open(c, &x->reduce, &tally)));
    bool matrix = x->train.loss == FL_LOSS_CATEGORICAL &&
                  fl_dataset_target(set) == FL_TARGET_CLASS && n <= MAX_CONFUSION;
    size_t cells = (size_t)n * (size_t)n;
    double *confusion = matrix ? fl_alloc(cells * sizeof(double)) : NULL;
    fl_status status = score_batches(x, engine, loader, n, confusion, &tally);
    fl_count all = fl_tally_sum(&tally, c);
    fl_tally_close(&tally);
    if (confusion) fl_comm_sum_double(c, confusion, cells);
    fill_result(x, &all, confusion, n, out);
    fl_free(confusion);
    if (all.unreadable == 0) return FL_OK;
    fl_free(out->confusion);
    out->confusion = NULL;
    return fl_comm_agree(c, status);
}
