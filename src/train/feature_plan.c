/* Whether features are kept, where, and what room they take. */
#include <string.h>
#include <sys/statvfs.h>

#include "frostline/log.h"
#include "frostline/train.h"

/* Bytes that programs may still take from this node without swapping; 0 if unknown. */
static size_t memory_available(void) {
    FILE *f = fopen("/proc/meminfo", "r");
    char line[128];
    unsigned long long kb = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1) break;
    if (f) fclose(f);
    return (size_t)kb * 1024;
}

/* Of the file system that `path` is on, or will be: what lacks of it is not made here. */
static size_t disk_available(const char *path) {
    struct statvfs v;
    char *at = fl_strdup(path), *slash;
    while (statvfs(*at ? at : ".", &v) != 0 && (slash = strrchr(at, '/')) && slash != at)
        *slash = '\0';
    if (!strchr(at, '/') && !fl_exists(at)) *at = '\0';
    bool known = statvfs(*at ? at : ".", &v) == 0;
    fl_free(at);
    return known ? (size_t)v.f_bavail * v.f_frsize : 0;
}

static bool on_all_nodes(fl_comm *c, bool here) {
    double lacking = !here;
    if (c) fl_comm_max_double(c, &lacking, 1);
    return lacking == 0;
}

static size_t table_bytes(const fl_experiment *x, const fl_plan *p, int64_t rows) {
    return fl_cache_bytes(&(fl_cache_conf){rows, p->feature_width, x->data.cache_dtype, 0, false});
}

static void measure(const fl_experiment *x, const fl_data *d, fl_plan *p) {
    fl_feature_plan *f = &p->features;
    static const char *const dtypes[] = {"float32", "float16"};
    int64_t inputs = d && d->train ? fl_dataset_inputs(d->train, true) : 0;
    f->dtype = dtypes[x->data.cache_dtype];
    f->row_bytes = fl_cache_row_bytes(
        &(fl_cache_conf){.width = p->feature_width, .dtype = x->data.cache_dtype});
    f->rows = d && d->train ? fl_dataset_rows(d->train) : 0;
    f->variants = f->rows ? inputs / f->rows : 0;
    f->validation_rows = d && d->validation ? fl_dataset_rows(d->validation) : 0;
    f->bytes = table_bytes(x, p, inputs);
    if (d && d->validation) f->bytes += table_bytes(x, p, f->validation_rows);
}

static const char *reason_against(const fl_plan *p, const fl_data *d) {
    if (p->feature_width == 0) return "nothing of the net is static under these freeze rules";
    if (d && d->train && fl_dataset_inputs(d->train, true) == 0)
        return "augmentation makes a new input of each sample in each epoch "
               "('data.cache_variants: 4' has four take turns)";
    return NULL;
}

/* Half of what is free, for the data and the rest of the job live there too. */
static void choose(fl_comm *c, const fl_experiment *x, fl_feature_plan *f) {
    char human[32];
    if (on_all_nodes(c, f->bytes <= memory_available() / 2)) {
        f->place = "memory";
    } else if (on_all_nodes(c, f->bytes <= disk_available(x->run.output_dir) / 2)) {
        f->place = "disk";
    } else {
        f->reason = "they are more than half of what is free in memory and on disk";
        fl_note("the features of the frozen part are not kept: of %s, %s",
                fl_human_bytes((double)f->bytes, human), f->reason);
    }
}

bool fl_experiment_keeps(const fl_experiment *x, const fl_plan *p) {
    return x->data.cache_features != FL_CACHE_OFF && p->feature_width > 0 &&
           fl_data_inputs_return(&x->data);
}

fl_status fl_experiment_features(fl_comm *c, const fl_experiment *x, const fl_data *d, int phase,
                                 fl_plan *p) {
    static const char *const places[] = {
        [FL_CACHE_AUTO] = "auto", [FL_CACHE_MEMORY] = "memory", [FL_CACHE_DISK] = "disk"};
    int asked = x->data.cache_features;
    fl_feature_plan *f = &p->features;
    *f = (fl_feature_plan){.place = "off", .reason = reason_against(p, d)};
    measure(x, d, p);
    p->memory.data = fl_data_bytes(d);
    if (asked == FL_CACHE_OFF) f->reason = "'data.cache_features' is off";
    if (asked == FL_CACHE_OFF || (asked == FL_CACHE_AUTO && f->reason)) return FL_OK;
    if (f->reason && phase == 0)
        return fl_fail(FL_ERR_CONFIG,
                       "'data.cache_features: %s' cannot be: %s; take it out, or say auto",
                       places[asked], f->reason);
    if (f->reason) return FL_OK; /* a thaw has left nothing to keep */
    if (asked == FL_CACHE_AUTO && d)
        choose(c, x, f);
    else
        f->place = places[asked];
    return FL_OK;
}
