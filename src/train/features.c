/* The tables of features: one a node and set, in memory or in a file that later runs find again. */
#include "train/features.h"

#include <string.h>

#include "frostline/log.h"

/* What the config asks of a layer's kernel: it decides how its features are rounded. */
static uint64_t add_setting(const fl_conv_setting *s, uint64_t key) {
    const char *forced = s->forced[FL_PASS_FORWARD];
    if (forced) key = fl_hash(forced, strlen(forced), key);
    return fl_hash(&s->bf16, sizeof s->bf16, key);
}

/* What features depend on: the samples, their preparation and augmentation, the static layers and
 * their weights, and the kernels, for those of another instruction set round otherwise. */
static uint64_t key_of(const fl_session *s, const fl_dataset *set, bool training) {
    const fl_kernels *kernels;
    uint64_t stamp = fl_dataset_stamp(set), seed = (uint64_t)s->x->run.seed;
    uint64_t key = fl_hash(FROSTLINE_VERSION, sizeof FROSTLINE_VERSION, fl_dataset_hash(set));
    key = fl_hash(&stamp, sizeof stamp, key);
    if (training && s->x->data.augment) key = fl_hash(&seed, sizeof seed, key);
    if (fl_kernels_select(&kernels) == FL_OK)
        key = fl_hash(kernels->name, strlen(kernels->name), key);
    for (int l = 0; l < s->model->n_layers; l++) {
        const fl_model_layer *layer = &s->model->layer[l];
        if (!layer->is_static) continue;
        key = add_setting(&s->x->conv[l], key);
        key = fl_hash(layer->ops->name, strlen(layer->ops->name), key);
        key = fl_hash(layer->conf, layer->ops->conf_size, key);
        key = fl_hash(layer->in, (size_t)layer->n_in * sizeof *layer->in, key);
        key = fl_hash(s->hash + layer->first_param, (size_t)layer->n_params * sizeof *s->hash, key);
    }
    return key;
}

static fl_cache_conf conf_of(const fl_session *s, const fl_dataset *set, bool training) {
    return (fl_cache_conf){
        .rows = fl_dataset_inputs(set, training),
        .width = s->plan->feature_width,
        .dtype = s->x->data.cache_dtype,
        .key = key_of(s, set, training),
    };
}

/* Nodes before this rank's, if it is the first of its node. */
static int node_index(fl_comm *c) {
    int first = fl_comm_node_rank(c) == 0, before = 0;
    int *all = fl_alloc((size_t)fl_comm_size(c) * sizeof *all);
    fl_comm_gather(c, &first, sizeof first, all);
    for (int r = 0; r < fl_comm_rank(c); r++) before += all[r];
    fl_free(all);
    return before;
}

/* Nodes that share a disk must not write to one mapped file. The first node's has the same name
 * however many there are, so that a run on others finds it. */
static char *make_path(const fl_session *s, uint64_t key, bool training) {
    char node[32] = "";
    int index = node_index(s->comm);
    if (index > 0) snprintf(node, sizeof node, "-node%d", index);
    return fl_format("%s/features/%016llx-%s%s.cache", s->x->run.output_dir,
                     (unsigned long long)key, training ? "training" : "validation", node);
}

static fl_status make_folder(const fl_session *s) {
    char *dir = fl_path_join(s->x->run.output_dir, "features");
    fl_status status = fl_make_dirs(dir);
    fl_free(dir);
    return fl_comm_agree(s->comm, status);
}

static fl_status open_memory(const fl_session *s, const fl_cache_conf *conf, bool training,
                             fl_shared **out) {
    size_t bytes = fl_cache_bytes(conf);
    if (!conf->checksums) return fl_shared_open_common(s->comm, NULL, bytes, out);
    FL_TRY(make_folder(s));
    char *path = make_path(s, conf->key, training);
    fl_status status = fl_shared_open_common(s->comm, path, bytes, out);
    fl_free(path);
    return status;
}

static fl_status open_table(const fl_session *s, const fl_cache_conf *conf, bool training,
                            fl_features *f) {
    FL_TRY(open_memory(s, conf, training, &f->shared));
    f->comm = s->comm;
    bool first = fl_shared_writer(f->shared);
    for (int turn = 0; turn < 2;
         turn++) { /* the writer empties what cannot be trusted before others look */
        if (first == (turn == 0)) f->cache = fl_cache_open(fl_shared_data(f->shared), conf, first);
        fl_shared_barrier(f->shared);
    }
    return FL_OK;
}

static fl_status open_set(const fl_session *s, const fl_dataset *set, bool training,
                          fl_features *f) {
    if (!set) return FL_OK;
    fl_cache_conf conf = conf_of(s, set, training);
    conf.checksums = strcmp(s->plan->features.place, "disk") == 0;
    f->needs_input = s->plan->live_reads_input;
    return open_table(s, &conf, training, f);
}

/* A thaw above the frost line leaves everything below it as it was. */
static bool still_holds(const fl_session *s, const fl_dataset *set, bool training,
                        const fl_features *f) {
    if (!set || !f->cache) return !set;
    fl_cache_conf wanted = conf_of(s, set, training);
    const fl_cache_conf *is = fl_cache_conf_of(f->cache);
    return is->key == wanted.key && is->rows == wanted.rows && is->width == wanted.width;
}

fl_status fl_features_keep(fl_session *s, const fl_data *data, fl_features *training,
                           fl_features *validation) {
    if (still_holds(s, data->train, true, training) &&
        still_holds(s, data->validation, false, validation))
        return FL_OK;
    fl_features_close(training); /* first: their room is wanted again */
    fl_features_close(validation);
    FL_TRY(fl_experiment_features(s->comm, s->x, data, s->phase, s->plan));
    if (strcmp(s->plan->features.place, "off") == 0) return FL_OK;
    fl_status status = open_set(s, data->train, true, training);
    if (status == FL_OK) status = open_set(s, data->validation, false, validation);
    if (status == FL_OK || s->x->data.cache_features != FL_CACHE_AUTO) return status;
    fl_note("features are not kept: %s", fl_message());
    fl_features_close(training);
    fl_features_close(validation);
    return FL_OK;
}

void fl_features_close(fl_features *f) {
    fl_cache_close(f->cache);
    fl_shared_close(f->shared);
    *f = (fl_features){0};
}

void fl_features_use(const fl_features *f, fl_engine *engine, fl_loader *loader) {
    fl_engine_use_features(engine, f->cache);
    if (f->cache) fl_features_exchange(f);
    bool whole = f->cache && fl_cache_count(f->cache) == fl_cache_conf_of(f->cache)->rows;
    fl_loader_skip_inputs(loader, whole && !f->needs_input);
}
