/* A set after it is open. */
#include "data/set.h"

#include <string.h>

int64_t fl_dataset_rows(const fl_dataset *d) {
    return d->rows;
}

int64_t fl_dataset_inputs(const fl_dataset *d, bool training) {
    if (!training || !fl_augment_any(&d->prep.augment)) return d->rows;
    return d->variants == FL_NONE ? 0 : d->rows * d->variants;
}

fl_target fl_dataset_target(const fl_dataset *d) {
    return d->source->target;
}

int fl_dataset_classes(const fl_dataset *d) {
    return d->classes;
}

const char *fl_dataset_class_name(const fl_dataset *d, int c) {
    return d->class_name && c >= 0 && c < d->classes ? d->class_name[c] : NULL;
}

uint64_t fl_dataset_hash(const fl_dataset *d) {
    uint64_t hash = fl_hash(&d->source->hash, sizeof d->source->hash, fl_prep_hash(&d->prep));
    hash = fl_hash(&d->classes, sizeof d->classes, hash);
    hash = fl_hash(d->row, (size_t)d->rows * sizeof *d->row, hash);
    return d->label ? fl_hash(d->label, (size_t)d->rows * sizeof *d->label, hash) : hash;
}

uint64_t fl_dataset_stamp(const fl_dataset *d) {
    return d->source->stamp;
}

static size_t bytes_of_rows(const fl_dataset *d) {
    return d ? (size_t)d->rows * (sizeof *d->row + (d->label ? sizeof *d->label : 0)) : 0;
}

/* Sets that were split have one source. */
size_t fl_data_bytes(const fl_data *d) {
    const fl_dataset *train = d ? d->train : NULL, *validation = d ? d->validation : NULL;
    bool other = validation && (!train || validation->source != train->source);
    return bytes_of_rows(train) + bytes_of_rows(validation) + (train ? train->source->bytes : 0) +
           (other ? validation->source->bytes : 0);
}

fl_status fl_dataset_read(const fl_dataset *d, int64_t i, fl_work *work) {
    return d->source->ops->read(d->source, d->row[i], &work->raw);
}

int64_t fl_dataset_check(fl_dataset *d, int64_t lo, int64_t hi, uint8_t *bad) {
    fl_work work = {0};
    int64_t count = 0;
    for (int64_t i = lo; i < hi; i++) {
        bad[i - lo] = fl_dataset_read(d, i, &work) != FL_OK;
        count += bad[i - lo];
    }
    fl_work_close(&work);
    return count;
}

void fl_dataset_drop(fl_dataset *d, const uint8_t *bad) {
    int64_t kept = 0;
    for (int64_t i = 0; i < d->rows; i++) {
        if (bad[i]) continue;
        d->row[kept] = d->row[i];
        if (d->label) d->label[kept] = d->label[i];
        kept++;
    }
    d->rows = kept;
}

fl_status fl_data_read_image(const fl_data_conf *conf, fl_node *section, fl_shape input,
                             const char *path, float *x) {
    fl_prep prep;
    fl_work work = {0};
    fl_status status = fl_prep_open(conf, section, input, NULL, &prep);
    if (status == FL_OK) status = fl_image_read(path, &work.raw);
    if (status == FL_OK) fl_prep_row(&prep, NULL, &work, x);
    fl_work_close(&work);
    fl_prep_close(&prep);
    return status;
}
