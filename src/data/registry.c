/* The list of formats. */
#include "data/dataset.h"

#define FL_DATASET(name) extern const fl_dataset_ops fl_dataset_##name;
#include "data/datasets.def"
#undef FL_DATASET

const fl_dataset_ops *const fl_dataset_formats[] = {
#define FL_DATASET(name) &fl_dataset_##name,
#include "data/datasets.def"
#undef FL_DATASET
    NULL,
};

static const char *const names[] = {
#define FL_DATASET(name) #name,
#include "data/datasets.def"
#undef FL_DATASET
    NULL,
};

const char *const *fl_datasets_all(void) {
    return names;
}
