/* Where features are kept, and whether: one table a node and set, in memory or in a file that later
 * runs find again. */
#include "train/features.h"

#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "frostline/log.h"

enum { ASKED_AUTO, ASKED_OFF, ASKED_MEMORY, ASKED_DISK }; /* data.cache_features */

bool fl_features_optional(const fl_experiment *x) {
    return x->data.cache_features == ASKED_AUTO;
}

size_t fl_features_bytes(const fl_session *s, const fl_dataset *set) {
    return set ? fl_cache_bytes(fl_dataset_rows(set), s->plan->feature_width) : 0;
}

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

static size_t disk_available(const char *dir) {
    struct statvfs v;
    if (fl_make_dirs(dir) != FL_OK) return 0;
    return statvfs(dir, &v) == 0 ? (size_t)v.f_bavail * v.f_frsize : 0;
}

static bool on_all_nodes(const fl_session *s, bool here) {
    double lacking = !here;
    fl_comm_max_double(s->comm, &lacking, 1);
    return lacking == 0;
}

static const char *reason_against(const fl_session *s) {
    if (s->plan->feature_width == 0) return "nothing of the net is static under these freeze rules";
    if (s->x->data.augment) return "augmentation makes a new input of each sample in each epoch";
    return NULL;
}

/* Half of what is free, for the data and the rest of the job live there too. */
static fl_feature_place automatic(const fl_session *s, size_t bytes) {
    if (on_all_nodes(s, bytes <= memory_available() / 2)) return FL_FEATURES_MEMORY;
    if (on_all_nodes(s, bytes <= disk_available(s->x->run.output_dir) / 2)) return FL_FEATURES_DISK;
    char human[32];
    fl_note("the features of the frozen part are not kept: %s are more than half of what is free "
            "in memory and on disk",
            fl_human_bytes((double)bytes, human));
    return FL_FEATURES_OFF;
}

fl_status fl_features_decide(const fl_session *s, size_t bytes, fl_feature_place *out) {
    int asked = s->x->data.cache_features;
    const char *against = reason_against(s);
    *out = FL_FEATURES_OFF;
    if (asked == ASKED_OFF || (asked == ASKED_AUTO && against)) return FL_OK;
    if (against && s->phase == 0)
        return fl_fail(FL_ERR_CONFIG,
                       "'data.cache_features: %s' cannot be: %s; take it out, or say auto",
                       asked == ASKED_MEMORY ? "memory" : "disk", against);
    if (against) return FL_OK; /* a thaw has left nothing to keep */
    if (asked == ASKED_AUTO)
        *out = automatic(s, bytes);
    else
        *out = asked == ASKED_MEMORY ? FL_FEATURES_MEMORY : FL_FEATURES_DISK;
    return FL_OK;
}

/* What features depend on: the samples and their preparation, the static layers and their weights,
 * and the kernels, for those of another instruction set round otherwise. */
static uint64_t key_of(const fl_session *s, const fl_dataset *set) {
    const fl_kernels *kernels;
    uint64_t stamp = fl_dataset_stamp(set);
    uint64_t key = fl_hash(FROSTLINE_VERSION, sizeof FROSTLINE_VERSION, fl_dataset_hash(set));
    key = fl_hash(&stamp, sizeof stamp, key);
    if (fl_kernels_select(&kernels) == FL_OK)
        key = fl_hash(kernels->name, strlen(kernels->name), key);
    for (int l = 0; l < s->model->n_layers; l++) {
        const fl_model_layer *layer = &s->model->layer[l];
        if (!layer->is_static) continue;
        key = fl_hash(layer->ops->name, strlen(layer->ops->name), key);
        key = fl_hash(layer->conf, layer->ops->conf_size, key);
        key = fl_hash(layer->in, (size_t)layer->n_in * sizeof *layer->in, key);
        key = fl_hash(s->hash + layer->first_param, (size_t)layer->n_params * sizeof *s->hash, key);
    }
    return key;
}

static fl_status make_path(const fl_session *s, const fl_dataset *set, const char *name,
                           char **out) {
    char *dir = fl_path_join(s->x->run.output_dir, "features");
    char host[256] = "node";
    gethostname(host, sizeof host - 1);
    bool one = fl_comm_nodes(s->comm) ==
               1; /* else nodes that share a disk would write to one mapped file */
    *out = fl_format("%s/%016llx-%s%s%s.cache", dir, (unsigned long long)key_of(s, set), name,
                     one ? "" : "-", one ? "" : host);
    fl_status status = fl_make_dirs(dir);
    fl_free(dir);
    return fl_comm_agree(s->comm, status);
}

fl_status fl_features_open(const fl_session *s, fl_feature_place place, const fl_dataset *set,
                           const char *name, fl_features *out) {
    *out = (fl_features){0};
    if (!set || place == FL_FEATURES_OFF) return FL_OK;
    char *path = NULL;
    fl_status status = place == FL_FEATURES_DISK ? make_path(s, set, name, &path) : FL_OK;
    if (status == FL_OK)
        status = fl_shared_open_common(s->comm, path, fl_features_bytes(s, set), &out->shared);
    fl_free(path);
    FL_TRY(status);
    bool first = fl_shared_writer(out->shared), checksums = place == FL_FEATURES_DISK;
    out->rows = fl_dataset_rows(set);
    out->needs_input = s->plan->live_reads_input;
    for (int turn = 0; turn < 2;
         turn++) { /* the writer empties what cannot be trusted before others look */
        if (first == (turn == 0))
            out->cache = fl_cache_open(fl_shared_data(out->shared), out->rows,
                                       s->plan->feature_width, key_of(s, set), checksums, first);
        fl_shared_barrier(out->shared);
    }
    return FL_OK;
}

void fl_features_close(fl_features *f) {
    fl_cache_close(f->cache);
    fl_shared_close(f->shared);
    *f = (fl_features){0};
}

void fl_features_use(const fl_features *f, fl_engine *engine, fl_loader *loader) {
    fl_engine_use_features(engine, f->cache);
    if (!f->cache) {
        fl_loader_skip_inputs(loader, false);
        return;
    }
    fl_shared_barrier(f->shared); /* the rows of the other ranks are marked */
    fl_loader_skip_inputs(loader, !f->needs_input && fl_cache_count(f->cache) == f->rows);
}
