/* Losses on logits. With p = softmax(z): L = −Σ t log p, dL/dz = p Σt − t. With p = σ(z): L = −t
 * log p − (1−t) log(1−p), dL/dz = p − t. Both computed without overflow. */
#include "train/loss.h"

#include <math.h>

int fl_argmax(const float *logits, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static int rank_of(const float *logits, int n, int label) {
    int above = 0;
    for (int i = 0; i < n; i++) above += logits[i] > logits[label];
    return above;
}

static double target_at(const fl_batch *b, int row, int outputs, int i) {
    if (b->target) return b->target[(size_t)row * outputs + i];
    return outputs == 1 ? b->label[row] : b->label[row] == i;
}

static void count_class(const fl_batch *b, int row, const float *z, int n, fl_score *score) {
    int truth = b->label ? b->label[row] : fl_argmax(b->target + (size_t)row * n, n);
    score->correct += fl_argmax(z, n) == truth;
    score->top5 += rank_of(z, n, truth) < 5;
}

static void categorical_row(const fl_batch *b, int row, const float *z, int n, float *dz,
                            fl_score *score) {
    double largest = z[fl_argmax(z, n)], sum = 0, mass = 0, loss = 0;
    for (int i = 0; i < n; i++) sum += exp(z[i] - largest);
    double log_sum = largest + log(sum);
    for (int i = 0; i < n; i++) {
        double t = target_at(b, row, n, i);
        mass += t;
        if (t != 0) loss += t * (log_sum - z[i]);
    }
    score->loss += loss;
    count_class(b, row, z, n, score);
    if (!dz) return;
    for (int i = 0; i < n; i++)
        dz[i] =
            (float)((exp(z[i] - log_sum) * mass - target_at(b, row, n, i)) / (double)b->step_rows);
}

static void binary_row(const fl_batch *b, int row, const float *z, int n, float *dz,
                       fl_score *score) {
    double loss = 0, right = 0;
    for (int i = 0; i < n; i++) {
        double t = target_at(b, row, n, i), e = exp(-fabs(z[i]));
        double p = z[i] >= 0 ? 1 / (1 + e) : e / (1 + e);
        loss += log1p(e) + (z[i] > 0 ? z[i] : 0) - t * z[i];
        right += (z[i] > 0) == (t > 0.5);
        if (dz) dz[i] = (float)((p - t) / (n * (double)b->step_rows));
    }
    score->loss += loss / n;
    score->correct += right / n;
}

static void mse_row(const fl_batch *b, int row, const float *z, int n, float *dz, fl_score *score) {
    double loss = 0;
    for (int i = 0; i < n; i++) {
        double d = z[i] - target_at(b, row, n, i);
        loss += d * d;
        if (dz) dz[i] = (float)(2 * d / (n * (double)b->step_rows));
    }
    score->loss += loss / n;
}

void fl_loss_batch(fl_loss loss, const fl_batch *b, const float *logits, int outputs,
                   float *gradient, fl_score *score) {
    static void (*const rows[])(const fl_batch *, int, const float *, int, float *,
                                fl_score *) = {categorical_row, binary_row, mse_row};
    for (int r = 0; r < b->rows; r++) {
        size_t at = (size_t)r * (size_t)outputs;
        rows[loss](b, r, logits + at, outputs, gradient ? gradient + at : NULL, score);
    }
    score->rows += b->rows;
}

fl_status fl_loss_check(fl_loss loss, const fl_dataset *d, const char *set, int outputs) {
    int classes = fl_dataset_classes(d);
    if (fl_dataset_target(d) == FL_TARGET_NONE)
        return fl_fail(FL_ERR_CONFIG,
                       "the %s set has no labels, but training and evaluation want them", set);
    if (fl_dataset_target(d) == FL_TARGET_VECTOR && classes != outputs)
        return fl_fail(FL_ERR_CONFIG, "the %s set has %d targets a row, but the net has %d outputs",
                       set, classes, outputs);
    if (fl_dataset_target(d) != FL_TARGET_CLASS) return FL_OK;
    if (loss == FL_LOSS_CATEGORICAL && classes > outputs)
        return fl_fail(
            FL_ERR_CONFIG,
            "the %s set has %d classes, but the net has %d outputs; give the last layer %d units",
            set, classes, outputs, classes);
    if (loss != FL_LOSS_CATEGORICAL && (outputs != 1 || (loss == FL_LOSS_BINARY && classes > 2)))
        return fl_fail(FL_ERR_CONFIG,
                       "the %s set has %d classes as ids, which this loss takes only for a net "
                       "with one output%s; "
                       "use categorical_crossentropy",
                       set, classes, loss == FL_LOSS_BINARY ? " and two classes" : "");
    return FL_OK;
}
