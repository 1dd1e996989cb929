/* loss.h: what is minimised, its gradient in the logits, and how many rows were right. */
#ifndef FROSTLINE_TRAIN_LOSS_H
#define FROSTLINE_TRAIN_LOSS_H

#include "frostline/data.h"
#include "frostline/train.h"

typedef struct fl_score { /* sums over rows; add them up, over ranks too */
    double loss, correct, top5, rows;
} fl_score;

/* Adds the batch's score. logits (rows, outputs). gradient (rows, outputs), if not NULL, receives
 * the gradient of sum(loss) / b->step_rows. Categorical: softmax and cross-entropy of class ids or
 * of target rows. Binary: sigmoid and cross-entropy, mean over outputs. mse: mean over outputs. */
void fl_loss_batch(fl_loss loss, const fl_batch *b, const float *logits, int outputs,
                   float *gradient, fl_score *score);

/* The class with the largest logit. */
int fl_argmax(const float *logits, int n);

/* The set's labels fit the net's outputs and the loss, or FL_ERR_CONFIG says what does not. */
fl_status fl_loss_check(fl_loss loss, const fl_dataset *d, const char *set, int outputs);

#endif
