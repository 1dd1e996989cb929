/* What it takes to read and prepare a row of the training set. */
#include <math.h>

#include "train/session.h"

enum { BATCHES = 3 };

static double time_of(fl_loader *l) {
    int64_t rows = 0;
    fl_loader_start(l, 1, 0);
    double start = fl_clock();
    for (int i = 0; i < BATCHES; i++) {
        const fl_batch *b = fl_loader_next(l);
        if (!b || b->status != FL_OK) break;
        rows += b->rows;
    }
    return rows > 0 ? (fl_clock() - start) / (double)rows : NAN;
}

static fl_status open_loader(fl_comm *c, const fl_experiment *x, const fl_dataset *set, int rows,
                             fl_loader **out) {
    fl_loader_conf conf = {.rank = fl_comm_rank(c),
                           .size = fl_comm_size(c),
                           .batch_size = (int64_t)rows * fl_comm_size(c),
                           .accumulation = 1,
                           .training = true,
                           .seed = (uint64_t)x->run.seed};
    return fl_loader_open(set, &conf, out);
}

double fl_bench_data(fl_comm *c, const fl_experiment *x, int rows) {
    fl_data *d = NULL;
    fl_loader *l = NULL;
    fl_status status = fl_data_open(&x->data, fl_config_section(x->config, "data"), x->model->input,
                                    (uint64_t)x->run.seed, FL_DATA_TRAIN, &d);
    if (status == FL_OK) status = open_loader(c, x, d->train, rows, &l);
    fl_comm_barrier(c);
    double seconds = status == FL_OK ? time_of(l) : NAN;
    fl_loader_close(l);
    fl_data_close(d);
    return seconds;
}
